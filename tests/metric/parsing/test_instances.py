"""AP^r, AP^cr, AP^h, AP^p and PCP against the programs of the field and slow references."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clothseg.metric.parsing.average_precision import average_precision
from clothseg.metric.parsing.instances import (
    PERSON_THRESHOLDS,
    THRESHOLDS,
    Detections,
    Instances,
    characterized,
    characterized_truth,
    detect,
    mean_precision,
)
from clothseg.metric.parsing.people import People, compare_people
from support.answers import PARSING_SCENES, parsing_scene

PARTS = 20
VALUES = {"size": 4, "pattern": 4, "color": 12}


def assert_equal(ours, expected):
    np.testing.assert_allclose(ours, np.array(expected, float), rtol=0, atol=1e-6)


class Scene:
    """Pictures of a scene, and what they contain."""

    def __init__(self, name):
        self.arrays, self.expected = parsing_scene(name)
        self.pictures = range(len(self.arrays["gt_human"]))

    def rows(self, name, picture):
        listed = self.arrays[name]
        return listed[listed[:, 0] == picture]

    def true_parts(self, picture):
        rows = self.rows("gt_part_list", picture)
        labels = [(int(value), int(label)) for _, value, label, _ in rows]
        return Instances.numbered(self.arrays["gt_instance"][picture], labels)

    def parts(self, picture):
        rows = self.rows("flat_part_list", picture)
        labels = [(int(value), int(label)) for _, value, label, _ in rows]
        return Instances.numbered(self.arrays["flat_part"][picture], labels, rows[:, 3])

    def people(self, picture, **options):
        own = self.arrays["pred_image"] == picture
        maps, scores = self.arrays["pred_parsing"][own], self.arrays["pred_score"][own]
        people, parts = self.arrays["gt_human"][picture], self.arrays["gt_category"][picture]
        return compare_people(people, parts, maps, scores, PARTS, **options)


@pytest.fixture(scope="module", params=PARSING_SCENES)
def scene(request):
    return Scene(request.param)


def test_part_instances_have_the_scores_of_the_programs(scene):
    pictures = [detect(scene.true_parts(i), scene.parts(i), PARTS - 1) for i in scene.pictures]
    precision = Detections.joined(pictures).precision
    assert_equal(precision, scene.expected["apr"])
    assert_equal(mean_precision(precision).mean(), scene.expected["apr_volume"])
    assert_equal(mean_precision(precision, "mean").mean(), scene.expected["apr_volume_of_all"])


def test_people_have_the_scores_of_the_programs(scene):
    for keep, suffix in ((True, ""), (False, "_without_empty")):
        joined = People.joined([scene.people(i, keep_empty=keep) for i in scene.pictures])
        assert_equal(joined.precision, scene.expected[f"app{suffix}"])
        assert_equal(joined.correct_parts, scene.expected[f"pcp{suffix}"])


def test_person_masks_have_the_scores_of_the_program(scene):
    pictures = []
    for i in scene.pictures:
        people, rows = scene.arrays["gt_human"][i], scene.rows("flat_human_list", i)
        truth = Instances.numbered(people, [(k, 1) for k in range(1, people.max() + 1)])
        labels = [(int(value), 1) for _, value, _ in rows]
        predicted = Instances.numbered(scene.arrays["flat_human"][i], labels, rows[:, 2])
        pictures.append(detect(truth, predicted, 1, PERSON_THRESHOLDS))
    assert_equal(Detections.joined(pictures).precision[0], scene.expected["aph"])


@pytest.mark.parametrize("rule", ["cut", "majority"])
@pytest.mark.parametrize("kind", VALUES)
def test_characterized_parts_have_the_scores_of_the_program(scene, kind, rule):
    pictures = []
    for i in scene.pictures:
        maps = (scene.arrays[name][i] for name in ("gt_human", "gt_category", f"gt_{kind}"))
        predicted = characterized(scene.parts(i), scene.arrays[f"pred_{kind}"][i], rule)
        pictures.append(detect(characterized_truth(*maps), predicted, VALUES[kind]))
    assert_equal(Detections.joined(pictures).precision, scene.expected["apcr"][kind][rule])


@given(st.integers(0, 2**31), st.integers(0, 12), st.integers(0, 6))
def test_the_area_is_that_of_the_envelope_summed_point_by_point(seed, detections, truths):
    random = np.random.default_rng(seed)
    scores = random.integers(0, 4, detections) / 4
    hits = random.random((detections, 2)) < 0.5
    found = average_precision(scores, hits, truths)
    ranked = sorted(range(detections), key=lambda d: (-scores[d], -d))
    for level in range(2):
        if truths == 0:
            assert np.isnan(found[level]) == (detections > 0)
            assert detections or found[level] == 0
            continue
        points, true = [], 0
        for rank, detection in enumerate(ranked, 1):
            true += int(hits[detection, level])
            points.append((true / truths, true / rank))
        area = last = 0.0
        for recall in sorted({recall for recall, _ in points}):
            area += (recall - last) * max(p for r, p in points if r >= recall)
            last = recall
        assert found[level] == pytest.approx(area)


def random_map(random, values, shape=(6, 7)):
    return random.integers(0, values + 1, shape)


@given(st.integers(0, 2**31), st.integers(0, 4), st.integers(0, 4))
@settings(deadline=None)
def test_hits_of_instances_are_those_of_their_masks(seed, true, predicted):
    random = np.random.default_rng(seed)
    maps = random_map(random, true), random_map(random, predicted)
    truth, found = (
        Instances.numbered(
            values, [(k, int(random.integers(1, 3))) for k in range(1, n + 1)], random.random(n)
        )
        for values, n in zip(maps, (true, predicted), strict=True)
    )
    detections = detect(truth, found, 2)
    for number, label in enumerate(found.labels):
        mask = found.index == number + 1
        assert mask.any()
        best = 0.0
        for other, true_label in enumerate(truth.labels):
            if label == true_label:
                true_mask = truth.index == other + 1
                best = max(best, (mask & true_mask).sum() / (mask | true_mask).sum())
        assert detections.hits[number].tolist() == [best > t for t in THRESHOLDS]
    assert detections.truths.tolist() == [(truth.labels == k).sum() for k in (1, 2)]
    strict = detect(truth, found, 2, matching="one_to_one")
    assert (strict.hits <= detections.hits).all()
    assert (strict.hits.sum(0) <= len(truth.labels)).all()


def test_a_part_in_two_pieces_is_found_once_if_matched_one_to_one():
    truth = Instances(np.array([[1, 1, 1, 1, 1]]), np.array([1]), np.ones(1))
    pieces = Instances(np.array([[1, 1, 2, 2, 2]]), np.array([1, 1]), np.array([0.9, 0.8]))
    assert Detections.joined([detect(truth, pieces, 1)]).precision[0, 0] == 2
    strict = detect(truth, pieces, 1, matching="one_to_one")
    assert strict.hits[:, 0].tolist() == [True, False]
    assert strict.hits[:, 4].tolist() == [False, True]  # the better one is 3 of 5 pixels
    assert strict.precision[0].max() == 1


def slow_people(people, parts, predicted, scores):
    """Hits and correct parts at each threshold by plain loops over masks."""
    true = [np.where(people == k, parts, 0) for k in np.unique(people) if k > 0]
    taken, rows = {}, {}
    for person in sorted(range(len(scores)), key=lambda m: -scores[m]):
        vectors = []
        for mask in true:
            unions = [((mask == c) | (predicted[person] == c)).sum() for c in range(4)]
            both = [((mask == c) & (predicted[person] == c)).sum() for c in range(4)]
            vectors.append([b / u if u else np.nan for b, u in zip(both, unions, strict=True)])
        if not true:
            rows[person] = [(False, 0.0)] * len(THRESHOLDS)
            continue
        means = [np.nanmean(vector) for vector in vectors]
        best = int(np.argmax(means))
        row = []
        for t in THRESHOLDS:
            hit = means[best] > t and (best, t) not in taken
            existing = len(set(np.unique(true[best])) - {0})
            right = sum(value > t for value in vectors[best][1:])
            row.append((hit, right / existing if hit and existing else 0.0))
            if hit:
                taken[best, t] = True
        rows[person] = row
    return [rows[person] for person in range(len(scores))]


@given(st.integers(0, 2**31), st.integers(0, 3), st.integers(0, 3))
@settings(deadline=None)
def test_people_are_compared_as_by_loops_over_masks(seed, true, predicted):
    random = np.random.default_rng(seed)
    people, parts = random_map(random, true), random_map(random, 3)
    maps = [random_map(random, 3) * (random.random((6, 7)) < 0.7) for _ in range(predicted)]
    if true and predicted:  # one that is nearly right
        maps[0] = np.where(people == 1, parts, 0)
    scores = random.integers(1, 5, predicted) / 4
    found = compare_people(people, parts, maps, scores, 4)
    expected = slow_people(people, parts, maps, scores)
    assert found.hits.tolist() == [[hit for hit, _ in row] for row in expected]
    assert found.correct.tolist() == [[pytest.approx(c) for _, c in row] for row in expected]
    assert found.truths == len(set(np.unique(people)) - {0})


def test_people_below_the_least_score_are_neither_hits_nor_misses():
    people = np.array([[1, 1, 0, 0]])
    found = compare_people(people, people, [people, people], np.array([0.0009, 0.5]), 2)
    assert found.scores.tolist() == [0.5]
    assert found.precision.tolist() == [1.0] * len(THRESHOLDS)


def test_a_characteristic_divides_a_part_or_characterizes_all_of_it():
    parts = Instances(np.array([[1, 1, 1, 1, 2, 2]]), np.array([5, 9]), np.array([0.8, 0.5]))
    values = np.array([[3, 3, 1, 0, 0, 0]])
    cut = characterized(parts, values, "cut")
    assert cut.index.tolist() == [[2, 2, 1, 0, 0, 0]]
    assert (cut.labels.tolist(), cut.scores.tolist()) == ([1, 3], [0.2, 0.4])
    whole = characterized(parts, values, "majority")
    assert whole.index.tolist() == [[1, 1, 1, 1, 0, 0]]
    assert (whole.labels.tolist(), whole.scores.tolist()) == ([3], [0.4])
    nothing = characterized(parts, 0 * values)
    assert (nothing.index.max(), len(nothing.labels)) == (0, 0)
