"""Areas and dominant colors of the classes in photos."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from clothseg.commands.predict.photos import Photo
from clothseg.files import write_csv, write_json
from clothseg.label_file import LABEL_FILE, label_rows
from clothseg.labels import LabelSpace
from clothseg.task.color_names import dominant_colors


def photo_row(
    photo: Photo, image: np.ndarray, mask: np.ndarray, names: Sequence[str]
) -> dict[str, Any]:
    """Name and size of a photo, and pixels and dominant colors of each class in it.

    Args:
        photo: the photo.
        image: its pixels, uint8 [H,W,3].
        mask: class ids uint8 [H,W].
        names: class names in id order.
    """
    return area_row(photo, mask, names) | color_row(image, mask, names)


def area_row(photo: Photo, mask: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """Name, size, and pixel count of each class for one photo."""
    pixels = np.bincount(mask.ravel(), minlength=len(names)).tolist()
    height, width = mask.shape
    areas = dict(zip(names, pixels, strict=True))
    return {"photo": photo.name, "width": width, "height": height, "pixels": areas}


def color_row(image: np.ndarray, mask: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """Dominant colors of each class but the background, for one photo."""
    found = dominant_colors(image, mask, len(names))
    pairs = zip(names[1:], found[1:], strict=True)
    return {"colors": {name: list(map(asdict, colors)) for name, colors in pairs if colors}}


def write_tables(output: Path, rows: Sequence[Mapping[str, Any]], labels: LabelSpace) -> None:
    """Write the rows of photos as JSON and CSV, and the class names."""
    write_json(output / LABEL_FILE, label_rows(labels))
    write_json(output / "areas.json", rows)
    table = [[row["photo"], row["width"], row["height"], *row["pixels"].values()] for row in rows]
    write_csv(output / "areas.csv", ["photo", "width", "height", *labels.names], table)
