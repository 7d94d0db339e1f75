"""Records of finished runs without a network, for tests of whatever reads many of them."""

import numpy as np

from clothseg.config.command_line import check_command
from clothseg.files import write_arrays, write_json
from clothseg.run.record import Record
from clothseg.run.tables import IMAGE_SCORES
from support.scores import counts_card, run_metrics, score_card

COMMITTED = {"commit": "0123456789abcdef", "dirty": False}
"""Version of the code of most records."""


def write_finished(
    folder,
    *overrides,
    iou=0.5,
    validation=0.5,
    metrics=None,
    counts=None,
    code=COMMITTED,
    fingerprint="f",
):
    """Write the record of a finished run of a command line.

    Args:
        folder: run folder.
        overrides: arguments of the command; `split.fold` is that of the folder.
        iou: value of all test scores.
        validation: value of all validation scores; None: as by version 0.1.0.
        metrics: further content of `metrics.json`.
        counts: pixel counts [N,3,K] of each test image, from which the test scores follow.
        code: commit of the run, and whether there were uncommitted changes.
        fingerprint: hash of its dataset.
    """
    fold = folder.name.removeprefix("fold-")
    (job,) = check_command([*overrides, *([f"split.fold={fold}"] if fold.isdigit() else [])])
    record = Record(folder)
    record.begin(
        dict(job.config.plain), job.choices, list(job.overrides), "CPU", code, None, fingerprint
    )
    content = run_metrics(iou, validation) | (metrics or {})
    if counts is not None:
        names = [f"image {number}" for number in range(len(counts))]
        empty = np.full((len(counts), counts.shape[2]), np.nan)
        arrays = {"names": np.array(names), "counts": counts, "iou_plus": empty}
        write_arrays(folder / IMAGE_SCORES, arrays)
        content["test"] = counts_card(counts)
        classes = [row["name"] for row in content["test"]["per_class"]]
        content["validation"] = score_card(validation, classes)
    write_json(folder / "metrics.json", content)
    record.end([])
    return record
