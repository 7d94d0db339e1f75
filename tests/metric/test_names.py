"""The list of scores: every entry has its arithmetic, and no other list repeats it."""

import ast
import subprocess
import sys

import numpy as np
import pytest
import torch

from clothseg.commands.main import main
from clothseg.config.command_line import check_command
from clothseg.error import ConfigError
from clothseg.metric.class_scores import class_scores
from clothseg.metric.names import (
    COSTLY,
    EPOCH_SCORES,
    LOSS,
    MONITORS,
    SCORES,
    improvement,
    task_scores,
)
from clothseg.metric.scorecard import dataset_values, scorecard
from clothseg.metric.segmentation import ConfusionMatrix, SegmentationScores
from clothseg.shipped import CONF
from support.paths import REPOSITORY
from support.shipped_config import PARSING

SEMANTIC = task_scores("semantic")


@pytest.fixture(scope="module")
def masks():
    random = np.random.default_rng(0)
    return torch.tensor(random.integers(0, 3, (2, 4, 12, 12)))


def scores_of(masks, costly=COSTLY):
    metric = SegmentationScores(3, costly)
    metric.update(*masks, torch.arange(4))
    return metric.compute()


def test_every_score_is_computed_where_its_entry_says_so(masks):
    scores = scores_of(masks)
    columns = scores.columns()
    assert columns.keys() == {score.key for score in SEMANTIC}
    for score in SEMANTIC:
        value = np.asarray(columns[score.key])
        assert value.shape == ((3,) if score.per_class else ())
        assert ((value > 0) & (value < 1)).all()
    part = scores.select(np.array([True, False, False, True])).columns()
    assert part.keys() == {score.key for score in SEMANTIC if score.per_image}
    pixels = ConfusionMatrix(3)
    pixels.update(*masks)
    assert class_scores(pixels.compute()).columns().keys() == {
        s.key for s in SEMANTIC if s.from_matrix
    }
    missing = {key for key, value in scores_of(masks, ()).columns().items() if value is None}
    assert missing == set(COSTLY)


def test_scores_of_the_confusion_matrix_equal_those_of_all_images(masks):
    pixels = ConfusionMatrix(3)
    for image in range(4):
        pixels.update(masks[0, image : image + 1], masks[1, image : image + 1])
    expected = dataset_values(scores_of(masks).classes.columns())
    assert dataset_values(class_scores(pixels.compute()).columns()) == expected
    correct = (masks[0] == masks[1]).float().mean().item()
    assert expected["accuracy"] == pytest.approx(correct)


def test_costly_scores_are_selected_one_by_one(masks):
    complete = scores_of(masks).columns()
    for key in COSTLY:
        columns = scores_of(masks, [key]).columns()
        assert {k for k in COSTLY if columns[k] is not None} == {key}
        np.testing.assert_array_equal(columns[key], complete[key])
    with pytest.raises(ValueError, match=r"costly: \['iou'\] must be among iou_plus, boundary_iou"):
        SegmentationScores(3, ["iou"])


def test_a_card_has_every_score(masks):
    card = scorecard(scores_of(masks), ["BG", "Hat", "Coat"])
    per_class = {score.key for score in SEMANTIC if score.per_class}
    assert card["mean"].keys() == per_class
    assert card["per_class"][0].keys() == {"id", "name", "support", *per_class}
    totals = {score.key for score in SCORES if not score.per_class}
    assert totals & card.keys() == {score.key for score in SEMANTIC if not score.per_class}


def test_keys_and_names_are_unique_and_only_the_loss_improves_downwards():
    assert len({score.key for score in SCORES}) == len(SCORES) == len(EPOCH_SCORES) - 1
    assert len({score.title for score in EPOCH_SCORES.values()}) == len(EPOCH_SCORES)
    assert [name for name in MONITORS if improvement(name) == "min"] == [f"val/{LOSS.name}"]


KEYS = ("callbacks.checkpoints.monitor", "callbacks.early_stopping.monitor", "scheduler.monitor")


@pytest.mark.parametrize("key", KEYS)
def test_every_monitor_is_accepted_and_others_are_answered_with_all(key):
    groups = ["callbacks=early_stopping", "scheduler=plateau"]
    for monitor, score in MONITORS.items():
        chosen = [*groups, *(() if "semantic" in score.tasks else PARSING), f"{key}={monitor}"]
        (job,) = check_command(chosen)
        group, *path = key.split(".")
        node = job.config.plain[group]
        for part in path:
            node = node[part]
        assert node == monitor
    with pytest.raises(ConfigError) as error:
        check_command([*groups, f"{key}=val/mean_ou"])
    assert f"{key}=val/mean_ou: must be 'val/loss', " in str(error.value)
    assert all(f"'{monitor}'" in str(error.value) for monitor in MONITORS)


def test_every_monitor_is_documented():
    text = (CONF / "README.md").read_text()
    section = text[text.index("## Monitors") : text.index("## Losses")]
    for monitor, score in MONITORS.items():
        assert f"`{score.key if score.per_class else monitor}`" in section


@pytest.mark.parametrize("name", EPOCH_SCORES)
def test_curves_of_every_score_can_be_asked_for(name, capsys, tmp_path):
    assert main("report", [f"runs={tmp_path}", f"scores=[{name}]"]) == 1
    assert "no run in this folder" in capsys.readouterr().err


def test_the_list_is_read_without_torch():
    code = "import sys, clothseg.metric.names, clothseg.metric.selection; print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "torch" not in ended.stdout.split()


def literals(path):
    """Strings in the code of a module, by line, without documentation."""
    tree = ast.parse(path.read_text())
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and id(node) not in documentation
    ]


def test_no_other_module_spells_a_score():
    """Except for the arithmetic, and for the array of a file."""
    keys = {score.key for score in SCORES} - {"precision"}  # also a key of the trainer
    words = keys | {name for name in EPOCH_SCORES if name != LOSS.name}
    allowed = ("metric/", "run/tables.py")
    source = REPOSITORY / "src" / "clothseg"
    found = [
        f"{path.relative_to(source)}:{line}: {text}"
        for path in sorted(source.rglob("*.py"))
        if not str(path.relative_to(source)).startswith(allowed)
        for line, text in literals(path)
        if isinstance(text, str) and text.rpartition("/")[2] in words
    ]
    assert found == []
