"""`python scripts/score.py task=parsing`: a CIHP submission against a part of CIHP or CCIHP."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from clothseg.commands.main import main
from clothseg.dataset import rle
from support.answers import PARSING_SCENES, person_precision
from support.parsing_submission import write_scene

pytestmark = pytest.mark.slow(seconds=1)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A scene in files; do not change it."""
    root = tmp_path_factory.mktemp("plain")
    return root, write_scene("plain", root)


@pytest.fixture
def scene(plain, tmp_path):
    """A copy of the scene."""
    shutil.copytree(plain[0], tmp_path / "scene")
    return tmp_path / "scene", plain[1]


def score(root, *overrides):
    """Exit status and card."""
    output = root / "card.json"
    folders = [f"prediction={root / 'submission'}", f"target={root / 'Validation'}"]
    command = ["task=parsing", "labels=ccihp20", *folders, f"output={output}", *overrides]
    status = main("score", command)
    return status, json.loads(output.read_text()) if output.exists() else None


def values(numbers):
    return np.array(numbers, float)


@pytest.mark.parametrize("name", PARSING_SCENES)
def test_the_card_has_the_scores_of_the_programs(name, tmp_path, capsys):
    expected = write_scene(name, tmp_path)
    status, card = score(tmp_path)
    assert status == 0
    np.testing.assert_allclose(card["miou"], expected["miou"]["attribute"], atol=1e-6)
    foreground = expected["miou_foreground"]["attribute"]
    np.testing.assert_allclose(card["miou_foreground"], foreground, atol=1e-6)
    np.testing.assert_allclose(
        card["miou_per_image"], expected["miou_per_image"]["attribute"], atol=1e-6
    )
    iou = values(list(card["iou"].values()))
    np.testing.assert_allclose(iou, values(expected["iou"]["attribute"]), atol=1e-6)
    np.testing.assert_allclose(card["apr"]["vol"], expected["apr_volume"], atol=1e-6)
    by_class = values(list(card["apr"]["per_class"].values()))
    np.testing.assert_allclose(by_class, values(expected["apr"]).mean(1), atol=1e-6)
    for key in ("app", "pcp"):
        found = card[key]["per_threshold"]
        np.testing.assert_allclose(found, expected[key], atol=1e-6)
        assert card[key]["at_50"] == found[4]
    masks = card["person_ap"]
    np.testing.assert_allclose(masks["per_threshold"], person_precision(name), atol=1e-6)
    np.testing.assert_allclose(masks["vol"], person_precision(name).mean(), atol=1e-6)
    assert [masks["at_50"], masks["at_75"]] == masks["per_threshold"][0:6:5]
    for kind in ("size", "pattern", "color"):
        found = values(list(card["apcr"][kind]["per_class"].values()))
        ours = values(expected["apcr"][kind]["cut"]).mean(1)
        np.testing.assert_allclose(found, ours, atol=1e-6)
        pixels = card["characteristics"][kind]
        np.testing.assert_allclose(pixels["miou"], expected["miou"][kind], atol=1e-6)
    shown = capsys.readouterr().out
    assert f"{100 * card['apr']['vol']:.1f}" in shown
    (row,) = (line for line in shown.splitlines() if line.strip().startswith("person AP "))
    assert f"{100 * masks['vol']:.1f}" in row
    assert f"{100 * masks['at_50']:.1f}" in row
    assert f"written to {tmp_path / 'card.json'}" in shown


def test_options_choose_between_definitions(scene):
    root, expected = scene
    _, card = score(root, "characterized=majority", "empty_people=false")
    np.testing.assert_allclose(
        values(list(card["apcr"]["size"]["per_class"].values())),
        values(expected["apcr"]["size"]["majority"]).mean(1),
        atol=1e-6,
    )
    np.testing.assert_allclose(
        card["app"]["per_threshold"], expected["app_without_empty"], atol=1e-6
    )
    _, strict = score(root, "matching=one_to_one")
    assert strict["apr"]["vol"] <= card["apr"]["vol"]


def test_missing_files_count_as_not_predicted(scene, capsys):
    root, _ = scene
    _, whole = score(root)
    for file in ("global_parsing/0000001.png", "instance_parsing/0000002.txt"):
        (root / "submission" / file).unlink()
    (root / "submission/people/0000003.json").unlink()
    shutil.copy(
        root / "submission/global_parsing/0000000.png", root / "submission/global_parsing/x.png"
    )
    status, card = score(root)
    shown = " ".join(capsys.readouterr().out.split())
    assert status == 0
    assert "missing, counted as not predicted: 3 files: global_parsing/0000001.png" in shown
    assert "without ground truth, left out: 1 image: x" in shown
    assert card["num_images"] == 6
    assert card["miou"] < whole["miou"]
    assert card["apr"]["vol"] < whole["apr"]["vol"]
    assert card["app"]["vol"] < whole["app"]["vol"]


