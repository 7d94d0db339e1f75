"""Pictures of a dataset can be drawn of whatever was counted."""

import numpy as np
import pytest
from PIL import Image

from clothseg.report.dataset_figures import draw_class_bars, draw_numbers, draw_sizes


def height_and_width(path):
    with Image.open(path) as picture:
        assert picture.getextrema() != ((255, 255),) * 3
        return picture.size[::-1]


@pytest.mark.parametrize("values", [[0, 0], [1, 0], [5, 5], [0, 3, 10**12], [7, 2, 900, 1]])
def test_bars_are_drawn_for_any_counts(values, tmp_path):
    names = [f"class $_{k}^ {'long ' * k}" for k in range(len(values))]
    path = tmp_path / "bars.png"
    draw_class_bars(values, sum(values), names, path, "pixels", "a title")
    assert min(height_and_width(path)) > 150


def test_more_classes_make_a_higher_picture(tmp_path):
    heights = []
    for classes in (5, 59):
        path = tmp_path / f"{classes}.png"
        names = [str(k) for k in range(classes)]
        draw_class_bars(range(1, classes + 1), 100, names, path, "images", "a title")
        heights.append(height_and_width(path)[0])
    assert heights[1] > 5 * heights[0]


@pytest.mark.parametrize("numbers", [[0], [3, 3, 3], [0, 1, 80]])
def test_numbers_of_any_range_are_drawn(numbers, tmp_path):
    draw_numbers(np.array(numbers), tmp_path / "numbers.png", "instances in a photo", "a title")
    assert min(height_and_width(tmp_path / "numbers.png")) > 200


@pytest.mark.parametrize(
    "sizes", [[[600, 400]], [[801, 550], [872, 550]], [[296, 331], [8688, 5792]]]
)
def test_sizes_of_any_range_are_drawn(sizes, tmp_path):
    draw_sizes(np.array(sizes), tmp_path / "sizes.png", "a title")
    assert min(height_and_width(tmp_path / "sizes.png")) > 200
