"""`python scripts/report.py target=comparison|examples`: images, ground truth and predictions."""

import math
import shutil

import cv2
import numpy as np
import pytest

from clothseg.commands.evaluate import evaluate_run
from clothseg.commands.main import main
from clothseg.commands.report.comparison import spread_images
from clothseg.commands.report.configurations import (
    Configuration,
    ScoredImage,
    _require_same_images,
    find_configurations,
    segment,
)
from clothseg.commands.report.examples import best_and_worst, confusions, failures
from clothseg.config.command_line import check_command, check_settings
from clothseg.config.settings import Evaluate, Report
from clothseg.error import ConfigError, DataError
from clothseg.run.record import Record
from support.command_line import records

IOU = {"a": (0.9, 0.1), "b": (0.5, 0.5), "c": (0.2, 1.0), "d": (0.3, 0.2), "e": (0.7, 0.3)}
"""IoU of two classes in images."""


def scored(iou):
    """A configuration whose test images have given scores, each of 100 pixels per class."""
    images = {}
    for image, row in iou.items():
        hits = np.array([100 * value for value in row])
        images[image] = ScoredImage(Record("run"), np.array([hits, 0 * hits, 100 - hits]))
    return Configuration("", None, images)


def settings_of(folder, *overrides):
    return check_settings([f"runs={folder}", *overrides], "report", Report)


@pytest.fixture(scope="module")
def two_configurations(swept, tmp_path_factory):
    """Records of two configurations, the second of which has one fold only."""
    folder = tmp_path_factory.mktemp("two")
    first = records(swept[0])[0].folder.parent
    shutil.copytree(first, folder / "one")
    shutil.copytree(first / "fold-0", folder / "other/fold-0")
    return folder


def test_images_are_spread_evenly_over_the_ranks_of_the_mean_of_all_configurations():
    one, other = scored(IOU), scored(dict.fromkeys("abcdf", (0.5, 0.5)))
    means = {name: (sum(IOU[name]) / 2 + 0.5) / 2 for name in "abcd"}
    assert sorted(means, key=lambda n: -means[n]) == ["c", "a", "b", "d"]
    assert spread_images([one, other], 4) == ["c", "a", "b", "d"]
    assert spread_images([one, other], 2) == ["c", "d"]
    assert spread_images([one, other], 20) == ["c", "a", "b", "d"]
    assert spread_images([one, scored({"z": (1, 1)})], 4) == []


def test_the_best_and_the_worst_images_are_different_ones():
    one = scored(IOU | {"ignored": ()})
    assert math.isnan(one.images["ignored"].mean_iou)
    assert best_and_worst(one, 2) == {"highest IoU": ["c", "a"], "lowest IoU": ["d", "e"]}
    assert best_and_worst(one, 3) == {"highest IoU": ["c", "a", "b"], "lowest IoU": ["d", "e"]}
    assert best_and_worst(one, 9)["lowest IoU"] == []


def test_failures_of_a_class_are_those_of_images_that_have_it():
    one = scored(IOU)
    assert failures(one, 1, 3) == ["a", "d", "e"]
    one.images["x"] = ScoredImage(Record("run"), np.array([[9, 0], [0, 7], [0, 0]]))
    assert one.images["x"].iou[1] == 0  # predicted, but not there
    assert failures(one, 1, 9) == ["a", "d", "e", "b", "c"]


def test_confusions_name_the_classes_for_which_pixels_were_taken():
    names = ["BG", "Bag", "Coat", "Dress"]
    assert (
        confusions(np.array([10, 60, 20, 10]), 1, names) == "taken for Coat 20\u00a0%, BG 10\u00a0%"
    )
    assert confusions(np.array([0, 60, 0, 0]), 1, names) == ""


@pytest.mark.slow
def test_images_are_segmented_by_the_run_that_was_tested_on_them(two_configurations):
    found = find_configurations(settings_of(two_configurations))
    assert [one.name for one in found] == [str(two_configurations / n) for n in ("one", "other")]
    folds = [Record(two_configurations / f"one/fold-{k}") for k in (0, 1)]
    assert sorted(found[0].images) == sorted(folds[0].split.test + folds[1].split.test)
    assert list(found[1].images) == folds[0].split.test
    for fold in folds:
        segmented = segment(found[:1], fold.split.test)
        matrix = sum(one.matrix(0) for one in segmented)
        options = [f"run={fold.folder}", "resolution=original"]
        card = evaluate_run(check_settings(options, "evaluate", Evaluate))
        assert matrix.tolist() == card["confusion_matrix"]


