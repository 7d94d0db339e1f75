"""Final report of a command: means over folds and over seeds."""

import numpy as np
import pytest

from clothseg.files import write_json
from clothseg.jobs.outcome import Outcome
from clothseg.jobs.summary import report_outcomes
from clothseg.metric.aggregate import mean_card
from clothseg.run.record import Record

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less

KEYS = ("precision", "recall", "f1", "iou")
CONFIG = {"logger": {}, "output": "outputs", "report": {"figures": "all"}}


def card(iou):
    scores = dict.fromkeys(KEYS, iou)
    rows = [{"id": k, "name": name, **scores, "support": 5} for k, name in enumerate(("BG", "Hat"))]
    return {
        "num_images": 3,
        "confusion_matrix": [[5, 0], [0, 5]],
        "per_class": rows,
        "mean": scores,
        "accuracy": iou,
        "binary_iou": None,
    }


def finished_run(folder, name, iou, fold=None, folds=None):
    """Write the record of a finished run and return its outcome."""
    record = Record(folder)
    record.begin({}, {}, [], "CPU")
    write_json(folder / "metrics.json", {"test": card(iou), "division": "d"})
    return Outcome(name, "done", "", str(folder), fold, folds)


def test_mean_card_averages_over_folds():
    mean = mean_card([card(0.2), card(0.4)])
    assert mean["accuracy"] == pytest.approx(0.3)
    assert mean["binary_iou"] is None
    assert [row["iou"] for row in mean["per_class"]] == pytest.approx([0.3, 0.3])
    assert [row["name"] for row in mean["per_class"]] == ["BG", "Hat"]


def test_seeds_are_aggregated_as_repeats(tmp_path, capsys):
    runs = {
        "loss=dice seed=0": (0.2, 0.3),
        "loss=dice seed=1": (0.4, 0.5),
        "loss=focal seed=0": (0.1, 0.1),
        "loss=focal seed=1": (0.1, 0.3),
    }
    outcomes = [
        finished_run(tmp_path / name / f"fold-{fold}", name, iou, fold, 2)
        for name, folds in runs.items()
        for fold, iou in enumerate(folds)
    ]
    assert report_outcomes(outcomes, CONFIG) == 0
    output = capsys.readouterr().out
    _, repeats = output.split("over seeds, test set")
    repeats = repeats.split("sweep")[0]
    assert "standard deviation over 2 seeds" in " ".join(repeats.split())
    # The means over folds are 0.25 and 0.45, and 0.1 and 0.2.
    for mean, std in ((35.0, np.std([25, 45], ddof=1)), (15.0, np.std([10, 20], ddof=1))):
        assert f"{mean:.1f} ± {std:.1f}" in repeats


def test_without_repeats_there_is_no_table_over_seeds(tmp_path, capsys):
    outcomes = [finished_run(tmp_path / str(seed), f"seed={seed} a", 0.2) for seed in (0,)]
    outcomes.append(finished_run(tmp_path / "b", "seed=0 b", 0.3))
    assert report_outcomes(outcomes, CONFIG) == 0
    assert "over seeds" not in capsys.readouterr().out
