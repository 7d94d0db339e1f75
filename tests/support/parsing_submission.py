"""Scenes of people, written as a part of CCIHP and as a submission."""

import json

import numpy as np
from PIL import Image

from clothseg.dataset import rle
from support.answers import parsing_scene

TRUE_MAPS = {
    "Category_ids": "gt_category",
    "Human_ids": "gt_human",
    "Instance_ids": "gt_instance",
    "Size_ids": "gt_size",
    "Pattern_ids": "gt_pattern",
    "Color_ids": "gt_color",
}
PREDICTED_MAPS = {
    "global_parsing": "flat_category",
    "instance_parsing": "flat_part",
    "size": "pred_size",
    "pattern": "pred_pattern",
    "color": "pred_color",
}


def write_scene(name, root):
    """Write `Validation/` and `submission/` into a folder; return the expected scores."""
    arrays, expected = parsing_scene(name)
    truth, submission = root / "Validation", root / "submission"
    for folder in (*(truth / name for name in TRUE_MAPS), submission / "people"):
        folder.mkdir(parents=True)
    for folder in PREDICTED_MAPS:
        (submission / folder).mkdir()
    for i in range(len(arrays["gt_human"])):
        picture = f"{i:07}"
        for home, maps in ((truth, TRUE_MAPS), (submission, PREDICTED_MAPS)):
            for folder, key in maps.items():
                Image.fromarray(arrays[key][i]).save(home / folder / f"{picture}.png")
        rows = [row[1:] for row in arrays["gt_part_list"].tolist() if row[0] == i]
        lines = "".join(f"{value} {label} {person}\n" for value, label, person in rows)
        (truth / f"Instance_ids/{picture}.txt").write_text(lines)
        rows = [row[2:] for row in arrays["flat_part_list"].tolist() if row[0] == i]
        lines = "".join(f"{label:.0f} {score!r}\n" for label, score in rows)
        (submission / f"instance_parsing/{picture}.txt").write_text(lines)
        own = arrays["pred_image"] == i
        people = [
            {"score": float(score), "parts": _parts(mask)}
            for mask, score in zip(
                arrays["pred_parsing"][own], arrays["pred_score"][own], strict=True
            )
        ]
        (submission / f"people/{picture}.json").write_text(json.dumps(people))
    return expected


def _parts(mask):
    present = [int(k) for k in np.unique(mask) if k]
    size = list(mask.shape)
    return {str(k): {"size": size, "counts": rle.encode(mask == k)} for k in present}
