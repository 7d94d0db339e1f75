"""JSON format of scores, and evaluation of two folders of masks."""

import json
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from PIL import Image

from clothseg.commands.mask_files import score_folders
from clothseg.error import DataError
from clothseg.metric.aggregate import aggregate, mean_card
from clothseg.metric.names import COSTLY
from clothseg.metric.parsing.instances import Instances, characterized_truth
from clothseg.metric.parsing.result import ParsingMetric
from clothseg.metric.parsing.scores import PredictedPicture, Rules, TruePicture
from clothseg.metric.scorecard import flat_scores, scorecard
from clothseg.metric.segmentation import SegmentationScores

NAMES = ["background", "skirt", "scarf"]
MEANS = {"precision", "recall", "f1", "iou", "iou_image", "iou_plus", "boundary_iou"}


def write_masks(folder, masks):
    folder.mkdir(exist_ok=True)
    for name, mask in masks.items():
        Image.fromarray(np.asarray(mask, np.uint8)).save(folder / f"{name}.png")


@pytest.fixture
def folders(tmp_path):
    """Write two images of different size; the ground truth of the second has ignored pixels."""
    predicted = {"a": np.eye(9, 7), "b": [[1, 1, 2], [1, 0, 0]]}
    write_masks(tmp_path / "prediction", predicted)
    write_masks(tmp_path / "target", {"a": np.eye(9, 7), "b": [[1, 1, 255], [0, 0, 255]]})
    return tmp_path / "prediction", tmp_path / "target"


def test_oracle_numbers_in_the_json(case, close):
    metric = SegmentationScores(case.classes, COSTLY)
    metric.update(
        torch.tensor(case.prediction), torch.tensor(case.target), torch.arange(len(case.target))
    )
    names = [f"class {i}" for i in range(case.classes)]
    card = json.loads(json.dumps(scorecard(metric.compute(), names), allow_nan=False))
    assert card["num_images"] == len(case.target)
    assert card["num_classes"] == case.classes
    assert card["confusion_matrix"] == case.expect("cm").tolist()
    expected_columns = {
        "precision": ("precision", "macro_precision"),
        "recall": ("recall", "macro_recall"),
        "f1": ("f1", "macro_f1"),
        "iou": ("iou", "macro_iou"),
        "iou_image": ("eq9_iou_union", "eq10_miou_union"),
        "iou_plus": ("eq13_iouplus_c8_min_union", "eq14_miouplus_c8_min_union"),
        "boundary_iou": ("boundary_iou", "boundary_macro"),
    }
    for key, (per_class, mean) in expected_columns.items():
        values = [np.nan if row[key] is None else row[key] for row in card["per_class"]]
        close(values, case.expect(per_class))
        close(np.nan if card["mean"][key] is None else card["mean"][key], case.expect(mean))
    for key, expected in (("accuracy", "accuracy"), ("binary_iou", "binary_iou_fg")):
        close(np.nan if card[key] is None else card[key], case.expect(expected))


def test_format_without_costly_scores():
    metric = SegmentationScores(3)
    metric.update(torch.tensor([[[0, 1]]]), torch.tensor([[[0, 1]]]), torch.tensor([7]))
    card = scorecard(metric.compute(), NAMES)
    assert set(card) == {
        "num_images",
        "num_classes",
        "confusion_matrix",
        "per_class",
        "mean",
        "accuracy",
        "binary_iou",
        "classes_counted",
    }
    assert set(card["mean"]) == MEANS
    undefined = {"iou_plus": None, "boundary_iou": None}
    assert card["per_class"][1] == {
        "id": 1,
        "name": "skirt",
        **dict.fromkeys(MEANS, 1.0),
        **undefined,
        "support": 1,
    }
    assert card["per_class"][2] == {"id": 2, "name": "scarf", **dict.fromkeys(MEANS), "support": 0}
    assert card["mean"] == {**dict.fromkeys(MEANS, 1.0), **undefined}
    assert card["classes_counted"] == 2


