"""People of test images in W&B and TensorBoard: boxes, masks, figures, and scores of a run."""

import json

import cv2
import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from clothseg import build
from clothseg.config.command_line import check_command
from clothseg.labels import IGNORE
from clothseg.logger.tracker import Results, Subject
from clothseg.logger.wandb_people import box_overlays, mask_overlays
from clothseg.report.people import PeoplePicture, ShownPeople
from clothseg.report.predictions import Example, Prediction
from support.command_line import segments
from support.scores import score_card
from support.shipped_config import label_space

VALUES = {"parts": ["BG", "Hat", "Coat"], "color": ["none", "Dark", "Red"]}
PARSING = {
    "person_ap": {"vol": 0.5},
    "apcr": {"color": {"vol": 0.25}},
    "characteristics": {"color": {"miou": 0.125}},
}


def shown(person, seed, scores=None):
    values = np.random.default_rng(seed).integers(0, 3, (2, *person.shape), np.uint8)
    parts, color = np.where(person > 0, values, 0)
    return ShownPeople(person, {"parts": parts, "color": color}, scores)


def scene(height=40, width=80):
    """Two true people, one of them partly ignored, and one that was found between them."""
    truth, found = np.zeros((height, width), np.uint8), np.zeros((height, width), np.int64)
    truth[10:30, 5:25] = 1
    truth[20:, 40:80] = 3
    truth[20:25, 40:50] = IGNORE
    found[8:31, 20:60] = 1
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    prediction = shown(found, 1, np.array([0.934]))
    return PeoplePicture("0001", image, prediction, shown(truth, 2))


def empty(height=30, width=50):
    """Picture in which nobody was found, though somebody is there."""
    person = np.zeros((height, width), np.uint8)
    person[5:20, 10:30] = 1
    image = np.full((height, width, 3), 90, np.uint8)
    nobody = shown(np.zeros((height, width), np.int64), 3, np.zeros(0))
    return PeoplePicture("0002", image, nobody, shown(person, 4))


def example(picture):
    truth, found = picture.truth.maps["parts"], picture.prediction.maps["parts"]
    return Example(picture.name, picture.image, truth, [Prediction(found, 0.5)], people=picture)


def pixels(box, picture):
    """Left, top, width and height of a logged box."""
    (height, width), position = picture.image.shape[:2], box["position"]
    x, y = position["middle"]
    size = position["width"] * width, position["height"] * height
    return [x * width - size[0] / 2, y * height - size[1] / 2, *size]


def require_boxes(logged, people, picture):
    """Compare logged boxes with the rectangles around the people."""
    assert [box["class_id"] for box in logged] == people.numbers
    for box in logged:
        mask = (people.person == box["class_id"]).astype(np.uint8)
        assert pixels(box, picture) == pytest.approx(cv2.boundingRect(mask), abs=1e-4)


def test_boxes_are_those_of_the_people():
    picture = scene()
    overlays = box_overlays(picture)
    assert list(overlays) == ["prediction", "truth"]
    for side, people in (("prediction", picture.prediction), ("truth", picture.truth)):
        require_boxes(overlays[side]["box_data"], people, picture)
    (found,) = overlays["prediction"]["box_data"]
    assert (found["box_caption"], found["scores"]) == ("person 1 0.93", {"score": 0.934})
    true = overlays["truth"]["box_data"]
    assert [box["box_caption"] for box in true] == ["person 1", "person 3"]
    assert not any("scores" in box for box in true)
    assert overlays["truth"]["class_labels"] == {1: "person 1", 3: "person 3"}


def test_masks_are_people_by_number_and_every_map():
    picture = scene()
    overlays = mask_overlays(picture, VALUES)
    for side, people in (("prediction", picture.prediction), ("truth", picture.truth)):
        np.testing.assert_array_equal(overlays[f"people_{side}"]["mask_data"], people.person)
        for kind, names in VALUES.items():
            overlay = overlays.pop(f"{kind}_{side}")
            np.testing.assert_array_equal(overlay["mask_data"], people.maps[kind])
            assert overlay["class_labels"] == dict(enumerate(names)) | {IGNORE: "ignored"}
    assert overlays.keys() == {"people_prediction", "people_truth"}
    names = {0: "none", 1: "person 1", 2: "person 2", 3: "person 3", IGNORE: "ignored"}
    assert overlays["people_truth"]["class_labels"] == names


