"""Decoding of one image, and its EXIF orientation."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import simplejpeg

from clothseg.dataset.defect import Defect
from clothseg.error import DataError, first_line
from clothseg.untrusted import MAX_IMAGE_BYTES, read_file, require_file

if TYPE_CHECKING:
    from PIL import Image

ORIENTATION_TAG = 0x0112
"""EXIF tag that tells viewers how to rotate an image; 1 is as stored, 2 to 8 are not."""
BITS_TAG = 258
"""TIFF tag of the bits per channel."""
VALUES_TAG = 339
"""TIFF tag of the type of the values; 3 is floating-point."""
PNG_BITS_BYTE = 24
"""Position of the bits per channel in a PNG."""

MAX_PIXELS = 1 << 27
"""Largest image and largest mask, 134 million pixels: 403 MB as RGB. Cameras of medium format take
photos of 102 million."""
MAX_SIDE = 65_535
"""Largest height and width, that of a JPEG."""

FORMATS = ("PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
"""Formats beside JPEG that are decoded, as Pillow names them."""
JPEG_START = b"\xff\xd8"
JPEG_END = b"\xff\xd9"


def read_image(path: Path, upright: bool = False) -> np.ndarray:
    """Decode an image: uint8 [H,W,3], RGB.

    Transparent pixels are laid on white, and of 16 bits per channel the upper 8 are used.

    Args:
        path: of the image.
        upright: apply the EXIF rotation; masks of datasets match images as stored.

    Raises:
        Defect: the file is not an image of at most :data:`MAX_PIXELS`, is truncated or damaged, or
            its values have no meaning as colors.
    """
    try:
        data = read_file(path, MAX_IMAGE_BYTES)
    except DataError as error:
        raise Defect("unreadable image", path, "", str(error)) from error
    try:
        pixels = _decode_jpeg(data) if data.startswith(JPEG_START) else _decode_other(data)
    except _RefusedError as refusal:
        raise Defect("unreadable image", path, refusal.value, f"{path}: {refusal}") from None
    except Exception as error:  # Pillow raises many types for damaged files
        raise _damaged(path, data, error) from error
    return _turned(pixels, _orientation(data)) if upright else pixels


def image_size(path: Path) -> tuple[int, int]:
    """Height and width of an image as stored, from its header, pixels.

    Raises:
        DataError: the file is not an image, or declares too many pixels.
    """
    require_file(path, MAX_IMAGE_BYTES)
    try:
        with path.open("rb") as file, open_image(file, ("JPEG", *FORMATS)) as image:
            require_size(image.height, image.width)
            return image.height, image.width
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except Exception as error:  # Pillow raises many types for damaged files
        raise DataError(f"{path}: the image has no readable header") from error


def rotation(path: Path) -> Defect | None:
    """Return the defect of an image that viewers and other loaders rotate, but not its mask."""
    try:
        orientation = _orientation(read_file(path, MAX_IMAGE_BYTES))
    except DataError:  # reading reports it
        return None
    if orientation not in range(2, 9):
        return None
    message = (
        f"{path}: EXIF orientation {orientation} makes viewers and other loaders rotate the image, "
        "but not its mask; save the image upright and remove the tag"
    )
    return Defect("rotated image", path, str(orientation), message)


def open_image(file: BinaryIO, formats: tuple[str, ...]) -> "Image.Image":
    """Let Pillow read the header of an image; pixels are decoded later, once its size is known.

    Args:
        file: opened for reading.
        formats: allowed formats, as Pillow names them; some that it knows start other programs.
    """
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # our limit is stricter than its error, and not a warning
    return Image.open(file, formats=formats)


def require_size(height: int, width: int) -> None:
    """Refuse a declared size before anything of that size is allocated.

    Raises:
        DataError: the image would have no pixels, or too many.
    """
    if min(height, width) < 1 or max(height, width) > MAX_SIDE or height * width > MAX_PIXELS:
        raise _RefusedError(
            f"{width}x{height}",
            f"declares {width}x{height} pixels; allowed are up to {MAX_PIXELS / 1e6:.0f} million, "
            f"at most {MAX_SIDE} per side",
        )


class _RefusedError(DataError):
    """Reason why an intact image is not used, and the offending value."""

    def __init__(self, value: str, reason: str) -> None:
        super().__init__(reason)
        self.value = value


def _decode_jpeg(data: bytes) -> np.ndarray:
    """Decode a JPEG [H,W,3].

    OpenCV and Pillow return garbage for damaged data, and libjpeg's warnings are lost; here they
    are errors. The pixels are the same: all three contain libjpeg-turbo.
    """
    require_size(*simplejpeg.decode_jpeg_header(data)[:2])
    pixels: np.ndarray = simplejpeg.decode_jpeg(data, "RGB", strict=True)
    return pixels


def _decode_other(data: bytes) -> np.ndarray:
    """Decode an image that is not a JPEG, [H,W,3]."""
    from PIL import Image, UnidentifiedImageError

    try:
        opened = open_image(io.BytesIO(data), FORMATS)
    except UnidentifiedImageError:
        if refusal := _wide_tiff(data):
            raise refusal from None
        raise
    with opened as image:
        require_size(image.height, image.width)
        if image.mode in ("F", "I"):
            raise _no_colors("floating-point" if image.mode == "F" else "32-bit integer")
        bits = _stored_bits(image, data)
        if image.mode.startswith("I;16"):
            return _upper_bits(np.asarray(image), bits)
        if image.has_transparency_data:
            cutout = image.convert("RGBA")
            white = Image.new("RGBA", cutout.size, "white")
            image = Image.alpha_composite(white, cutout)
        pixels = np.array(image.convert("RGB"))
    if bits == 16 and 0 < pixels.max() < 16:
        raise _dark(12)
    return pixels


def _wide_tiff(data: bytes) -> _RefusedError | None:
    """Name the values of a TIFF that Pillow has no mode for, such as three floats per pixel."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    file = io.BytesIO(data)
    try:
        tags = ImageFileDirectory_v2(file.read(8))
        file.seek(tags.next)
        tags.load(file)
        bits, values = tags[BITS_TAG][0], tags.get(VALUES_TAG, (1,))[0]
    except Exception:  # Pillow raises many types for other and for damaged files
        return None
    if values == 3:
        return _no_colors("floating-point")
    return _no_colors(f"{bits}-bit integer") if bits > 16 else None


