"""iMaterialist (Fashion) 2019: a table with one run-length encoded object per row."""

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clothseg.dataset.wardrobe.layouts.files import (
    Advance,
    atomic_folder,
    native_names,
    save_jpeg,
)
from clothseg.dataset.wardrobe.layouts.objects import AnnotatedObject, annotate_objects
from clothseg.dataset.wardrobe.outfit import SHOES
from clothseg.dataset.wardrobe.photo import draw_portrait

GARMENTS = {
    **dict.fromkeys(("shirt", "blouse"), 0),
    **dict.fromkeys(("t-shirt", "sweatshirt", "hoodie", "top"), 1),
    **dict.fromkeys(("sweater", "jumper"), 2),
    "cardigan": 3,
    **dict.fromkeys(("jacket", "blazer", "suit"), 4),
    "vest": 5,
    **dict.fromkeys(("jeans", "pants", "leggings"), 6),
    "shorts": 7, "skirt": 8, "coat": 9, "dress": 10, "romper": 11, "bodysuit": 11, "cape": 12,
    **dict.fromkeys(("glasses", "sunglasses"), 13),
    "hat": 14, "tie": 16, "gloves": 17, "belt": 19,
    **dict.fromkeys(("tights", "stockings"), 21),
    "socks": 22,
    **dict.fromkeys(SHOES, 23),
    **dict.fromkeys(("bag", "purse"), 24),
    "scarf": 25,
}  # fmt: skip
"""Category of garments by CCP name."""
PARTS = {
    "collar": 28, "lapel": 29, "sleeve": 31, "pocket": 32, "neckline": 33, "buckle": 34,
    "applique": 36, "bow": 38, "fringe": 40,
}  # fmt: skip
"""Category of garment parts by kind of detail."""
SUPERCATEGORIES = (
    (6, "upperbody"), (9, "lowerbody"), (13, "wholebody"), (16, "head"), (17, "neck"),
    (19, "arms and hands"), (20, "waist"), (24, "legs and feet"), (27, "others"),
    (34, "garment parts"), (36, "closures"), (46, "decorations"),
)  # fmt: skip
"""Upper bound of the category ids, and name, of each supercategory."""
ATTRIBUTES = {
    3: ("mini (length)", "length"), 7: ("midi", "length"),
    61: ("plain (pattern)", "textile pattern"), 64: ("letters, numbers", "textile pattern"),
    69: ("floral", "textile pattern"), 70: ("geometric", "textile pattern"),
}  # fmt: skip
"""Name and group of the rendered attributes; the release has 92."""
PATTERNS = {"solid": 61, "letters": 64, "fancy": 69, "geometrical": 70}
LENGTHS = {"short": 3, "long": 7}
CATEGORIES_WITH_ATTRIBUTES = (8, 9, 10)
"""Categories with attributes: skirt, coat and dress; few rows of the release have any."""


def write_imaterialist(root: Path, photos: int, seed: int, advance: Advance) -> None:
    """Render photos of several sizes and write them as the unpacked Kaggle download.

    The rows of a photo are in random order, as in the release: painting them in file order would
    cover pockets and sleeves with the garments below them.
    """
    rows: list[tuple[str, str, int, int, str]] = []
    with atomic_folder(root) as part:
        (part / "train").mkdir()
        (part / "label_descriptions.json").write_text(
            json.dumps(label_descriptions(), indent=1) + "\n"
        )
        for index in range(photos):
            height, width, name = size_and_name(seed, index)
            photo = draw_portrait(seed, index, height, width)
            save_jpeg(part / "train" / f"{name}.jpg", photo.image)
            objects = annotate_objects(photo, GARMENTS, PARTS)
            order = (
                np.random.default_rng(np.random.SeedSequence([seed, 5, index]))
                .permutation(len(objects))
                .tolist()
            )
            rows += [
                (
                    f"{name}.jpg",
                    encode_runs(objects[position].mask),
                    height,
                    width,
                    _class_id(objects[position]),
                )
                for position in order
            ]
            advance(1)
        rows.sort(key=lambda row: row[0])
        with (part / "train.csv").open("w", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(("ImageId", "EncodedPixels", "Height", "Width", "ClassId"))
            table.writerows(rows)


def size_and_name(seed: int, index: int) -> tuple[int, int, str]:
    """Return height and width of a photo in pixels, and its name of 32 hexadecimal digits."""
    name = hashlib.blake2b(f"{seed} {index}".encode(), digest_size=16).hexdigest()
    rng = np.random.default_rng(np.random.SeedSequence([seed, 4, index]))
    height = int(rng.integers(320, 721))
    return height, round(height * rng.uniform(0.62, 0.85)), name


def encode_runs(mask: NDArray[np.bool_]) -> str:
    """Encode bool [H,W] as starts and lengths of column-wise runs; the first pixel is 1."""
    edges = np.diff(np.concatenate([[False], mask.T.ravel(), [False]]).astype(np.int8))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return " ".join(map(str, np.stack([starts + 1, ends - starts], 1).ravel()))


def _class_id(item: AnnotatedObject) -> str:
    """Return the category id followed by its attribute ids, separated by underscores."""
    attributes = set()
    if item.category in CATEGORIES_WITH_ATTRIBUTES:
        attributes = {PATTERNS[piece.pattern] for piece in item.pieces}
        # The upper half of a dress has the length of its sleeves.
        attributes |= {LENGTHS[piece.size] for piece in item.pieces if piece.part != "upper"}
    return "_".join(map(str, [item.category, *sorted(attributes)]))


def label_descriptions() -> dict[str, list[dict[str, str | int]]]:
    """Return all categories and the rendered attributes."""
    categories: list[dict[str, str | int]] = [
        {"id": number, "name": name, "supercategory": _supercategory(number), "level": 2}
        for number, name in enumerate(native_names("imaterialist")[1:])
    ]
    attributes: list[dict[str, str | int]] = [
        {"id": number, "name": name, "supercategory": group, "level": 1}
        for number, (name, group) in ATTRIBUTES.items()
    ]
    return {"categories": categories, "attributes": attributes}


def _supercategory(category: int) -> str:
    return next(name for bound, name in SUPERCATEGORIES if category < bound)
