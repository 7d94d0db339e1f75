"""`python scripts/score.py`: scores of folders of masks against a slow reference."""

import json

import numpy as np
import pytest
from PIL import Image

from clothseg.commands.mask_files import score_folders
from clothseg.commands.score.semantic import class_masks
from clothseg.error import DataError

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less

NAMES = ("ground", "cloth", "hair")


def write_masks(folder, masks):
    folder.mkdir()
    for name, mask in masks.items():
        Image.fromarray(mask).save(folder / f"{name}.png")


@pytest.fixture
def folders(tmp_path):
    random = np.random.default_rng(0)
    target = {name: random.choice([0, 1, 255], (9, 7)).astype(np.uint8) for name in "abc"}
    predicted = {name: random.integers(0, 2, (9, 7)).astype(np.uint8) for name in "abc"}
    write_masks(tmp_path / "predicted", predicted)
    write_masks(tmp_path / "true", target)
    (tmp_path / "labels.json").write_text(
        json.dumps([{"id": i, "name": n, "color": "#000000"} for i, n in enumerate(NAMES)])
    )
    return predicted, target


def command(tmp_path, *overrides):
    folders = f"prediction={tmp_path / 'predicted'}", f"target={tmp_path / 'true'}"
    return ["scripts/score.py", *folders, f"output={tmp_path / 'score.json'}", *overrides]


@pytest.mark.slow
def test_scores_match_a_pixel_by_pixel_count(folders, command_line, tmp_path):
    result = command_line.run(command(tmp_path, f"labels={tmp_path / 'labels.json'}"))
    assert result.returncode == 0, result.stderr
    assert "predicted against true" in result.stdout
    assert str(tmp_path / "score.json") in result.stdout

    matrix = np.zeros((3, 3), int)
    for name in "abc":
        for guess, fact in zip(folders[0][name].flat, folders[1][name].flat, strict=True):
            if fact != 255:
                matrix[fact, guess] += 1
    card = json.loads((tmp_path / "score.json").read_text())
    assert card["confusion_matrix"] == matrix.tolist()
    assert (card["num_images"], card["num_classes"], card["classes_counted"]) == (3, 3, 2)
    assert card["accuracy"] == pytest.approx(np.trace(matrix) / matrix.sum())
    assert [row["name"] for row in card["per_class"]] == list(NAMES)
    hits, true, guessed = np.diag(matrix)[:2], matrix.sum(1)[:2], matrix.sum(0)[:2]
    expected = {
        "precision": hits / guessed,
        "recall": hits / true,
        "f1": 2 * hits / (true + guessed),
        "iou": hits / (true + guessed - hits),
    }
    for key, values in expected.items():
        assert [row[key] for row in card["per_class"]] == [*map(pytest.approx, values), None]
        assert card["mean"][key] == pytest.approx(values.mean())
    assert [row["support"] for row in card["per_class"]] == [*true, 0]


@pytest.mark.parametrize(
    ("spoil", "overrides", "message"),
    [
        (lambda f: (f / "predicted/b.png").unlink(), [], "1 without a counterpart"),
        (lambda f: (f / "true/b.png").unlink(), [], "1 without a counterpart"),
        (lambda f: None, ["prediction=nowhere"], "nowhere: no such folder"),
        (lambda f: None, ["labels=folder"], "pass the file instead: labels=<folder>/labels.json"),
        (lambda f: None, ["labels=refined16"], "or file; did you mean `refined15`"),
        (lambda f: None, ["lables=x"], "lables: no such key; did you mean `labels`?"),
    ],
)
def test_an_error_is_one_message_and_nothing_is_written(
    spoil, overrides, message, folders, command_line, tmp_path
):
    spoil(tmp_path)
    labels = f"labels={tmp_path / 'labels.json'}"
    result = command_line.run_anew(["-X", "importtime", *command(tmp_path, labels, *overrides)])
    error = "\n".join(line for line in result.stderr.splitlines() if "|" not in line)
    assert result.returncode == 1
    assert message in error
    assert not any(line.endswith(" torch") for line in result.stderr.splitlines())
    assert not (tmp_path / "score.json").exists()


def test_masks_of_a_label_file_may_have_any_id_of_the_background(folders, tmp_path):
    rows = [
        {"id": 0, "name": "cloth", "color": "#ff0000"},
        {"id": 1, "name": "ground", "color": "#000000", "background": True},
        {"id": 2, "name": "hair", "color": "#00ff00"},
    ]
    cards = []
    for listed in (rows, [rows[1] | {"id": 0, "background": False}, rows[0] | {"id": 1}, rows[2]]):
        (tmp_path / "labels.json").write_text(json.dumps(listed))
        names, read = class_masks(str(tmp_path / "labels.json"))
        assert names == list(NAMES)
        cards.append(score_folders(tmp_path / "predicted", tmp_path / "true", names, None, read))
        for path in tmp_path.glob("*/*.png"):  # the same masks with the ids of the other file
            ids = np.asarray(Image.open(path))
            Image.fromarray(np.array([1, 0, *range(2, 256)], np.uint8)[ids]).save(path)
    assert cards[0] == cards[1]


def test_ground_truth_of_one_class_is_an_error(folders, tmp_path):
    for path in (tmp_path / "true").glob("*.png"):
        ids = np.asarray(Image.open(path))
        Image.fromarray(np.where(ids == 0, 0, 255).astype(np.uint8)).save(path)
    with pytest.raises(DataError, match=r"only ground occurs in the masks, of 3 classes.*255"):
        score_folders(tmp_path / "predicted", tmp_path / "true", NAMES)
