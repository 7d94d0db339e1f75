"""Colorful-Fashion Parsing Data: superpixels in one MATLAB v7.3 file, which is HDF5."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clothseg.dataset.wardrobe.colours import COLOURS, main_colour
from clothseg.dataset.wardrobe.layouts.files import (
    Advance,
    complete_folder,
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
CELLS = (25, 30, 35, 40, 50, 60, 80, 120)
"""Sides of the square cells that may cut a photo into superpixels, in pixels."""
USER_BLOCK = 512
"""Bytes before the HDF5 content, in which MATLAB says what the file is."""
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
"""CFPD's class of everything that it labels, by CCP name."""


def write_cfpd(root: Path, photos: int, seed: int, advance: Advance) -> None:
    """Draw photos and write them as the archive of CFPD unpacks."""
    import h5py

    names = native_names("cfpd")
    with complete_folder(root) as part:
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
            for kind, words in (("category", names), ("colors", ["bk", *COLOURS])):
                texts = [_text(cells, _free_name(cells), word) for word in words]
                _cell(file, f"all_{kind}_name", np.array(texts, object)[None])
        _sign(path)


def classes_of(photo: Photo, names: list[str]) -> NDArray[np.intp]:
    """Class id of every piece of a photo by its number; index 0 is the background."""
    return np.array([0, *(names.index(_class_name(piece)) for piece in photo.pieces)])


def _class_name(piece: Piece) -> str:
    return "face" if piece.part == "face" else CLASSES.get(piece.name, "bk")


def _superpixels(photo: Photo) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The finest cut into at most :data:`SUPERPIXELS`: ids [H,W] from 0, and each one's piece.

    No superpixel holds two pieces, so that together they are the drawing.
    """
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    count = len(photo.pieces) + 1
    for side in CELLS:
        cell = (y // side) * (WIDTH // side + 1) + x // side
        found, ids = np.unique(cell * count + photo.seen, return_inverse=True)
        if len(found) <= SUPERPIXELS:
            break
    return ids.reshape(HEIGHT, WIDTH), found % count


def _record(cells: "h5py.Group", name: str, photo: Photo, names: list[str]) -> Any:
    """One photo as a MATLAB struct; returns the reference to it."""
    ids, pieces = _superpixels(photo)
    classes = classes_of(photo, names)
    colours = np.array([0, *(COLOURS.index(main_colour(p.cloth)[0]) + 1 for p in photo.pieces)])
    # MATLAB counts classes and colours from 1; a superpixel that does not occur is background.
    category, color = np.ones((2, 1, SUPERPIXELS))
    category[0, : len(pieces)] += classes[pieces]
    color[0, : len(pieces)] += np.where(classes > 0, colours, 0)[pieces]
    group = cells.create_group(_free_name(cells))
    group.attrs["MATLAB_class"] = np.bytes_("struct")
    _text(group, "img_name", name)
    # MATLAB stores columns first, so that HDF5 sees every array transposed.
    _array(group, "segmentation", ids.T.astype(np.float32), "single")
    _array(group, "category_label", category, "double")
    _array(group, "color_label", color, "double")
    return group.ref


def _free_name(cells: "h5py.Group") -> str:
    """A name for the next object that only references lead to."""
    return f"r{len(cells):05d}"


def _array(group: "h5py.Group", name: str, values: NDArray, kind: str) -> "h5py.Dataset":
    """A compressed array of a MATLAB class."""
    dataset = group.create_dataset(name, data=values, compression="gzip", compression_opts=4)
    dataset.attrs["MATLAB_class"] = np.bytes_(kind)
    return dataset


def _text(group: "h5py.Group", name: str, text: str) -> Any:
    """A row of characters as MATLAB has it; returns the reference to it."""
    letters = np.array([[ord(letter)] for letter in text], np.uint16)
    dataset = _array(group, name, letters, "char")
    dataset.attrs["MATLAB_int_decode"] = np.int32(2)
    return dataset.ref


def _cell(file: "h5py.File", name: str, references: NDArray) -> None:
    """A cell array of references."""
    import h5py

    dataset = file.create_dataset(name, data=references, dtype=h5py.ref_dtype)
    dataset.attrs["MATLAB_class"] = np.bytes_("cell")


def _sign(path: Path) -> None:
    """Fill the user block: text without a date, so that bytes repeat; version and byte order."""
    text = b"MATLAB 7.3 MAT-file, Platform: clothseg wardrobe, HDF5 schema 1.00 ."
    with path.open("r+b") as file:
        file.write((text.ljust(116) + bytes(8) + b"\x00\x02IM").ljust(USER_BLOCK, b"\x00"))
