"""Tables in a run folder: the epochs, and the scores of every test image."""

import csv
import math

import numpy as np
import pytest
import torch

from clothseg.error import DataError, WriteError
from clothseg.files import write_arrays
from clothseg.metric.names import IOU_PLUS
from clothseg.metric.segmentation import SegmentationScores
from clothseg.run.tables import (
    HISTORY,
    IMAGE_SCORES,
    read_history,
    read_image_scores,
    write_history,
    write_image_scores,
)


def test_every_epoch_is_in_the_history(tmp_path):
    rows = [{"epoch": 1.0, "val/iou/Hat": math.nan}, {"epoch": 2.0, "val/iou/Hat": 0.25}]
    write_history(rows[:1], tmp_path)
    write_history(rows, tmp_path)
    with (tmp_path / HISTORY).open() as file:
        assert list(csv.reader(file)) == [["epoch", "val/iou/Hat"], ["1.0", "nan"], ["2.0", "0.25"]]
    first, second = read_history(tmp_path)
    assert math.isnan(first["val/iou/Hat"])
    assert second == rows[1]


def test_a_resumed_run_may_have_a_column_that_its_first_epochs_lack(tmp_path):
    rows = [{"epoch": 1.0}, {"epoch": 2.0, "val/mean_iou_image": 0.5}]
    write_history(rows, tmp_path)
    assert read_history(tmp_path) == rows


def scored(order, batch_size):
    """Scores of four of six random images of three classes, and their masks by image."""
    random = np.random.default_rng(0)
    predictions, targets = random.integers(0, 3, (2, 6, 8, 8))
    predictions[predictions == 2] = 0
    targets[3][targets[3] == 2] = 255
    metric = SegmentationScores(3, [IOU_PLUS.key])
    for batch in torch.tensor(order).split(batch_size):
        metric.update(torch.tensor(predictions)[batch], torch.tensor(targets)[batch], batch)
    return metric.compute(), predictions, targets


NAMES = ["0003", "0001", "gown", "a b", "été", "0002"]


def test_scores_of_each_image_are_those_of_its_masks(tmp_path):
    scores, predictions, targets = scored([4, 0, 3, 2], 3)
    write_image_scores(scores, NAMES, tmp_path)
    table = read_image_scores(tmp_path)
    assert table.names.tolist() == ["0003", "gown", "a b", "été"]  # in the order of the dataset
    assert (table.counts.dtype, table.counts.shape) == (np.int64, (4, 3, 3))
    assert (table.iou_plus.dtype, table.iou_plus.shape) == (np.float64, (4, 3))
    for row, index in enumerate((0, 2, 3, 4)):
        valid = targets[index] != 255
        predicted, true = predictions[index][valid], targets[index][valid]
        for k in range(3):
            expected = [
                ((predicted == k) & (true == k)).sum(),
                ((predicted == k) & (true != k)).sum(),
                ((predicted != k) & (true == k)).sum(),
            ]
            assert table.counts[row, :, k].tolist() == expected
    assert np.isnan(table.iou_plus[2, 2])  # in neither mask
    np.testing.assert_array_equal(table.iou_plus, scores.image_iou_plus)


def test_equal_scores_give_equal_files(tmp_path):
    contents = set()
    for order, batch_size in (([0, 2, 3, 4], 1), ([4, 3, 2, 0], 4)):
        write_image_scores(scored(order, batch_size)[0], NAMES, tmp_path)
        contents.add((tmp_path / IMAGE_SCORES).read_bytes())
    assert len(contents) == 1
    assert [path.name for path in tmp_path.iterdir()] == [IMAGE_SCORES]


def test_missing_and_damaged_files_are_reported(tmp_path):
    with pytest.raises(DataError, match=r"image_scores.npz is missing or damaged \(.*No such file"):
        read_image_scores(tmp_path)
    write_image_scores(scored([0], 1)[0], NAMES, tmp_path)
    path = tmp_path / IMAGE_SCORES
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"image_scores.npz is missing or damaged"):
        read_image_scores(tmp_path)
    with pytest.raises(WriteError):
        write_image_scores(scored([0], 1)[0], NAMES, path)


@pytest.mark.parametrize("content", ["", "{}", "null", "[1]\n", "epoch,seconds\n"])
def test_a_history_without_epochs_is_refused(content, tmp_path):
    (tmp_path / HISTORY).write_text(content)
    with pytest.raises(DataError, match=r"history\.csv is missing or damaged \(it has no epochs"):
        read_history(tmp_path)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([{"epoch": 1.0, "val/mean_iou": -3.0}], "val/mean_iou is -3, but must be 0 to 1"),
        ([{"epoch": 1.0, "train/iou/Hat": 1e308}], r"train/iou/Hat is 1e\+308"),
        ([{"epoch": 1.0, "val/accuracy": math.inf}], "val/accuracy is inf"),
        ([{"epoch": math.nan}], "not numbered 1, 2, 3"),
        ([{"epoch": math.inf}], "not numbered 1, 2, 3"),
        ([{"epoch": 1.0}, {"epoch": 1.0}], "not numbered 1, 2, 3"),
        ([{"epoch": "x" * 9999}], "could not convert"),
    ],
)
def test_a_history_with_impossible_values_is_refused(rows, reason, tmp_path):
    write_history(rows, tmp_path)
    expected = rf"history\.csv is missing or damaged \(.*{reason}"
    with pytest.raises(DataError, match=expected) as caught:
        read_history(tmp_path)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("counts", lambda x: -x - 1),
        ("counts", lambda x: x[:, :2]),
        ("counts", lambda x: x.astype(float)),
        ("counts", lambda x: x[0]),
        ("iou_plus", lambda x: x + 2),
        ("iou_plus", lambda x: x.astype(str)),
        ("iou_plus", lambda x: x[0, 0]),
        ("names", lambda x: np.arange(len(x))),
        ("names", lambda x: x[None]),
        ("names", lambda x: x[:-1]),
    ],
)
def test_image_scores_of_another_type_or_shape_are_refused(name, change, tmp_path):
    write_image_scores(scored([0, 2], 1)[0], NAMES, tmp_path)
    arrays = vars(read_image_scores(tmp_path))
    write_arrays(tmp_path / IMAGE_SCORES, arrays | {name: change(arrays[name])})
    with pytest.raises(DataError, match=r"image_scores\.npz is missing or damaged"):
        read_image_scores(tmp_path)
