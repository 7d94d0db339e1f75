"""AP of masks of people against pycocotools, a slow reference and closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clothseg.metric.parsing.coco import PersonMasks, compare_masks
from clothseg.metric.parsing.instances import PERSON_THRESHOLDS
from support.answers import (
    PARSING_SCENES,
    PERSON_SCENES,
    parsing_scene,
    person_precision,
    person_scene,
)

SHAPE = (6, 7)


def compared(people, masks, picture, scores):
    """Pictures of a scene, joined."""
    own = [picture == i for i in range(len(people))]
    return PersonMasks.joined(
        [compare_masks(p, masks[o], scores[o]) for p, o in zip(people, own, strict=True)]
    )


def assert_precision(found, name):
    np.testing.assert_allclose(found.precision, person_precision(name), rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", PERSON_SCENES)
def test_random_masks_have_the_precision_of_pycocotools(name):
    scene = person_scene(name)
    found = compared(scene["people"], scene["masks"], scene["picture"], scene["scores"])
    assert_precision(found, name)


@pytest.mark.parametrize("name", PARSING_SCENES)
def test_people_made_of_parts_have_the_precision_of_pycocotools(name):
    arrays, _ = parsing_scene(name)
    predicted = (arrays[key] for key in ("pred_parsing", "pred_image", "pred_score"))
    assert_precision(compared(arrays["gt_human"], *predicted), name)


def slow_precision(pictures):
    """Precision at each threshold by plain loops over pictures, masks and recalls."""
    means = []
    for level in PERSON_THRESHOLDS:
        outcomes, truths = [], 0
        for people, masks, scores in pictures:
            free = [people == k for k in sorted({*people.ravel().tolist()} - {0})]
            truths += len(free)
            for person in sorted(range(len(scores)), key=lambda m: -scores[m])[:100]:
                values = [(masks[person] & t).sum() / (masks[person] | t).sum() for t in free]
                hit = bool(values) and max(values) >= level
                outcomes.append((scores[person], hit))
                if hit:
                    del free[max(range(len(values)), key=lambda g: (values[g], g))]
        points, true = [], 0
        for rank, (_, hit) in enumerate(sorted(outcomes, key=lambda one: -one[0]), 1):
            true += hit
            points.append((true / truths if truths else 0.0, true / rank))
        heights = [
            max((p for reached, p in points if reached >= recall), default=0.0)
            for recall in np.linspace(0, 1, 101)
        ]
        means.append(sum(heights) / 101 if truths else np.nan)
    return means


def random_picture(random, scores):
    """Numbers of people, masks near them or anywhere, and their scores."""
    numbers = np.array([0, *(random.permutation(9)[: random.integers(0, 4)] + 1)])
    people = numbers[random.integers(0, len(numbers), SHAPE)]
    masks = [
        (people == random.choice(numbers)) & (random.random(SHAPE) < random.choice([0.7, 0.9, 1]))
        for _ in scores
    ]
    return people, masks, scores


@given(st.integers(0, 2**31), st.lists(st.integers(0, 6), min_size=1, max_size=4))
@settings(deadline=None)
def test_the_precision_is_that_of_plain_loops(seed, counts):
    random = np.random.default_rng(seed)
    pictures = [random_picture(random, random.integers(1, 6, count) / 5) for count in counts]
    found = PersonMasks.joined([compare_masks(*picture) for picture in pictures])
    np.testing.assert_allclose(found.precision, slow_precision(pictures), rtol=0, atol=1e-12)


@given(st.integers(0, 2**31), st.lists(st.integers(0, 6), min_size=2, max_size=4))
@settings(deadline=None)
def test_the_order_of_pictures_does_not_matter_if_scores_differ(seed, counts):
    random = np.random.default_rng(seed)
    scores = np.split(random.permutation(sum(counts)) / 30, np.cumsum(counts)[:-1])
    pictures = [compare_masks(*random_picture(random, own)) for own in scores]
    shuffled = [pictures[i] for i in random.permutation(len(pictures))]
    one, other = PersonMasks.joined(pictures), PersonMasks.joined(shuffled)
    np.testing.assert_array_equal(one.precision, other.precision)


@given(st.integers(0, 2**31), st.integers(1, 12))
def test_a_perfect_prediction_has_the_precision_1(seed, count):
    random = np.random.default_rng(seed)
    people = random.integers(1, count + 1, SHAPE) * 25
    masks = [people == k for k in random.permutation(np.unique(people))]
    found = compare_masks(people, masks, random.integers(0, 3, len(masks)) / 3)
    assert found.precision.tolist() == [1.0] * 10


def masks_of(*rows):
    return [np.array([row]) for row in rows]


def test_half_of_the_people_are_51_of_101_recalls():
    people = np.array([[1, 1, 0, 9, 9]])
    found = compare_masks(people, masks_of([1, 1, 0, 0, 0]), np.array([0.5]))
    assert found.precision == pytest.approx([51 / 101] * 10)
    late = compare_masks(people, masks_of([0, 0, 1, 0, 0], [1, 1, 0, 0, 0]), np.array([0.5, 0.4]))
    assert late.precision == pytest.approx([51 / 101 / 2] * 10)


def test_an_iou_at_the_threshold_is_a_hit():
    people = np.ones((1, 20), int)
    for pixels in range(10, 20):
        mask = np.arange(20)[None] < pixels
        (hits,) = compare_masks(people, [mask], np.ones(1)).hits.tolist()
        assert hits == [True] * (pixels - 9) + [False] * (19 - pixels)


def test_a_person_is_matched_once_and_the_next_best_is_free():
    """The second prediction overlaps the first person more, but has to take the second one."""
    people = np.array([[1, 1, 1, 1, 2, 2, 2, 2]])
    first, second = masks_of([1, 1, 1, 1, 0, 0, 0, 0], [3, 3, 3, 3, 3, 3, 3, 3])
    found = compare_masks(people, [second, first], np.array([0.4, 0.9]))
    assert found.scores.tolist() == [0.9, 0.4]
    assert found.hits.tolist() == [[True] * 10, [True] + [False] * 9]
    twice = compare_masks(people, [first, first], np.array([0.9, 0.4]))
    assert twice.hits.tolist() == [[True] * 10, [False] * 10]


def test_a_hundred_people_of_a_picture_are_evaluated():
    people = np.ones((1, 4), int)
    masks = [np.zeros((1, 4), bool)] * 100 + [people > 0]
    scores = np.linspace(1, 0.5, 101)
    found = compare_masks(people, masks, scores)
    assert (found.scores.tolist(), found.hits.any()) == (scores[:100].tolist(), False)
    last = compare_masks(people, masks[1:], scores[1:])
    assert last.precision == pytest.approx([0.01] * 10)


def test_without_true_people_the_precision_is_undefined():
    nobody = np.zeros((2, 3), int)
    for masks in ([], [nobody == 0]):
        found = compare_masks(nobody, masks, np.ones(len(masks)))
        assert (found.truths, len(found.scores)) == (0, len(masks))
        assert np.isnan(found.precision).all()
    missed = compare_masks(nobody + 1, [], np.ones(0))
    assert missed.precision.tolist() == [0.0] * 10
