"""Scenes of people, written as a part of CCIHP and as a submission."""

import numpy as np
from PIL import Image

from clothseg.dataset.cihp_submission import write_picture
from clothseg.metric.names import PARTS
from clothseg.metric.parsing.instances import Instances
from clothseg.metric.parsing.scores import PredictedPicture
from support.answers import parsing_scene

TRUE_MAPS = {
    "Category_ids": "gt_category",
    "Human_ids": "gt_human",
    "Instance_ids": "gt_instance",
    "Size_ids": "gt_size",
    "Pattern_ids": "gt_pattern",
    "Color_ids": "gt_color",
}


def write_scene(name, root):
    """Write `Validation/` and `submission/` into a folder; return the expected scores."""
    arrays, expected = parsing_scene(name)
    truth = root / "Validation"
    for folder in TRUE_MAPS:
        (truth / folder).mkdir(parents=True)
    for i in range(len(arrays["gt_human"])):
        picture = f"{i:07}"
        for folder, key in TRUE_MAPS.items():
            Image.fromarray(arrays[key][i]).save(truth / folder / f"{picture}.png")
        rows = [row[1:] for row in arrays["gt_part_list"].tolist() if row[0] == i]
        lines = "".join(f"{value} {label} {person}\n" for value, label, person in rows)
        (truth / f"Instance_ids/{picture}.txt").write_text(lines)
        write_picture(root / "submission", picture, predicted(arrays, i))
    return expected


def predicted(arrays, i):
    """Prediction of a picture of a scene; people may overlap."""
    rows = arrays["flat_part_list"]
    rows = rows[rows[:, 0] == i]
    own = arrays["pred_image"] == i
    maps = {kind: arrays[f"pred_{kind}"][i] for kind in ("size", "pattern", "color")}
    return PredictedPicture(
        {PARTS: arrays["flat_category"][i], **maps},
        Instances(arrays["flat_part"][i], rows[:, 2].astype(np.int64), rows[:, 3]),
        list(arrays["pred_parsing"][own]),
        arrays["pred_score"][own],
    )
