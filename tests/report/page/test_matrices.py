"""Confusion matrices as small pictures."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from clothseg.report.page.matrices import (
    MAX_NUMBERED,
    largest_confusions,
    matrix_picture,
    numbered_cells,
)

MATRIX = np.array([[90, 10, 0], [40, 60, 0], [0, 0, 0]])


def decoded(uri):
    """Picture of a data URI as RGBA [H,W,4]."""
    return np.asarray(
        Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGBA")
    )


def test_the_opacity_of_a_pixel_is_the_root_of_the_fraction_of_its_row():
    opacity = decoded(matrix_picture(MATRIX))[..., 3] / 255
    assert opacity**2 == pytest.approx(
        np.array([[0.9, 0.1, 0], [0.4, 0.6, 0], [0, 0, 0]]), abs=0.005
    )


def test_pictures_of_many_classes_are_small():
    matrix = np.random.default_rng(0).integers(0, 1000, (59, 59))
    assert decoded(matrix_picture(matrix)).shape == (59, 59, 4)
    assert len(matrix_picture(matrix)) < 7_000


def test_cells_from_one_percent_show_their_number_if_there_are_few_classes():
    assert numbered_cells(MATRIX) == [(0, 0, 90), (0, 1, 10), (1, 0, 40), (1, 1, 60)]
    assert numbered_cells(np.eye(MAX_NUMBERED + 1)) == []


def test_the_largest_confusions_come_first():
    found = largest_confusions(MATRIX)
    assert [(one.true, one.predicted) for one in found] == [(1, 0), (0, 1)]
    assert [one.fraction for one in found] == pytest.approx([0.4, 0.1])
    assert largest_confusions(np.eye(3)) == []
