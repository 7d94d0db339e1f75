"""Decoding of one image: damage, transparency, numbers of bits, orientation, and size limits."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from clothseg.dataset.defect import Defect
from clothseg.dataset.image import MAX_PIXELS, image_size, read_image
from clothseg.dataset.png import decode_png, read_ids, value_counts
from clothseg.error import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (61, 43, 3), np.uint8)


def jpeg(pixels=PIXELS, mode="RGB", **options):
    content = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(content, "JPEG", quality=95, **options)
    return content.getvalue()


def write_png_header(path, width, height, depth=8, color=0):
    """Write a PNG that declares a size, with little in it."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    data = b"IDAT" + zlib.compress(bytes(100))
    data = struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    end = b"\0\0\0\0IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + data + end)


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        *[("RGB", {"subsampling": number}) for number in range(3)],
        ("RGB", {"progressive": True}),
        ("L", {}),
        ("CMYK", {}),
    ],
)
def test_pixels_of_a_jpeg_are_those_of_opencv(mode, options, tmp_path):
    content = jpeg(mode=mode, **options)
    (tmp_path / "a.jpg").write_bytes(content)
    expected = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(read_image(tmp_path / "a.jpg"), expected[..., ::-1])


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".webp"])
@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_of_other_formats_are_those_of_opencv(suffix, channels, tmp_path):
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), PIXELS[..., ::-1] if channels == 3 else PIXELS[..., 0])
    expected = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert np.array_equal(read_image(path), expected[..., ::-1])
    assert image_size(path) == PIXELS.shape[:2]


def cut_and_closed(content):
    return content[: len(content) // 2] + b"\xff\xd9"


def zeroed(content):
    middle = len(content) // 2
    return content[:middle] + bytes(200) + content[middle + 200 :]


def shortened(content):
    middle = len(content) // 2
    return content[:middle] + content[middle + 300 :]


@pytest.mark.parametrize("damage", [cut_and_closed, zeroed, shortened])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_what_the_decoder_complains_about_is_a_defect(damage, options, tmp_path):
    (tmp_path / "a.jpg").write_bytes(damage(jpeg(**options)))
    with pytest.raises(Defect, match=r"a\.jpg: the image is damaged: Corrupt JPEG data") as raised:
        read_image(tmp_path / "a.jpg")
    assert raised.value.kind == "unreadable image"


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pixels_are_laid_on_white(mode, tmp_path):
    cutout = Image.fromarray(np.full((4, 6, 3), 40, np.uint8)).convert("RGBA")
    cutout.paste((0, 0, 0, 0), (0, 0, 3, 4))
    cutout.convert(mode).save(tmp_path / "a.png")
    pixels = read_image(tmp_path / "a.png")
    assert (pixels[:, :3] == 255).all()
    assert np.abs(pixels[:, 3:].astype(int) - 40).max() <= 8  # the nearest color of a palette


def test_half_transparent_pixels_are_blended_with_white(tmp_path):
    Image.new("RGBA", (2, 2), (0, 100, 200, 51)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png")[0, 0].tolist() == [204, 224, 244]


def test_the_upper_8_of_16_bits_are_used(tmp_path):
    values = np.arange(0, 65536, 64, np.uint16).reshape(32, 32)
    for suffix in (".png", ".tif"):
        Image.fromarray(values).save(tmp_path / f"a{suffix}")
        pixels = read_image(tmp_path / f"a{suffix}")
        assert np.array_equal(pixels, np.repeat((values >> 8)[..., None], 3, 2))


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (np.full((4, 4), 4095, np.uint16), "stored with 16 bits per channel, but its values fill"),
        (np.full((4, 4), 0.5, np.float32), "has floating-point values, not 8-bit colors"),
        (np.full((4, 4), 7, np.int32), "has 32-bit integer values"),
    ],
)
def test_values_that_are_no_colors_are_called_by_what_they_are(values, problem, tmp_path):
    Image.fromarray(values).save(tmp_path / "a.tif")
    with pytest.raises(Defect, match=rf"a\.tif: (is )?{problem}"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("compression", [cv2.IMWRITE_TIFF_COMPRESSION_NONE, 5])
@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 3), (4, 4, 4)])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_floats_of_several_channels_are_not_called_damaged(kind, shape, compression, tmp_path):
    options = [cv2.IMWRITE_TIFF_COMPRESSION, compression]
    assert cv2.imwrite(str(tmp_path / "a.tif"), np.full(shape, 0.5, kind), options)
    with pytest.raises(Defect, match=r"a\.tif: has floating-point values, not 8-bit colors"):
        read_image(tmp_path / "a.tif")