def test_without_people_and_characteristics_their_scores_are_null(scene, capsys):
    root, expected = scene
    shutil.rmtree(root / "submission/people")
    shutil.rmtree(root / "submission/color")
    shutil.rmtree(root / "Validation/Size_ids")
    status, card = score(root)
    assert status == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "no size maps in" in shown
    assert "tried Size_ids, Size, size_ids, size; their scores are left out" in shown
    assert "no people/ in the prediction: AP^p, PCP and person AP are not computed" in shown
    assert (card["app"], card["pcp"], card["person_ap"]) == (None, None, None)
    assert "size" not in card["apcr"]
    assert (card["apcr"]["color"], card["characteristics"]["color"]) == (None, None)
    assert card["apcr"]["pattern"]["vol"] > 0
    np.testing.assert_allclose(card["apr"]["vol"], expected["apr_volume"], atol=1e-6)


def truncate_map(root):
    path = root / "submission/instance_parsing/0000000.txt"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def wrong_line(root):
    path = root / "submission/instance_parsing/0000000.txt"
    path.write_text("0 0.5\n" + path.read_text())


def resize(root):
    path = root / "submission/global_parsing/0000000.png"
    Image.fromarray(np.zeros((5, 7), np.uint8)).save(path)


def unknown_class(root):
    path = root / "submission/pattern/0000000.png"
    Image.fromarray(np.full((112, 144), 9, np.uint8)).save(path)


def eight_bits(root):
    path = root / "submission/instance_parsing/0000000.txt"
    path.write_text("5 0.5\n" * 300)


def colors(root):
    path = root / "submission/global_parsing/0000000.png"
    Image.fromarray(np.zeros((112, 144, 3), np.uint8)).save(path)


def people(root, *listed):
    (root / "submission/people/0000000.json").write_text(json.dumps(listed))


def small_person(root):
    people(root, {"score": 1, "parts": {"5": {"size": [2, 2], "counts": "04"}}})


def damaged_person(root):
    people(root, {"score": 1, "parts": {"5": {"size": [112, 144], "counts": "04"}}})


def odd_person(root):
    people(root, {"score": 1, "parts": {"hat": {"size": [112, 144], "counts": "04"}}})


def person_without_score(root):
    people(root, {"parts": {}})


def contradictory_truth(root):
    (root / "Validation/Instance_ids/0000000.txt").write_text("")


def lost_truth(root):
    (root / "Validation/Human_ids/0000004.png").unlink()


def no_part(root):
    shutil.rmtree(root / "Validation/Human_ids")


def no_submission(root):
    shutil.rmtree(root / "submission/global_parsing")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (truncate_map, "0000000.txt, which has"),
        (wrong_line, "0000000.txt line 1: `0 0.5`; expected the class, 1 to 19, and the score"),
        (resize, "global_parsing/0000000.png is 7x5, its ground truth 144x112 pixels"),
        (unknown_class, "pattern/0000000.png: value 9 is no id; allowed: 0 to 4"),
        (eight_bits, "0000000.png: the PNG has 8 bits, which cannot store the 300 values"),
        (colors, "masks must have one channel of 8 bits"),
        (small_person, "0000000.json: person 1, class 5 is 2x2, the picture 144x112 pixels"),
        (damaged_person, "person 1, class 5: the runs do not add up to 144 x 112 pixels"),
        (odd_person, "person 1, class hat: no class of a part; allowed: 1 to 19"),
        (person_without_score, "0000000.json is damaged (0.score: required key is missing)"),
        (contradictory_truth, "0000000.txt does not list"),
        (lost_truth, "Human_ids: 1 of 6 files are missing: 0000004.png"),
        (no_part, "no Human_ids in it; it must be a part of CIHP or CCIHP, such as Validation"),
        (no_submission, "no global_parsing in it; it must have the folders"),
    ],
)
def test_a_wrong_file_is_one_message_and_nothing_is_written(spoil, message, scene, capsys):
    root, _ = scene
    spoil(root)
    status, card = score(root)
    error = " ".join(capsys.readouterr().err.split())
    assert (status, card) == (1, None)
    assert message in error
    assert "Traceback" not in error


def test_overlapping_people_are_allowed(scene):
    root, _ = scene
    mask = np.zeros((112, 144), bool)
    mask[:, :90] = True
    part = {"size": [112, 144], "counts": rle.encode(mask)}
    people(root, *({"score": score, "parts": {"5": part}} for score in (0.5, 0.25)))
    status, card = score(root)
    assert status == 0
    assert 0 < card["app"]["vol"] < 1
