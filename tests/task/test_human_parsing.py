"""Human parsing: prepared batches, people of an image, ground truth, evaluation."""

import pytest
import torch

from clothseg.metric.names import PARTS
from clothseg.metric.parsing.scores import ParsingScores, Rules
from clothseg.task.evaluation import evaluate
from clothseg.task.parser import padding_mask
from clothseg.task.pictures import true_picture
from support.small_parser import VALUES, picture, picture_batch, small_parser

SIZES = [(64, 64, 2), (40, 96, 3), (96, 70, 1), (64, 64, 0), (33, 47, 2)]


@pytest.fixture(scope="module")
def parser():
    return small_parser().eval()


def test_a_prepared_batch_is_normalized_and_zero_in_the_padding(parser):
    batch = picture_batch((40, 64, 1), (64, 96, 2))
    prepared = parser.prepared(batch)
    padding = prepared["padding"]
    assert padding[0, :40, :64].any().item() is False
    assert padding[0, 40:].all()
    assert padding[0, :, 64:].all()
    assert not padding[1].any()
    image = prepared["image"]
    assert (image.permute(0, 2, 3, 1)[padding] == 0).all()
    expected = parser.normalized(batch["image"])[0, :, :40, :64]
    assert torch.equal(image[0, :, :40, :64], expected)
    assert prepared["maps"].keys() == VALUES.keys()
    assert torch.equal(prepared["maps"]["color"], batch["further"][:, 1].long())
    assert torch.equal(prepared["photo"], batch["image"])


def test_padding_is_right_of_and_below_the_visible_part():
    mask = padding_mask(torch.tensor([[2, 3]]), 4, 5)
    assert (~mask).sum() == 6
    assert (~mask[0, :2, :3]).all()


def test_the_ground_truth_has_an_instance_for_each_part_of_a_person():
    _, maps = picture(60, 60, 2)
    truth = true_picture(maps, VALUES)
    pairs = {(p, c) for p, c in zip(maps[1].ravel(), maps[0].ravel(), strict=True) if p and c}
    assert len(truth.instances.labels) == len(pairs)
    for number, label in enumerate(truth.instances.labels, start=1):
        inside = truth.instances.index == number
        assert set(maps[0][inside]) == {label}
        assert len(set(maps[1][inside])) == 1
    assert truth.maps.keys() == VALUES.keys()


def test_ignored_pixels_belong_to_no_part():
    _, maps = picture(60, 60, 2)
    maps[0, :30] = 255
    truth = true_picture(maps, VALUES)
    assert (truth.instances.index[:30] == 0).all()


def test_a_prediction_has_the_size_that_is_asked_for(parser):
    image, _ = picture(50, 70, 2)
    people = parser.predict(image, (100, 140))
    assert people.person.shape == (100, 140)
    assert {ids.shape for ids in people.maps.values()} == {(100, 140)}
    assert people.maps.keys() == VALUES.keys()


def batches(sizes, size):
    """Batches of pictures, numbered across them."""
    return [
        picture_batch(*sizes[start : start + size], start=start)
        for start in range(0, len(sizes), size)
    ]


def test_an_evaluation_scores_the_people_that_are_predicted(parser):
    scores = evaluate(parser, batches(SIZES, 1), torch.device("cpu"), None)
    expected = ParsingScores(VALUES, Rules())
    for number, (height, width, people) in enumerate(SIZES):
        image, maps = picture(height, width, people, seed=number)
        found = parser.predict(image, (height, width))
        expected.add(true_picture(maps, VALUES), found.picture(), number)
    assert scores.parsing == expected.card()
    assert scores.index.tolist() == list(range(len(SIZES)))
    assert scores.matrix.sum() == sum(height * width for height, width, _ in SIZES)


def test_the_ground_truth_at_the_original_size_is_scored_there(parser):
    batch = picture_batch((64, 48, 2))
    _, maps = picture(128, 96, 2)
    original = batch | {"truth": [torch.from_numpy(maps)]}
    scores = evaluate(parser, [original], torch.device("cpu"), None)
    assert scores.matrix.sum() == 128 * 96
    image, _ = picture(64, 48, 2)
    found = parser.predict(image, (128, 96))
    expected = ParsingScores(VALUES, Rules())
    expected.add(true_picture(maps, VALUES), found.picture())
    assert scores.parsing == expected.card()


def test_values_of_parts_are_the_class_names(parser):
    assert parser.names == VALUES[PARTS]
    assert parser.kinds == ["size", "color"]