@pytest.mark.slow
def test_a_comparison_has_a_column_for_each_configuration(two_configurations, tmp_path, capsys):
    name = Record(two_configurations / "other/fold-0").split.test[0]
    widths = []
    for runs in (two_configurations / "one", two_configurations):
        path = tmp_path / "comparison.png"
        command = ["target=comparison", f"runs={runs}", f"output={path}", f"images=['{name}']"]
        assert main("report", command) == 0
        widths.append(cv2.imread(str(path)).shape[1])
    assert widths[1] > widths[0]
    assert f"1 image, 2 configurations in {two_configurations}" in capsys.readouterr().out


@pytest.mark.slow
def test_examples_are_of_one_configuration(two_configurations, tmp_path, capsys):
    path = tmp_path / "examples.png"
    command = ["target=examples", f"output={path}", "num_images=2"]
    assert main("report", [*command, f"runs={two_configurations / 'one'}"]) == 0
    assert "4 of 16 test images of 2 runs" in capsys.readouterr().out
    assert main("report", [*command, f"runs={two_configurations / 'one'}", "class_name=Shirt"]) == 0
    assert "2 of 16 test images of 2 runs" in capsys.readouterr().out
    path.unlink()
    for more, message in (
        ([f"runs={two_configurations}"], "2 configurations ("),
        ([f"runs={two_configurations / 'one'}", "class_name=Shirts"], "did you mean `Shirt`?"),
        (
            [f"runs={two_configurations}", "target=comparison", "images=[nowhere]"],
            "images: not in the test part of",
        ),
    ):
        assert main("report", [*command, *more]) == 1
        assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_run_without_scores_of_images_is_left_out(two_configurations, tmp_path, capsys):
    folder = tmp_path / "runs"
    shutil.copytree(two_configurations / "other", folder)
    (folder / "fold-0/image_scores.npz").unlink()
    with pytest.raises(
        DataError, match="no run in this folder or below is finished and has the scores"
    ):
        find_configurations(settings_of(folder))
    assert "warning: left out:" in capsys.readouterr().out


@pytest.mark.slow
def test_configurations_of_other_labels_are_refused(two_configurations, tmp_path, monkeypatch):
    found = find_configurations(settings_of(two_configurations))
    changed = found[1].config.changed(labels={"colors": ["#123456"] * 15})
    monkeypatch.setattr(
        "clothseg.commands.report.configurations._config", lambda run, _: configs.pop()
    )
    configs = [found[0].config, changed]
    with pytest.raises(DataError, match="differ in labels; select a folder with runs on the same"):
        find_configurations(settings_of(two_configurations))


@pytest.mark.slow
def test_records_that_were_moved_aside_and_unfinished_folds_are_left_out(
    two_configurations, tmp_path, capsys
):
    folder = tmp_path / "runs"
    shutil.copytree(two_configurations / "one", folder)
    shutil.copytree(folder / "fold-0", folder / "fold-0.replaced-1")
    shutil.copytree(folder, tmp_path / "more/old.replaced-2")
    record = Record(folder / "fold-1")
    record.set_state("interrupted")
    (found,) = find_configurations(settings_of(folder))
    assert {image.run.folder for image in found.images.values()} == {folder / "fold-0"}
    assert f"warning: left out: {record.folder} was interrupted" in capsys.readouterr().out
    with pytest.raises(DataError, match="no run in this folder or below has a history"):
        find_configurations(settings_of(tmp_path / "more"))


@pytest.mark.slow
def test_a_problem_names_the_run_and_a_lost_checkpoint_leaves_it_out(
    two_configurations, tmp_path, capsys
):
    folder = tmp_path / "runs"
    shutil.copytree(two_configurations / "one", folder)
    (folder / "fold-0/checkpoints/best.ckpt").unlink()
    (found,) = find_configurations(settings_of(folder))
    assert {image.run.folder.name for image in found.images.values()} == {"fold-1"}
    assert f"left out: {folder / 'fold-0'} has no best.ckpt" in capsys.readouterr().out
    with pytest.raises(ConfigError) as error:
        find_configurations(settings_of(folder, "root={ccp: x}"))
    assert error.value.problems[0].startswith(f"{folder / 'fold-1'}: root=")


@pytest.mark.parametrize(
    ("changes", "differing"),
    [
        ({"root": "elsewhere", "on_error": "skip", "crop_margin": 0.5}, ""),
        ({"seed": 3}, "dataset"),
        ({"crop": "mask"}, "crop to the person"),
    ],
)
def test_configurations_must_see_the_same_images(changes, differing):
    (job,) = check_command([])
    changed = job.config.changed(dataset=changes)
    pair = [Configuration(name, config, {}) for name, config in (("a", job.config), ("b", changed))]
    if not differing:
        _require_same_images(pair, "runs")
        return
    with pytest.raises(DataError, match=f"a and b differ in {differing}; select"):
        _require_same_images(pair, "runs")


def test_names_may_be_numbers():
    settings = settings_of("runs", "images=[1001,0100,a]", "class_name=59")
    assert (settings.images, settings.class_name) == (["1001", "0100", "a"], "59")
