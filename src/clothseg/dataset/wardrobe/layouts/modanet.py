"""ModaNet: a COCO file of polygons for all photos."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from clothseg.dataset.wardrobe.layouts.files import (
    Advance,
    atomic_folder,
    native_names,
    save_jpeg,
)
from clothseg.dataset.wardrobe.layouts.objects import AnnotatedObject, annotate_objects
from clothseg.dataset.wardrobe.outfit import COATS, SHOES
from clothseg.dataset.wardrobe.photo import draw_portrait

HEIGHT, WIDTH = 600, 400
VALIDATION_EVERY = 5
"""Interval of photos listed in the validation file, which has no annotations."""
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
"""ModaNet category by CCP name, for every garment that ModaNet annotates."""


def write_modanet(root: Path, photos: int, seed: int, advance: Advance) -> None:
    """Render photos and write them as ModaNet's repository with a folder of its photos."""
    names = native_names("modanet")
    categories = {name: names.index(category) for name, category in CATEGORIES.items()}
    train, validation = _coco(names), _coco(names)
    with atomic_folder(root) as part:
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
                for item in annotate_objects(photo, categories, details={}):
                    annotation_id = len(train["annotations"]) + 1
                    train["annotations"].append(_annotation(annotation_id, number, item))
            advance(1)
        for kind, content in (("train", train), ("val", validation)):
            path = part / "annotations" / f"modanet2018_instances_{kind}.json"
            path.write_text(json.dumps(content))


def _coco(names: list[str]) -> dict[str, Any]:
    """Return a COCO file with ModaNet's categories and no images."""
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


def _annotation(annotation_id: int, image_id: int, item: AnnotatedObject) -> dict[str, Any]:
    """Return the COCO annotation of one garment."""
    left, top, width, height = cv2.boundingRect(item.mask.astype(np.uint8))
    return {
        "id": annotation_id,
        "image_id": image_id,
        "category_id": item.category,
        "area": int(item.mask.sum()),
        "bbox": [left, top, width, height],
        "segmentation": [polygon.ravel().tolist() for polygon in polygons(item.mask)],
        "iscrowd": 0,
    }


def polygons(mask: NDArray[np.bool_]) -> list[NDArray[np.int32]]:
    """Convert a mask to closed polygons along pixel edges that contain exactly its pixel centers.

    Polygons cannot express holes: a shape with a hole is split through it.

    Args:
        mask: bool [H,W].

    Returns:
        Corners (x, y) of every polygon, [n,2].
    """
    # Contours run through pixel centers; at 3x upsampling, corners round to pixel edges.
    large = cv2.resize(mask.astype(np.uint8), None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST)
    contours, hierarchy = cv2.findContours(large, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    outlines = [(contour[:, 0] + 1) // 3 for contour in contours]
    for outline, (_, _, _, parent) in zip(outlines, hierarchy[0], strict=True):
        if parent >= 0:
            cut = int(outline[:, 0].min()) + 1
            return polygons(_columns(mask, 0, cut)) + polygons(_columns(mask, cut, None))
    return outlines


def _columns(mask: NDArray[np.bool_], start: int, end: int | None) -> NDArray[np.bool_]:
    """Return the part of a mask that lies in a range of columns."""
    part = np.zeros_like(mask)
    part[:, start:end] = mask[:, start:end]
    return part
