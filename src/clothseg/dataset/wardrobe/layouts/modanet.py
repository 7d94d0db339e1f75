"""ModaNet: one COCO file of polygons for all photos."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from clothseg.dataset.wardrobe.layouts.files import (
    Advance,
    complete_folder,
    native_names,
    save_jpeg,
)
from clothseg.dataset.wardrobe.layouts.objects import Outlined, outlined
from clothseg.dataset.wardrobe.outfit import COATS, SHOES
from clothseg.dataset.wardrobe.photo import draw_portrait

HEIGHT, WIDTH = 600, 400
VALIDATION_EVERY = 5
"""Every fifth photo belongs to the validation file, which has no annotations."""
CATEGORIES = {
    **dict.fromkeys(("bag", "purse"), "bag"),
    "belt": "belt",
    **dict.fromkeys(SHOES, "footwear"),
    "boots": "boots",
    **dict.fromkeys((*COATS, "sweater", "jumper", "vest", "romper", "bodysuit"), "outer"),
    "dress": "dress",
    "sunglasses": "sunglasses",
    **dict.fromkeys(("jeans", "pants", "leggings"), "pants"),
    **dict.fromkeys(("t-shirt", "blouse", "shirt", "sweatshirt", "hoodie", "top"), "top"),
    "shorts": "shorts",
    "skirt": "skirt",
    "hat": "headwear",
    **dict.fromkeys(("scarf", "tie"), "scarf/tie"),
}
"""ModaNet's category of every garment that it annotates."""


def write_modanet(root: Path, photos: int, seed: int, advance: Advance) -> None:
    """Draw photos and write them as ModaNet's repository and a folder of its photos."""
    names = native_names("modanet")
    categories = {name: names.index(category) for name, category in CATEGORIES.items()}
    train, validation = _coco(names), _coco(names)
    with complete_folder(root) as part:
        (part / "annotations").mkdir()
        (part / "images").mkdir()
        for index in range(photos):
            number = index + 1
            photo = draw_portrait(seed, index, HEIGHT, WIDTH)
            name = f"{number:07d}.jpg"
            save_jpeg(part / "images" / name, photo.image)
            entry = {
                "id": number, "file_name": name, "width": WIDTH, "height": HEIGHT, "license": 3,
            }  # fmt: skip
            if number % VALIDATION_EVERY == 0:
                validation["images"].append(entry)
            else:
                train["images"].append(entry)
                for thing in outlined(photo, categories, details={}):
                    serial = len(train["annotations"]) + 1
                    train["annotations"].append(_annotation(serial, number, thing))
            advance(1)
        for kind, content in (("train", train), ("val", validation)):
            path = part / "annotations" / f"modanet2018_instances_{kind}.json"
            path.write_text(json.dumps(content))


def _coco(names: list[str]) -> dict[str, Any]:
    """A COCO file of ModaNet's categories without photos."""
    return {
        "info": {"version": "1.0", "description": "drawn by the wardrobe of clothseg"},
        "licenses": [{"id": 3, "name": "drawn", "url": ""}],
        "year": 2018,
        "type": "instances",
        "categories": [
            {"id": number, "name": name, "supercategory": "fashion"}
            for number, name in enumerate(names[1:], start=1)
        ],
        "images": [],
        "annotations": [],
    }  # fmt: skip


def _annotation(serial: int, image: int, thing: Outlined) -> dict[str, Any]:
    """One garment as COCO has it."""
    left, top, width, height = cv2.boundingRect(thing.extent.astype(np.uint8))
    return {
        "id": serial,
        "image_id": image,
        "category_id": thing.category,
        "area": int(thing.extent.sum()),
        "bbox": [left, top, width, height],
        "segmentation": [polygon.ravel().tolist() for polygon in polygons(thing.extent)],
        "iscrowd": 0,
    }


def polygons(extent: NDArray[np.bool_]) -> list[NDArray[np.int32]]:
    """Closed outlines along pixel edges, so that exactly these pixels have their centre inside.

    A list of polygons cannot say what is a hole: a shape with one is cut through it.

    Args:
        extent: the pixels, bool [H,W].

    Returns:
        Corners (x, y) of every polygon, [n,2].
    """
    # Contours run through pixel centres; with 3x3 pixels for one, a corner rounds to its edge.
    large = cv2.resize(extent.astype(np.uint8), None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST)
    contours, hierarchy = cv2.findContours(large, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    outlines = [(contour[:, 0] + 1) // 3 for contour in contours]
    for outline, (_, _, _, parent) in zip(outlines, hierarchy[0], strict=True):
        if parent >= 0:
            cut = int(outline[:, 0].min()) + 1
            return polygons(_columns(extent, 0, cut)) + polygons(_columns(extent, cut, None))
    return outlines


def _columns(extent: NDArray[np.bool_], start: int, end: int | None) -> NDArray[np.bool_]:
    """The part of a shape that lies in some columns."""
    part = np.zeros_like(extent)
    part[:, start:end] = extent[:, start:end]
    return part
