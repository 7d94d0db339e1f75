"""Colorful-Fashion Parsing Data: superpixels in one MATLAB v7.3 file, which is HDF5."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clothseg.dataset.wardrobe.colors import COLORS, main_color
from clothseg.dataset.wardrobe.layouts.files import (
    Advance,
    atomic_folder,
    native_names,
    save_jpeg,
)
from clothseg.dataset.wardrobe.outfit import SHOES
from clothseg.dataset.wardrobe.photo import Photo, draw_portrait
from clothseg.dataset.wardrobe.piece import Piece

if TYPE_CHECKING:
    import h5py

HEIGHT, WIDTH = 600, 400
SUPERPIXELS = 425
"""Maximum number of superpixels in a photo."""
CELL_SIZES = (25, 30, 35, 40, 50, 60, 80, 120)
"""Sides in pixels of the square cells that may divide a photo into superpixels, finest first."""
USER_BLOCK = 512
"""Bytes before the HDF5 content; MATLAB describes the file there."""
CLASSES = {
    **dict.fromkeys(("t-shirt", "top"), "T-shirt"),
    **dict.fromkeys(("bag", "purse"), "bag"),
    **dict.fromkeys(("blazer", "suit"), "blazer"),
    **dict.fromkeys(("blouse", "shirt"), "blouse"),
    **dict.fromkeys(("coat", "cape", "jacket"), "coat"),
    **dict.fromkeys(("dress", "romper", "bodysuit"), "dress"),
    **dict.fromkeys(("scarf", "tie"), "scarf"),
    **dict.fromkeys(SHOES, "shoe"),
    **dict.fromkeys(("stockings", "tights"), "stocking"),
    **dict.fromkeys(("sunglasses", "glasses"), "sunglass"),
    **dict.fromkeys(
        ("sweater", "jumper", "sweatshirt", "hoodie", "vest", "cardigan"), "sweater"
    ),
    "leggings": "legging",
    **{name: name for name in (
        "belt", "hair", "hat", "jeans", "pants", "shorts", "skin", "skirt", "socks",
    )},
}  # fmt: skip
"""CFPD class by CCP name, for everything that CFPD labels."""


def write_cfpd(root: Path, photos: int, seed: int, advance: Advance) -> None:
    """Render photos and write them as the unpacked archive of CFPD."""
    import h5py

    names = native_names("cfpd")
    with atomic_folder(root) as part:
        (part / "image").mkdir()
        path = part / "fashon_parsing_data.mat"
        with h5py.File(path, "w", userblock_size=USER_BLOCK) as file:
            cells = file.create_group("#refs#")
            empty = cells.create_dataset("a", data=np.zeros(2, np.uint64))
            empty.attrs["MATLAB_class"] = np.bytes_("canonical empty")
            empty.attrs["MATLAB_empty"] = np.uint8(1)
            records = []
            for index in range(photos):
                photo = draw_portrait(seed, index, HEIGHT, WIDTH)
                name = f"{index + 1}.jpg"
                save_jpeg(part / "image" / name, photo.image)
                records.append(_record(cells, name, photo, names))
                advance(1)
            _cell(file, "fashion_dataset", np.array(records, object)[:, None])
            for kind, words in (("category", names), ("colors", ["bk", *COLORS])):
                texts = [_text(cells, _free_name(cells), word) for word in words]
                _cell(file, f"all_{kind}_name", np.array(texts, object)[None])
        _write_header(path)


def piece_classes(photo: Photo, names: list[str]) -> NDArray[np.intp]:
    """Return the class id of every piece, indexed by piece number; index 0 is the background."""
    return np.array([0, *(names.index(_class_name(piece)) for piece in photo.pieces)])


def _class_name(piece: Piece) -> str:
    return "face" if piece.part == "face" else CLASSES.get(piece.name, "bk")


def _superpixels(photo: Photo) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the finest division into at most :data:`SUPERPIXELS`: ids [H,W] and pieces [S].

    Ids count from 0; every superpixel lies in one piece, so that they preserve the ground truth.
    """
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    count = len(photo.pieces) + 1
    for side in CELL_SIZES:
        cell = (y // side) * (WIDTH // side + 1) + x // side
        found, ids = np.unique(cell * count + photo.piece_map, return_inverse=True)
        if len(found) <= SUPERPIXELS:
            break
    return ids.reshape(HEIGHT, WIDTH), found % count


def _record(cells: "h5py.Group", name: str, photo: Photo, names: list[str]) -> Any:
    """Write one photo as a MATLAB struct and return a reference to it."""
    ids, pieces = _superpixels(photo)
    classes = piece_classes(photo, names)
    colors = np.array([0, *(COLORS.index(main_color(p.cloth)[0]) + 1 for p in photo.pieces)])
    # MATLAB counts classes and colors from 1; unused superpixels are background.
    category, color = np.ones((2, 1, SUPERPIXELS))
    category[0, : len(pieces)] += classes[pieces]
    color[0, : len(pieces)] += np.where(classes > 0, colors, 0)[pieces]
    group = cells.create_group(_free_name(cells))
    group.attrs["MATLAB_class"] = np.bytes_("struct")
    _text(group, "img_name", name)
    # MATLAB is column-major, so HDF5 sees every array transposed.
    _array(group, "segmentation", ids.T.astype(np.float32), "single")
    _array(group, "category_label", category, "double")
    _array(group, "color_label", color, "double")
    return group.ref


def _free_name(cells: "h5py.Group") -> str:
    """Return an unused name for an object that is only reached through references."""
    return f"r{len(cells):05d}"


def _array(group: "h5py.Group", name: str, values: NDArray[np.number], kind: str) -> "h5py.Dataset":
    """Write a compressed array of a MATLAB class."""
    dataset = group.create_dataset(name, data=values, compression="gzip", compression_opts=4)
    dataset.attrs["MATLAB_class"] = np.bytes_(kind)
    return dataset


def _text(group: "h5py.Group", name: str, text: str) -> Any:
    """Write a MATLAB row of characters and return a reference to it."""
    letters = np.array([[ord(letter)] for letter in text], np.uint16)
    dataset = _array(group, name, letters, "char")
    dataset.attrs["MATLAB_int_decode"] = np.int32(2)
    return dataset.ref


def _cell(file: "h5py.File", name: str, references: NDArray[np.object_]) -> None:
    """Write a cell array of references."""
    import h5py

    dataset = file.create_dataset(name, data=references, dtype=h5py.ref_dtype)
    dataset.attrs["MATLAB_class"] = np.bytes_("cell")


def _write_header(path: Path) -> None:
    """Write the user block: text without a date, for reproducible bytes, version and byte order."""
    text = b"MATLAB 7.3 MAT-file, Platform: clothseg wardrobe, HDF5 schema 1.00 ."
    with path.open("r+b") as file:
        file.write((text.ljust(116) + bytes(8) + b"\x00\x02IM").ljust(USER_BLOCK, b"\x00"))
