"""Figures of a dataset can be drawn for any counts."""

import numpy as np
import pytest
from PIL import Image

from clothseg.report import dataset_figures
from clothseg.report.dataset_figures import (
    draw_class_bars,
    draw_count_histogram,
    draw_images_per_label,
    draw_size_histograms,
)

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less


def height_and_width(path):
    with Image.open(path) as picture:
        assert picture.getextrema() != ((255, 255),) * 3
        return picture.size[::-1]


@pytest.mark.parametrize("values", [[0, 0], [1, 0], [5, 5], [0, 3, 10**12], [7, 2, 900, 1]])
def test_class_bars_are_drawn_for_any_counts(values, tmp_path):
    names = [f"class $_{k}^ {'long ' * k}" for k in range(len(values))]
    path = tmp_path / "bars.png"
    draw_class_bars(values, sum(values), names, path, "pixels", "a title")
    assert min(height_and_width(path)) > 150


def test_figure_height_grows_with_the_number_of_classes(tmp_path):
    heights = []
    for classes in (5, 59):
        path = tmp_path / f"{classes}.png"
        names = [str(k) for k in range(classes)]
        draw_class_bars(range(1, classes + 1), 100, names, path, "images", "a title")
        heights.append(height_and_width(path)[0])
    assert heights[1] > 5 * heights[0]


def test_images_per_label_of_all_kinds_are_in_one_figure(tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(dataset_figures, "save_figure", lambda figure, path: saved.append(figure))
    images = {
        "class": {f"part {k}": 3000 - k for k in range(19)},
        "size": {"Short/small": 40, "Long/large": 0},
        "color": {"Dark": 900, "Light": 1},
    }
    draw_images_per_label(images, 3000, tmp_path / "labels.png", "a title")
    panels = {axes.get_xlabel(): axes for axes in saved[0].axes}
    assert {*panels} == {f"images per {kind}" for kind in images}
    shown = {
        key: [tick.get_text() for tick in axes.get_yticklabels()] for key, axes in panels.items()
    }
    assert len(shown["images per class"]) == 19
    assert shown["images per color"] == ["Dark", "Light"]
    written = [text.get_text() for text in panels["images per size"].texts]
    assert written == ["40 (1.3 %)", "none"]


@pytest.mark.parametrize("counts", [[0], [3, 3, 3], [0, 1, 80]])
def test_count_histogram_is_drawn_for_any_range(counts, tmp_path):
    path = tmp_path / "counts.png"
    draw_count_histogram(np.array(counts), path, "instances per image", "a title")
    assert min(height_and_width(path)) > 200


@pytest.mark.parametrize(
    "sizes", [[[600, 400]], [[801, 550], [872, 550]], [[296, 331], [8688, 5792]]]
)
def test_size_histograms_are_drawn_for_any_range(sizes, tmp_path):
    draw_size_histograms(np.array(sizes), tmp_path / "sizes.png", "a title")
    assert min(height_and_width(tmp_path / "sizes.png")) > 200
