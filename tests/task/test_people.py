"""From maps to people: pixels have one owner, scores are those of a slow reference."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clothseg.metric.names import PARTS
from clothseg.metric.parsing.instances import Instances
from clothseg.metric.parsing.scores import ParsingScores, Rules, TruePicture
from clothseg.task.description import describe
from clothseg.task.people import ImageArea, People, find_people
from support.network_outputs import drawn, logits_of, people_of, same_size


@given(st.integers(0, 2**31), st.integers(0, 5), st.integers(2, 4))
@settings(deadline=None)
def test_pixels_people_and_parts_are_those_of_a_slow_reference(seed, queries, classes):
    random = torch.Generator().manual_seed(seed)
    people = torch.randn(queries, 2, generator=random)
    masks = torch.randn(queries, 5, 6, generator=random)
    maps = {PARTS: torch.randn(classes, 5, 6, generator=random)}
    found = find_people(people, masks, maps, same_size(5, 6), min_score=0.4)

    probability, inside = people.softmax(-1)[:, 0], masks.sigmoid()
    owner = np.full((5, 6), -1)
    for row, column in np.ndindex(5, 6):
        candidates = [
            (float(probability[q] * inside[q, row, column]), -q)
            for q in range(queries)
            if probability[q] >= 0.4 and inside[q, row, column] > 0.5
        ]
        if candidates:
            owner[row, column] = -max(candidates)[1]
    present = sorted({*owner.ravel()} - {-1})
    scores = {q: float(probability[q] * inside[q][owner == q].mean()) for q in present}
    ranked = sorted(present, key=scores.__getitem__)
    np.testing.assert_allclose(found.scores, [scores[q] for q in ranked], rtol=1e-5)
    for number, q in enumerate(ranked, 1):
        assert np.array_equal(found.person == number, owner == q)
    assert np.array_equal(found.person == 0, owner == -1)

    certain, ids = maps[PARTS].max(0)
    assert np.array_equal(found.maps[PARTS], ids)
    expected = []
    for number, q in enumerate(ranked, 1):
        for label in range(1, classes):
            part = (owner == q) & (ids.numpy() == label)
            if part.any():
                means = inside[q][part].mean() * certain.sigmoid()[part].mean()
                expected.append((number, label, float(probability[q] * means), part))
    assert found.owners.tolist() == [number for number, *_ in expected]
    assert found.parts.labels.tolist() == [label for _, label, *_ in expected]
    np.testing.assert_allclose(found.parts.scores, [e[2] for e in expected], rtol=1e-5)
    for index, (*_, part) in enumerate(expected, 1):
        assert np.array_equal(found.parts.index == index, part)


def test_a_perfect_output_has_perfect_scores():
    person, parts, color = drawn()
    found = people_of(person, parts, color)
    np.testing.assert_allclose(found.scores, [0.6, 0.9], rtol=1e-3)
    names = {PARTS: ["none", "Hat", "Coat"], "color": ["none", "Dark", "Red"]}
    scores = ParsingScores(names, Rules())
    truth = Instances.numbered(
        np.where(parts > 0, (person - 1) * 3 + parts, 0), [(1, 1), (2, 2), (4, 1), (5, 2)]
    )
    scores.add(TruePicture({PARTS: parts, "color": color}, person, truth), found.picture())
    card = scores.card()
    assert card["miou"] == pytest.approx(1)
    for key in ("apr", "app", "pcp", "person_ap"):
        assert card[key]["vol"] == pytest.approx(1)
    assert card["apcr"]["color"]["vol"] == pytest.approx(1)


def test_queries_that_find_the_same_person_are_shown_as_one():
    """Two queries find one person of 16 pixels, to which the second one adds a column."""
    masks = torch.full((2, 4, 6), -9.0)
    masks[0, :, :4] = 9.0
    masks[1, :, :5] = 8.0
    logits = torch.tensor([[9.0, -9.0], [3.0, -3.0]])
    maps = {PARTS: logits_of(np.ones((4, 6), int), 2)}
    found = find_people(logits, masks, maps, same_size(4, 6))
    assert found.fractions.tolist() == pytest.approx([0.2, 1])
    assert (found.person == 1).sum() == 4
    shown = found.shown()
    assert shown.fractions.tolist() == [1]
    assert (shown.person == 1).sum() == 20
    assert (shown.parts.labels.tolist(), shown.owners.tolist()) == ([1], [1])
    first, second = (found.parts.scores[found.owners == number].item() for number in (2, 1))
    assert shown.parts.scores.item() == pytest.approx((16 * first + 4 * second) / 20)


def test_a_person_whose_pixels_several_queries_share_is_shown():
    """Three queries find the same person, and each is the most certain of a third of it."""
    masks = torch.full((3, 6, 6), 2.0)
    for number in range(3):
        masks[number, 2 * number : 2 * number + 2] = 9.0
    logits = torch.tensor([[2.0, -2.0], [2.1, -2.1], [2.2, -2.2]])
    maps = {PARTS: logits_of(np.repeat([1, 1, 2, 2, 2, 2], 6).reshape(6, 6), 3)}
    found = find_people(logits, masks, maps, same_size(6, 6))
    assert found.fractions.tolist() == pytest.approx([1 / 3] * 3)
    shown = found.shown()
    assert (shown.person == 1).all()
    assert (shown.parts.labels.tolist(), shown.owners.tolist()) == ([1, 2], [1, 1])
    assert shown.parts.index.tolist() == (np.repeat([1, 1, 2, 2, 2, 2], 6).reshape(6, 6)).tolist()


def test_what_other_people_leave_of_a_mask_is_not_shown():
    """A third query covers two people and little else."""
    masks = torch.full((3, 4, 9), -9.0)
    masks[0, :, :4] = masks[1, :, 4:8] = 9.0
    masks[2] = 1.0
    logits = torch.tensor([[9.0, -9.0], [9.0, -9.0], [3.0, -3.0]])
    maps = {PARTS: logits_of(np.ones((4, 9), int), 2)}
    found = find_people(logits, masks, maps, same_size(4, 9))
    assert len(found.scores) == 3
    shown = found.shown()
    assert len(shown.scores) == 2
    assert not shown.person[:, 8].any()


def test_a_picture_without_people_has_none():
    maps = {PARTS: logits_of(np.ones((4, 4), int), 2)}
    for people, masks in (
        (torch.zeros(0, 2), torch.zeros(0, 4, 4)),
        (torch.tensor([[-9.0, 9.0]]), torch.full((1, 4, 4), 9.0)),
        (torch.tensor([[9.0, -9.0]]), torch.full((1, 4, 4), -9.0)),
    ):
        found = find_people(people, masks, maps, same_size(4, 4))
        assert (len(found.scores), found.person.max(), len(found.parts.labels)) == (0, 0, 0)
        assert describe(found, np.zeros((4, 4, 3), np.uint8)) == []


def test_padding_is_cut_off_before_a_picture_gets_its_size():
    """A person fills the visible part; what is predicted in the padding does not matter."""
    masks = torch.full((1, 8, 8), -9.0)
    masks[:, :4, :6] = 9.0
    maps = {PARTS: logits_of(np.where(masks[0].numpy() > 0, 1, 0), 2)}
    area = ImageArea((32, 32), (16, 24), (100, 150))
    found = find_people(torch.tensor([[9.0, -9.0]]), masks, maps, area)
    assert found.person.shape == (100, 150)
    assert (found.person[:88, :138] == 1).all()
    assert (found.person == 1).mean() > 0.9


def test_people_who_are_shown_are_numbered_from_the_highest_score():
    person = np.array([[1, 1, 2, 2, 3, 3, 0]])
    parts = np.array([[1, 2, 1, 1, 2, 2, 0]], np.uint8)
    index = np.array([[1, 2, 3, 3, 4, 4, 0]])
    instances = Instances(index, np.array([1, 2, 1, 2]), np.array([0.1, 0.2, 0.3, 0.4]))
    scores, probabilities = np.array([0.3, 0.4, 0.8]), np.array([0.9, 0.2, 0.9])
    owners = np.array([1, 1, 2, 3])
    fractions = np.array([0.9, 1, 0.5])
    own = np.arange(3)
    people = People(
        scores, probabilities, fractions, person, {PARTS: parts}, instances, owners, own
    )
    shown = people.shown()
    assert shown.scores.tolist() == [0.8, 0.3]
    assert shown.person.tolist() == [[2, 2, 0, 0, 1, 1, 0]]
    assert shown.parts.index.tolist() == [[2, 3, 0, 0, 1, 1, 0]]
    assert shown.parts.labels.tolist() == [2, 1, 2]
    assert shown.parts.scores.tolist() == [0.4, 0.1, 0.2]
    assert shown.owners.tolist() == [1, 2, 2]
    assert [len(parts) for parts in describe(shown, np.zeros((1, 7, 3), np.uint8))] == [1, 2]
