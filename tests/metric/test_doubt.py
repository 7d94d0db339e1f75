"""Scores that mean nothing are told apart from those that do."""

import pytest

from clothseg.metric.doubt import doubts


def card(matrix):
    names = ["ground", "hat", "coat"][: len(matrix)]
    return {"per_class": [{"name": name} for name in names], "confusion_matrix": matrix}


@pytest.mark.parametrize(
    ("matrix", "reasons"),
    [
        ([[5, 1, 0], [0, 3, 0], [0, 0, 0]], []),
        ([[5, 0, 0], [4, 0, 0], [1, 0, 0]], ["only ground is predicted"]),
        ([[0, 0, 0], [1, 5, 2], [0, 0, 0]], ["only hat occurs in the ground truth"]),
        (
            [[0, 0, 7], [0, 0, 0], [0, 0, 0]],
            ["only ground occurs in the ground truth", "only coat is predicted"],
        ),
        ([[0, 0, 0], [0, 0, 0], [0, 0, 0]], []),
        ([[5]], []),
    ],
)
def test_one_class_in_the_ground_truth_or_the_predictions_is_suspect(matrix, reasons):
    assert doubts(card(matrix)) == reasons


def test_a_card_without_a_matrix_is_not_judged():
    assert doubts({"per_class": [{"name": "ground"}, {"name": "hat"}]}) == []
