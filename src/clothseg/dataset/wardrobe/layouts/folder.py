"""Plain folder of photos and masks, as written by `scripts/dataset.py action=export`."""

import json
from pathlib import Path

from clothseg.dataset.wardrobe.layouts.files import (
    Advance,
    atomic_folder,
    load_config,
    save_jpeg,
    save_png,
)
from clothseg.dataset.wardrobe.names import CCP_NAMES
from clothseg.dataset.wardrobe.photo import draw_photo
from clothseg.label_file import LABEL_FILE, label_rows
from clothseg.labels import LabelSpace


def write_folder(root: Path, photos: int, seed: int, advance: Advance) -> None:
    """Render photos of the 15 refined classes into `images/`, `masks/` and `labels.json`."""
    labels = LabelSpace(**load_config("labels", "refined15"))
    classes = labels.lookup_table(CCP_NAMES)
    with atomic_folder(root) as part:
        (part / "images").mkdir()
        (part / "masks").mkdir()
        (part / LABEL_FILE).write_text(json.dumps(label_rows(labels), indent=1) + "\n")
        for index in range(photos):
            image, mask = draw_photo(seed, index)
            save_jpeg(part / "images" / f"{index + 1:04d}.jpg", image)
            save_png(part / "masks" / f"{index + 1:04d}.png", classes[mask])
            advance(1)