def test_a_picture_without_people_has_empty_overlays():
    picture = empty()
    assert box_overlays(picture)["prediction"] == {"box_data": [], "class_labels": {}}
    overlay = mask_overlays(picture, VALUES)["people_prediction"]
    assert not overlay["mask_data"].any()
    assert overlay["class_labels"] == {0: "none", IGNORE: "ignored"}


def test_a_picture_without_ground_truth_has_the_prediction_only():
    picture = PeoplePicture("a photo", scene().image, scene().prediction)
    assert list(box_overlays(picture)) == ["prediction"]
    masks = {"people_prediction", "parts_prediction", "color_prediction"}
    assert mask_overlays(picture, VALUES).keys() == masks


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """Folder of a run whose results were logged, and its example images."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "figures").mkdir()
    Image.new("RGB", (20, 10)).save(folder / "figures" / "people.png")
    (job,) = check_command(["logger=[tensorboard,wandb]"])
    labels = label_space("refined15")
    subject = Subject("some run", folder, "a/b/c", job.config.plain, job.choices, labels)
    card = score_card(names=labels.names) | {"apr": 0.1, "app": 0.2, "pcp": 0.3, "parsing": PARSING}
    metrics = {"test": card, "validation": card, "validation_loss": 1.0, "monitor": "val/mean_iou"}
    metrics |= dict.fromkeys(("train_seconds", "images_per_second", "inference_ms"), 1.0)
    metrics |= {"best_epoch": 1, "parameters": 1}
    pictures = [scene(), empty()]
    examples = {"best": [example(picture) for picture in pictures]}
    matrix = np.zeros((len(labels.names),) * 2, np.int64)
    results = Results(metrics, matrix, examples, folder / "best.ckpt", VALUES)
    for tracker in build.build_trackers(job.config):
        tracker.begin(subject)
        tracker.epochs([{"epoch": 1.0, "val/mean_iou": 0.5}])
        tracker.end(results)
        tracker.close("done")
    return folder, pictures


def history(folder):
    """Last step of the W&B run in a folder."""
    (segment,) = segments(folder)
    return [record["history"]["item"] for record in segment if record["type"] == "history"][-1]


@pytest.mark.slow(seconds=7)
def test_offline_files_hold_boxes_and_masks_of_each_picture(logged):
    folder, pictures = logged
    files, media = next((folder / "wandb").glob("offline-run-*")) / "files", history(folder)
    assert "examples/best.count" not in media
    assert media["examples/table.nrows"] == len(pictures)
    for number, picture in enumerate(pictures, start=1):
        key = f"examples/best_{number}"
        assert media[f"{key}.caption"] == f"{picture.name}, IoU 50.0 %"
        assert (media[f"{key}.height"], media[f"{key}.width"]) == picture.image.shape[:2]
        with Image.open(files / media[f"{key}.path"]) as image:
            np.testing.assert_array_equal(np.asarray(image), picture.image)
        for side, people in (("prediction", picture.prediction), ("truth", picture.truth)):
            boxes = json.loads((files / media[f"{key}.boxes.{side}.path"]).read_text())
            require_boxes(boxes["box_data"], people, picture)
            for kind, mask in {"people": people.person, **people.maps}.items():
                with Image.open(files / media[f"{key}.masks.{kind}_{side}.path"]) as image:
                    np.testing.assert_array_equal(np.asarray(image), mask)


@pytest.mark.slow
def test_summary_and_event_file_have_the_scores_and_the_figure_of_people(logged):
    folder, _ = logged
    (segment,) = segments(folder)
    summary = {}
    for record in segment:
        if record["type"] == "summary":
            summary |= record["summary"]["update"]
    events = EventAccumulator(str(folder / "tensorboard"), {"images": 0})
    events.Reload()
    expected = {"apr": 0.1, "app": 0.2, "pcp": 0.3, "person_ap": 0.5}
    expected |= {"apcr/color": 0.25, "miou/color": 0.125}
    for name, value in expected.items():
        assert summary[f"test/{name}"] == summary[f"val/{name}"] == value
        for part in ("test", "best"):
            (score,) = events.Scalars(f"{part}/{name}")
            assert score.value == pytest.approx(value)
    assert "figures/people.path" in history(folder)
    assert "people" in events.Tags()["images"]