def compute_scores(images, batch_size):
    """Compute the scores of some of nine random images in batches."""
    random = np.random.default_rng(0)
    predictions, targets = torch.tensor(random.integers(0, 3, (2, 9, 12, 12)))
    targets[4, :6] = 255
    metric = SegmentationScores(3, COSTLY)
    for batch in torch.tensor(images).split(batch_size):
        metric.update(predictions[batch], targets[batch], batch)
    return metric.compute()


def test_scores_by_source_equal_those_of_the_source_alone():
    sources = np.array(["ccp", "cfpd", "ccp", "cfpd", "cfpd", "ccp", "cfpd", "cfpd", "other"])
    card = scorecard(compute_scores([6, 1, 0, 4, 3, 2, 7, 5], 3), NAMES, sources)
    assert list(card["by_source"]) == ["ccp", "cfpd"]
    for source, images in (("ccp", [0, 2, 5]), ("cfpd", [1, 3, 4, 6, 7])):
        expected = scorecard(compute_scores(images, 2), NAMES)
        for scores in (expected["mean"], *expected["per_class"]):
            del scores["boundary_iou"]
        del expected["confusion_matrix"]
        assert card["by_source"][source] == expected
    del card["by_source"]
    assert (
        card
        == scorecard(compute_scores(range(8), 1), NAMES)
        == scorecard(compute_scores(range(8), 8), NAMES, np.full(9, ""))
    )