def test_integers_of_32_bits_in_several_channels_are_not_called_damaged(tmp_path):
    assert cv2.imwrite(str(tmp_path / "a.tif"), np.full((4, 4, 3), 7, np.int32))
    with pytest.raises(Defect, match=r"a\.tif: has 32-bit integer values"):
        read_image(tmp_path / "a.tif")


def test_dark_colors_of_16_bits_are_not_shown_black(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((4, 4, 3), 4095, np.uint16))
    with pytest.raises(Defect, match="nearly black"):
        read_image(tmp_path / "a.png")
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((4, 4, 3), np.uint16))
    assert not read_image(tmp_path / "a.png").any()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_every_orientation_is_turned_as_viewers_do(orientation, name, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(PIXELS).save(tmp_path / name, exif=exif, quality=95)
    stored = read_image(tmp_path / name)
    assert stored.shape == PIXELS.shape
    with Image.open(tmp_path / name) as image:
        expected = ImageOps.exif_transpose(Image.fromarray(stored))
        image.getexif()
        expected = ImageOps.exif_transpose(image).convert("RGB")
    turned = read_image(tmp_path / name, upright=True)
    assert turned.shape == np.asarray(expected).shape
    difference = np.abs(turned.astype(int) - np.asarray(expected)).max()
    assert difference == 0


@pytest.mark.parametrize("size", [(25_000, 25_000), (30_000, 30_000), (70_000, 1)])
def test_an_image_with_too_many_pixels_is_not_decoded(size, tmp_path):
    write_png_header(tmp_path / "a.png", *size)
    for read in (read_image, image_size, decode_png, read_ids):
        with pytest.raises(DataError, match=f"declares {size[0]}x{size[1]} pixels; allowed"):
            read(tmp_path / "a.png")


def test_a_program_in_postscript_is_not_run(tmp_path):
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    with pytest.raises(Defect, match="cannot be decoded"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_values_are_counted_in_parts(kind, monkeypatch):
    monkeypatch.setattr("clothseg.dataset.png.COUNTED_AT_ONCE", 100)
    ids = np.random.default_rng(0).integers(0, 200 if kind == np.uint8 else 3000, (37, 41), kind)
    expected = np.bincount(ids.ravel(), minlength=256)
    assert np.array_equal(value_counts(ids), expected)
    assert value_counts(ids[:0]).tolist() == [0] * 256


def test_the_largest_photos_are_allowed():
    assert MAX_PIXELS > 11_648 * 8_736  # of a medium-format camera


@pytest.mark.parametrize("damage", ["cut header", "cut pixels", "pixels", "chunk"])
def test_a_damaged_png_is_described_without_words_of_a_library(damage, tmp_path):
    path = tmp_path / "a.png"
    noise = np.random.default_rng(0).integers(0, 256, (40, 30), np.uint8)
    cv2.imwrite(str(path), noise)
    content = path.read_bytes()
    path.write_bytes(
        {
            "cut header": content[:30],
            "cut pixels": content[:300],
            "pixels": content[:200] + bytes(200) + content[400:],
            "chunk": content[:37] + b"\xff" * 8 + content[45:],
        }[damage]
    )
    with pytest.raises(DataError) as raised:
        read_ids(path)
    problem = "is truncated" if "cut" in damage else "cannot be decoded"
    size = len(path.read_bytes())
    assert str(raised.value) == f"{path}: the PNG {problem} ({size} bytes); write it again"