def _no_colors(kind: str) -> _RefusedError:
    return _RefusedError(kind, f"has {kind} values, not 8-bit colors; convert it")


def _stored_bits(image: "Image.Image", data: bytes) -> int:
    """Bits per channel of a TIFF or a PNG; 8 or 16 of other formats."""
    if image.format == "PNG":
        return data[PNG_BITS_BYTE]
    stored = getattr(image, "tag_v2", {}).get(BITS_TAG)
    if stored:
        return int(stored[0])
    return 16 if image.mode.startswith("I;16") else 8


def _upper_bits(values: np.ndarray, bits: int) -> np.ndarray:
    """Upper 8 bits of gray values uint16 [H,W], as RGB [H,W,3]."""
    if bits == 16 and 16 <= values.max() < 4096:
        raise _dark(12)
    gray = (values >> (bits - 8)).clip(0, 255).astype(np.uint8)
    return np.repeat(gray[..., None], 3, axis=2)


def _dark(bits: int) -> _RefusedError:
    return _RefusedError(
        f"{bits} bits",
        f"is stored with 16 bits per channel, but its values fill only {bits}, so that it would be "
        "nearly black; convert it to 8 bits",
    )


def _orientation(data: bytes) -> int:
    """EXIF orientation; 1 if there is none or it cannot be read: decoding reports any damage."""
    try:
        with open_image(io.BytesIO(data), ("JPEG", *FORMATS)) as image:
            return int(image.getexif().get(ORIENTATION_TAG, 1))
    except Exception:  # Pillow raises many types for damaged files
        return 1


def _turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Apply an EXIF orientation to an image [H,W,3]."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _damaged(path: Path, data: bytes, error: Exception) -> Defect:
    """Build the defect of a file that a decoder rejects."""
    jpeg = data.startswith(JPEG_START)
    reason = first_line(error).rstrip(". ")
    if not data or (jpeg and not data.endswith(JPEG_END)):
        problem = "is truncated"
    elif jpeg:
        problem = f"is damaged: {reason}"
    else:
        problem = "cannot be decoded"
    size = f"{len(data)} bytes"
    message = f"{path}: the image {problem} ({size}); obtain the file again"
    return Defect("unreadable image", path, size, message)
