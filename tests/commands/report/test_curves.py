"""`python scripts/report.py`: names of runs, and their learning curves."""

import csv
from functools import cache

import numpy as np
import pytest
from PIL import Image

from clothseg.commands.main import main
from clothseg.commands.report.runs import recorded_runs
from clothseg.config.command_line import check_command
from clothseg.error import DataError
from clothseg.report.curves import COLORS, LABELS, LINES, draw_curves
from clothseg.run.names import configuration_names, run_names
from clothseg.run.record import Record
from clothseg.run.tables import read_history

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less


@cache
def default_config():
    (job,) = check_command([])
    return job.config


def write_run(folder, *overrides, epochs=4, **choices):
    """Write the parts of a record that a plot of its epochs needs."""
    record = Record(folder)
    options = {"backbone": "resnet18", "model": "fpn", "logger": "csv"} | choices
    record.begin(dict(default_config().plain), options, list(overrides), "CPU")
    random = np.random.default_rng(sum(folder.name.encode()))
    with (folder / "history.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["epoch", "val/mean_iou", "val/accuracy", "val/loss"])
        for epoch in range(1, epochs + 1):
            table.writerow([epoch, *random.random(2), "nan" if epoch == 2 else random.random()])
    return record


def test_runs_are_named_by_their_distinguishing_overrides(tmp_path):
    runs = [
        write_run(tmp_path / "a", "output=x", "optimizer.lr=0.1", "split.fold=0"),
        write_run(tmp_path / "b", "output=y", "optimizer.lr=0.1", "split.fold=1", model="unet"),
        write_run(tmp_path / "c", "trainer.threads=1", "optimizer.lr=0.1", logger="wandb"),
    ]
    assert run_names(runs) == ["split.fold=0", "split.fold=1", ""]


def test_runs_are_named_by_options_where_overrides_do_not_distinguish_them(tmp_path):
    runs = [
        write_run(tmp_path / "a", "experiment=x", model="segnet", backbone="none"),
        write_run(tmp_path / "b", "experiment=y", model="fcn", backbone="resnet50"),
        write_run(
            tmp_path / "c", "experiment=y", "model.stride=16", model="fcn", backbone="resnet50"
        ),
    ]
    assert run_names(runs) == ["model=segnet", "model=fcn", "model=fcn model.stride=16"]


def test_runs_with_identical_command_lines_are_named_by_their_folders(tmp_path):
    same = [write_run(tmp_path / name, "seed=1") for name in ("a", "b")]
    assert run_names(same) == [str(tmp_path / "a"), str(tmp_path / "b")]


def test_every_run_with_an_epoch_is_found(tmp_path):
    write_run(tmp_path / "x/fold-1")
    write_run(tmp_path / "x/fold-0")
    (tmp_path / "stray").mkdir()
    (tmp_path / "stray/history.csv").write_text("epoch\n1\n")
    assert [run.folder.name for run in recorded_runs(tmp_path)] == ["fold-0", "fold-1"]
    rows = read_history(tmp_path / "x/fold-0")
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert np.isnan(rows[1]["val/loss"])


def test_every_run_has_its_own_line_in_every_panel(tmp_path):
    for name in "abc":
        write_run(tmp_path / name, f"seed={name}")
    output = tmp_path / "curves.png"
    command = [f"runs={tmp_path}", f"output={output}", "scores=[mean_iou,accuracy,loss]"]
    assert main("report", command) == 0
    picture = np.asarray(Image.open(output).convert("RGB")).astype(int)
    height = picture.shape[0] // 3
    for color in COLORS[:3]:
        rgb = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
        near = np.abs(picture - rgb).max(axis=2) < 8
        assert all(near[n * height : (n + 1) * height].sum() > 50 for n in range(3))
    rgb = [int(COLORS[3][i : i + 2], 16) for i in (1, 3, 5)]
    assert not (np.abs(picture - rgb).max(axis=2) < 8).any()


def test_training_scores_are_drawn_as_thin_lines(tmp_path):
    rows = [{"epoch": n, "val/accuracy": 0.2, "train/accuracy": 0.8} for n in (1.0, 2.0, 3.0)]
    pictures = []
    for train in (False, True):
        draw_curves({"one": [rows]}, ["accuracy"], tmp_path / "curves.png", train)
        pictures.append(np.asarray(Image.open(tmp_path / "curves.png").convert("RGB")).astype(int))
    blue = [picture[..., 2] - picture[..., 0] > 60 for picture in pictures]
    heights = [sorted({*np.flatnonzero(mask.sum(axis=1) > 300)}) for mask in blue]
    assert len(heights[0]) > 0
    assert heights[1][0] < heights[0][0]  # a second line, above


def test_scores_that_no_run_has_are_reported(tmp_path, capsys):
    write_run(tmp_path / "a")
    for arguments, message in (
        (
            ["scores=[mean_iou_plus]"],
            "has val/mean_iou_plus; it is costly: train with callbacks.checkpoints.monitor=val/",
        ),
        (["scores=[mean_iou_image]"], "has val/mean_iou_image; an earlier version trained them"),
        (["train=true"], "has train/mean_iou; train with metric.train=true"),
    ):
        command = [f"runs={tmp_path}", f"output={tmp_path / 'curves.png'}", *arguments]
        assert main("report", command) == 1
        assert message in capsys.readouterr().err
    assert not (tmp_path / "curves.png").exists()


def test_a_run_of_one_epoch_is_drawn_as_a_point(tmp_path):
    histories = {"one": [[{"epoch": 1.0, "val/loss": 0.3}]], "two": [[{"epoch": 1.0}]]}
    draw_curves(histories, ["loss"], tmp_path / "curves.png")
    picture = np.asarray(Image.open(tmp_path / "curves.png").convert("RGB")).astype(int)
    rgb = [int(COLORS[0][i : i + 2], 16) for i in (1, 3, 5)]
    left = picture[:, : picture.shape[1] // 2 + 40]  # without the legend
    assert (np.abs(left - rgb).max(axis=2) < 8).sum() > 20


def test_more_runs_than_line_styles_are_rejected(tmp_path):
    many = {str(n): [[{"epoch": 1.0, "val/loss": 1.0}]] for n in range(LINES + 1)}
    with pytest.raises(DataError, match=f"{LINES + 1} lines are too many for one figure"):
        draw_curves(many, ["loss"], tmp_path / "curves.png")
    assert not list(tmp_path.iterdir())


def test_folds_and_seeds_of_a_configuration_are_one_line_with_a_band(tmp_path, capsys):
    for seed in range(2):
        for fold in range(2):
            folder = tmp_path / f"unet-{seed}/fold-{fold}"
            write_run(folder, "model=unet", f"seed={seed}", f"split.fold={fold}", model="unet")
    for fold in (2, 3):  # whose made-up scores are others
        write_run(tmp_path / f"fpn/fold-{fold}", "model=fpn", f"split.fold={fold}")
    path = tmp_path / "curves.png"
    assert main("report", [f"runs={tmp_path}", f"output={path}", "average=true"]) == 0
    assert "6 runs of 2 configurations" in capsys.readouterr().out
    picture = np.asarray(Image.open(path).convert("RGB")).astype(int)
    for color in COLORS[:2]:
        rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
        band = np.round(255 - 0.15 * (255 - rgb))
        assert (np.abs(picture - rgb).max(axis=2) < 8).sum() > 20
        assert (np.abs(picture - band).max(axis=2) < 3).sum() > 500
    rgb = [int(COLORS[2][i : i + 2], 16) for i in (1, 3, 5)]
    assert not (np.abs(picture - rgb).max(axis=2) < 8).any()


def test_names_of_configurations_are_those_of_their_folds_and_seeds(tmp_path):
    runs = [
        write_run(tmp_path / f"{model}-{seed}/fold-0", f"seed={seed}", "split.fold=0", model=model)
        for model in ("unet", "fpn")
        for seed in (0, 1)
    ]
    assert configuration_names(runs) == ["model=unet"] * 2 + ["model=fpn"] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["runs=nowhere"], "runs=nowhere: no run in this folder or below has a history.csv"),
        (["runs=nowhere", "scores=[iou]"], "scores.0=iou: must be 'loss', 'accuracy'"),
        (["runs=nowhere", "scores=[]"], "scores=[]: "),
        (["target=curve"], "target=curve: must be 'curves'"),
    ],
)
def test_an_error_is_one_message(arguments, message, tmp_path, capsys):
    assert main("report", [*arguments, f"output={tmp_path / 'curves.png'}"]) == 1
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_every_score_has_a_label():
    assert "mean_iou" in LABELS
    assert all(label for label in LABELS.values())