def parsing_card(kinds, people=True):
    """Card of one person in a skirt that is found exactly, but for half of the colors.

    Args:
        kinds: characteristics that are predicted, of `size` and `color`.
        people: whether people are told apart.
    """
    person = np.zeros((8, 8), np.int64)
    person[2:6] = 1
    colors = np.where(person == 1, np.arange(8) // 4 + 1, 0)
    maps = {"parts": person, "size": person, "color": colors}
    parts = characterized_truth(person, person, person)
    found = dict.fromkeys(["parts", *kinds], person)
    instances = Instances(parts.index, parts.labels, np.ones(1))
    metric = ParsingMetric({"parts": NAMES, "size": ["none", "long"], "color": NAMES}, Rules())
    metric.update(
        0,
        TruePicture(maps, person, parts),
        PredictedPicture(found, instances, [person] if people else None, np.ones(1)),
    )
    return scorecard(metric.compute(), NAMES)


def test_scores_of_people_and_characteristics_are_flat():
    """Of the colors, 16 of 32 pixels are right, and the background: IoU 1, 1/2 and 0."""
    flat = flat_scores(parsing_card(["size", "color"]), "test", [])
    assert flat["test/person_ap"] == flat["test/apcr/size"] == flat["test/miou/size"] == 1
    assert flat["test/miou/color"] == 0.5
    assert 0 < flat["test/apcr/color"] < 1


def test_scores_that_a_prediction_lacks_are_none():
    flat = flat_scores(parsing_card(["size"], people=False), "best", [])
    for name in ("person_ap", "apcr/color", "miou/color"):
        assert flat[f"best/{name}"] is None
    assert flat["best/miou/size"] == 1


def test_scores_of_people_are_summarized_over_folds():
    """The second fold finds the people, but not their colors, which count in the first alone."""
    cards = [parsing_card(["size", "color"]), parsing_card(["size"])]
    summary = aggregate(cards)
    assert summary["people"]["person_ap"] == {"mean": 1, "std": 0, "n": 2}
    assert summary["people"]["miou/color"] == {"mean": 0.5, "std": None, "n": 1}
    flat = flat_scores(summary, "test", [])
    assert flat["test/miou/color"] == summary["people"]["miou/color"]
    assert flat_scores(mean_card(cards), "test", [])["test/miou/color"] == 0.5


def test_other_tasks_have_no_scores_of_people():
    card = scorecard(compute_scores(range(8), 8), NAMES)
    further = {"test/accuracy", "test/binary_iou"}
    assert flat_scores(card, "test", []).keys() == {f"test/mean_{key}" for key in MEANS} | further


def test_folders_with_images_of_different_sizes(folders):
    done = []

    @contextmanager
    def progress(description, total):
        done.append(total)
        yield done.append

    card = score_folders(*folders, NAMES, progress)
    assert card["num_images"] == 2
    assert card["confusion_matrix"] == [[57, 1, 0], [0, 9, 0], [0, 0, 0]]
    assert card["per_class"][1]["iou_image"] == (1 + 2 / 3) / 2
    assert done == [2, 1, 1]


def test_palette_masks_are_read_as_ids(folders):
    expected = score_folders(*folders, NAMES)
    for path in folders[1].iterdir():
        with Image.open(path) as gray:
            mask = Image.frombytes("P", gray.size, gray.tobytes())
        mask.putpalette([255 - channel for channel in range(256) for _ in "RGB"])
        mask.save(path)
    assert score_folders(*folders, NAMES) == expected


def test_palette_masks_with_few_bits_are_read_as_ids(folders):
    expected = score_folders(folders[0], folders[0], NAMES)
    for path in folders[1].iterdir():
        with Image.open(folders[0] / path.name) as gray:
            mask = Image.frombytes("P", gray.size, gray.tobytes())
        mask.putpalette([0, 0, 0, 200, 30, 40, 90, 90, 90])
        mask.save(path, bits=2)
        assert path.read_bytes()[24] == 2
    assert score_folders(*folders, NAMES) == expected


def test_unmatched_files_are_counted_and_listed_for_both_folders(folders):
    write_masks(folders[0], {f"extra{i}": [[0]] for i in range(5)})
    (folders[0] / "b.png").unlink()
    with pytest.raises(DataError) as error:
        score_folders(*folders, NAMES)
    assert f"{folders[0]}: 5 without a counterpart in {folders[1]}: " in str(error.value)
    assert "extra0, extra1, extra2 …" in str(error.value)
    assert f"{folders[1]}: 1 without a counterpart in {folders[0]}: b" in str(error.value)


@pytest.mark.parametrize("side", [0, 1])
def test_empty_and_missing_folders_raise(folders, side, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.jpg").touch()
    for name, message in (("empty", "no .png"), ("nowhere", "no such folder")):
        pair = list(folders)
        pair[side] = tmp_path / name
        with pytest.raises(DataError, match=f"{name}: .*{message}"):
            score_folders(*pair, NAMES)


@pytest.mark.parametrize(
    ("side", "value", "allowed"),
    [(0, 3, "0 to 2$"), (0, 255, "0 to 2$"), (1, 3, "0 to 2 and 255"), (1, 254, "0 to 2 and 255")],
)
def test_invalid_value_is_reported_with_its_file(folders, side, value, allowed):
    write_masks(folders[side], {"b": [[1, 1, value], [0, 0, 0]]})
    expected = rf"{folders[side] / 'b.png'}: value {value} is not a class id; allowed: {allowed}"
    with pytest.raises(DataError, match=expected):
        score_folders(*folders, NAMES)


def test_different_sizes_are_reported_with_both_files(folders):
    write_masks(folders[0], {"b": [[0, 0], [0, 0]]})
    with pytest.raises(DataError, match=r"prediction/b.png is 2x2, .*target/b.png is 3x2"):
        score_folders(*folders, NAMES)


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        (Image.new("RGB", (3, 2)), "8-bit RGB"),
        (Image.new("RGBA", (3, 2)), "8-bit RGBA"),
        (Image.new("LA", (3, 2)), r"8-bit gray \+ alpha"),
        (Image.new("I;16", (3, 2)), "16-bit gray"),
        (Image.new("1", (3, 2)), "1-bit gray"),
    ],
)
def test_unsupported_png_formats_raise(folders, image, kind):
    image.save(folders[1] / "b.png")
    with pytest.raises(DataError, match=f"target/b.png: {kind} PNG"):
        score_folders(*folders, NAMES)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: b"", "not a PNG"),
        (lambda data: b"\xff\xd8" + data[2:], "not a PNG"),
        (lambda data: data[:50], "the PNG is truncated"),
        (lambda data: data[:26] + b"\0" * (len(data) - 26), "the PNG is truncated"),
    ],
)
def test_damaged_files_are_reported(folders, damage, message):
    path = folders[0] / "a.png"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=f"prediction/a.png: .*{message}"):
        score_folders(*folders, NAMES)
