"""Figures of a report: their content, legible text, and how they are saved."""

import errno
import itertools
import math
from collections.abc import Callable
from pathlib import Path

import cv2
import hypothesis.extra.numpy as arrays
import matplotlib
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from clothseg.error import WriteError
from clothseg.report import canvas, figures, picture_grid
from clothseg.report.curves import draw_curves
from clothseg.report.dataset_figures import draw_class_bars
from clothseg.report.figures import draw_class_iou, draw_confusion_matrix, draw_learning_curves
from clothseg.report.masks import (
    HATCH_COLOR,
    IGNORED_COLOR,
    color_mask,
    lay_over,
    with_few_shades,
)
from clothseg.report.predictions import OPACITY, Example, Prediction, draw_predictions
from support.paths import REPOSITORY

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less

LONG_NAMES = ["headband, head covering, hair accessory", "top, t-shirt, sweatshirt", "$x_1$"]
LONG_TITLE = (
    "IoU per class of unetplusplus-timm-efficientnet-b7 on imaterialist-imaterialist46, test"
)
COLORS = np.array([[0, 0, 0], [230, 25, 75], [66, 212, 244], [255, 225, 25]], np.uint8)
MANY_CLASSES = pytest.param(59, marks=pytest.mark.slow)
NAMES = ["background", "shirt", "skin", "hat"]


def read(path: Path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def class_names(count: int) -> list[str]:
    if count == len(LONG_NAMES):
        return LONG_NAMES
    space = {4: "body4", 15: "refined15", 59: "ccp59"}[count]
    return yaml.safe_load((REPOSITORY / "conf" / "labels" / f"{space}.yaml").read_text())["names"]


def counts(classes: int) -> np.ndarray:
    generator = np.random.default_rng(classes)
    matrix = generator.integers(0, 900, (classes, classes))
    return matrix + np.diag(generator.integers(5_000, 90_000, classes))


def history(epochs: int) -> list[dict[str, float]]:
    scores = ("val/mean_iou", "val/mean_f1", "val/accuracy")
    return [
        {"epoch": epoch, "train/loss": 2 / (epoch + 1), "val/loss": 2.2 / (epoch + 1)}
        | {key: 1 - 0.5 / (epoch + rank) for rank, key in enumerate(scores, start=1)}
        | {"learning_rate": 1e-4 * 0.9**epoch}
        for epoch in range(epochs)
    ]


def example(name: str, height: int, width: int, **changes: object) -> Example:
    generator = np.random.default_rng(height + width)
    image = 255 * generator.integers(0, 2, (height, width, 3), np.uint8)
    ground_truth = np.zeros((height, width), np.uint8)
    ground_truth[height // 4 : height // 2, width // 4 : -width // 4] = 1
    ground_truth[height // 2 :, width // 3 : -width // 3] = 2
    predictions = [Prediction(ground_truth.copy(), 0.875)]
    parts = {"image": image, "ground_truth": ground_truth, "predictions": predictions}
    return Example(name, **(parts | changes))


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Saved figures, still with their artists."""
    saved: list[Figure] = []

    def save(figure: Figure, path: Path) -> None:
        saved.append(figure)
        canvas.save_figure(figure, path)

    for module in (figures, picture_grid):
        monkeypatch.setattr(module, "save_figure", save)
    return saved


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible()]


def cell_numbers(figure: Figure) -> dict[tuple[int, int], int]:
    """Numbers in the cells of the matrix by row and column."""
    axes = figure.axes[0]
    positions = ((text, text.get_position()) for text in axes.texts)
    return {(round(y), round(x)): int(text.get_text()) for text, (x, y) in positions}


def check_texts(figure: Figure) -> None:
    """Check that no text leaves the figure and no two texts overlap."""
    figure.set_dpi(canvas.DPI)
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = []
    draw = Text.draw

    def record(text: Text, *arguments: object) -> None:
        draw(text, *arguments)
        if text.get_visible() and text.get_text():
            boxes.append((text.get_text(), text.get_window_extent(renderer)))

    # Check only drawn text: matplotlib also keeps tick labels outside of the axes limits.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", record)
        figure.draw(renderer)
    assert boxes
    width, height = figure.bbox.size
    for text, box in boxes:
        inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
        assert inside, f"{text!r} is cut off: {box}"
    for (first, a), (second, b) in itertools.combinations(boxes, 2):
        overlap = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert min(overlap) <= 1, f"{first!r} overlaps {second!r}"


def check_file(path: Path) -> None:
    """Check for a white border of one pixel and a size that fits a page and an email."""
    picture = read(path)
    for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
        assert (edge == 255).all()
    assert max(picture.shape) <= 2_000
    assert path.stat().st_size < 300_000


# --- confusion matrix


@pytest.mark.parametrize("classes", [3, 4, 15, MANY_CLASSES])
def test_confusion_matrix_is_readable(classes: int, tmp_path: Path, drawn: list[Figure]) -> None:
    matrix = counts(classes)
    matrix[1] = 0
    draw_confusion_matrix(matrix, class_names(classes), tmp_path / "matrix.png", LONG_TITLE)
    check_file(tmp_path / "matrix.png")
    check_texts(drawn[0])
    assert any("predicted class" in text for text in texts(drawn[0]))
    assert "true class" in texts(drawn[0])
    assert bool(cell_numbers(drawn[0])) == (classes <= 25)


def test_confusion_matrix_numbers_are_row_percentages(tmp_path: Path, drawn: list[Figure]) -> None:
    matrix = np.array([[990, 10, 0, 0], [9, 991, 0, 0], [1, 1, 1, 1], [0, 0, 0, 7]])
    draw_confusion_matrix(matrix, NAMES, tmp_path / "matrix.png", "title")
    assert cell_numbers(drawn[0]) == {
        (0, 0): 99,
        (0, 1): 1,
        (1, 1): 99,
        **{(2, column): 25 for column in range(4)},
        (3, 3): 100,
    }
    shades = drawn[0].axes[0].images[0].get_array()
    np.testing.assert_allclose(shades, 100 * matrix / matrix.sum(1, keepdims=True))


def test_absent_class_is_hatched_and_counted(tmp_path: Path, drawn: list[Figure]) -> None:
    matrix = counts(4)
    matrix[2] = 0
    draw_confusion_matrix(matrix, NAMES, tmp_path / "matrix.png", "title")
    (band,) = drawn[0].axes[0].patches
    assert band.get_hatch()
    assert (band.get_y(), band.get_y() + band.get_height()) == (1.5, 2.5)
    assert any("no true pixels (1 of 4 classes)" in text for text in texts(drawn[0]))
    assert all(row != 2 for row, _ in cell_numbers(drawn[0]))


def test_empty_confusion_matrix_is_drawn(tmp_path: Path) -> None:
    draw_confusion_matrix(np.zeros((2, 2), np.int64), NAMES[:2], tmp_path / "matrix.png", "title")
    check_file(tmp_path / "matrix.png")


# --- per-class IoU


@pytest.mark.parametrize("folds", [1, 5])
@pytest.mark.parametrize("classes", [3, 15, MANY_CLASSES])
def test_class_iou_is_readable(
    classes: int, folds: int, tmp_path: Path, drawn: list[Figure]
) -> None:
    generator = np.random.default_rng(classes)
    iou = generator.uniform(0, 1, classes)
    iou[:3] = [1, 0, np.nan]
    std = generator.uniform(0, 0.1, classes) if folds > 1 else None
    draw_class_iou(iou, class_names(classes), tmp_path / "iou.png", LONG_TITLE, std)
    check_file(tmp_path / "iou.png")
    check_texts(drawn[0])


def test_iou_bars_are_sorted_and_absent_classes_are_marked(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    iou = np.array([0.25, np.nan, 0.75, 0.5])
    std = np.array([0.05, np.nan, 0.1, np.nan])
    draw_class_iou(iou, NAMES, tmp_path / "iou.png", "title", std)
    axes = drawn[0].axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["skin", "hat", "background", "shirt"]
    assert [bar.get_width() for bar in axes.patches] == [75, 50, 25, 0]
    assert [t.get_text() for t in axes.texts] == ["75.0 ± 10.0", "50.0", "25.0 ± 5.0", "absent"]
    assert "mean 50.0 (3 of 4 classes)" in texts(drawn[0])
    (mean,) = (line for line in axes.lines if line.get_linestyle() == "--")
    assert list(mean.get_xdata()) == [50, 50]


def test_class_iou_is_drawn_if_all_classes_are_absent(tmp_path: Path) -> None:
    draw_class_iou(np.full(2, np.nan), NAMES[:2], tmp_path / "iou.png", "title")
    check_file(tmp_path / "iou.png")


# --- learning curves


@pytest.mark.parametrize("epochs", [1, 2, 80])
def test_learning_curves_are_readable(epochs: int, tmp_path: Path, drawn: list[Figure]) -> None:
    draw_learning_curves(history(epochs), tmp_path / "curves.png", best_epoch=epochs - 1)
    check_file(tmp_path / "curves.png")
    check_texts(drawn[0])
    assert read(tmp_path / "curves.png").shape == (990, 1050, 3)


def test_learning_curves_show_every_series_and_the_best_epoch(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    rows = history(6)
    rows[2]["val/loss"] = float("nan")
    del rows[3]["val/loss"]
    draw_learning_curves(rows, tmp_path / "curves.png", best_epoch=4)
    loss, score, rate = drawn[0].axes
    lines = {line.get_label(): line for axes in (loss, score) for line in axes.lines}
    np.testing.assert_allclose(lines["training"].get_ydata(), [row["train/loss"] for row in rows])
    assert list(lines["validation"].get_xdata()) == [0, 1, 4, 5]
    iou = 100 * np.array([row["val/mean_iou"] for row in rows])
    np.testing.assert_allclose(lines["mean IoU"].get_ydata(), iou)
    np.testing.assert_allclose(rate.lines[0].get_ydata(), [row["learning_rate"] for row in rows])
    for axes in (loss, score, rate):
        assert list(axes.lines[-1].get_xdata()) == [4, 4]
    assert "best epoch 4" in texts(drawn[0])


def test_learning_curves_without_values_are_drawn(tmp_path: Path) -> None:
    draw_learning_curves([{"epoch": 0}], tmp_path / "curves.png", best_epoch=None)
    check_file(tmp_path / "curves.png")


# --- predictions


@given(
    arrays.arrays(np.uint8, (5, 7), elements=st.sampled_from([0, 1, 2, 3, 255])),
    arrays.arrays(np.uint8, (4, 3)),
)
def test_color_mask_paints_each_pixel_in_its_color(mask: np.ndarray, colors: np.ndarray) -> None:
    painted = color_mask(mask, colors)
    assert painted.dtype == np.uint8
    for row, column in np.ndindex(mask.shape):
        k = mask[row, column]
        expected = IGNORED_COLOR if k == 255 else colors[k]
        np.testing.assert_array_equal(painted[row, column], expected)


def test_color_mask_reports_ids_without_a_color() -> None:
    with pytest.raises(ValueError, match=r"ids \[4, 9\]; only 0 to 3"):
        color_mask(np.array([[0, 4, 9, 255]], np.uint8), COLORS)


def test_small_images_are_enlarged_without_smoothing(tmp_path: Path) -> None:
    shown = example("0001", 64, 64)
    draw_predictions([shown], NAMES, COLORS, tmp_path / "rows.png", "title")
    enlarged = shown.image.repeat(4, axis=0).repeat(4, axis=1)
    rows = read(tmp_path / "rows.png")
    # The score of the match is inexact, but its position is exact.
    _, _, (left, top), _ = cv2.minMaxLoc(cv2.matchTemplate(rows, enlarged, cv2.TM_SQDIFF))
    height, width = enlarged.shape[:2]
    assert np.array_equal(rows[top : top + height, left : left + width], enlarged)


def test_masks_are_laid_over_the_image(tmp_path: Path) -> None:
    shown = example("0001", 64, 64)
    draw_predictions([shown], NAMES, COLORS, tmp_path / "rows.png", "title")
    picture = read(tmp_path / "rows.png")
    enlarged = [array.repeat(4, 0).repeat(4, 1) for array in (shown.image, shown.ground_truth)]
    expected = with_few_shades(lay_over(*enlarged, COLORS, OPACITY))
    difference = cv2.matchTemplate(picture, expected, cv2.TM_SQDIFF)
    (top, left) = np.unravel_index(difference.argmin(), difference.shape)
    height, width = expected.shape[:2]
    assert np.array_equal(picture[top : top + height, left : left + width], expected)


def test_legend_lists_present_classes_and_ignored(tmp_path: Path, drawn: list[Figure]) -> None:
    shown = example("0001", 64, 64)
    shown.ground_truth[:9] = 255
    draw_predictions([shown], NAMES, COLORS, tmp_path / "rows.png", "title")
    (legend,) = drawn[0].legends
    assert [t.get_text() for t in legend.get_texts()] == ["shirt", "skin", "ignored"]
    patches = legend.get_patches()
    np.testing.assert_allclose(to_rgb(patches[0].get_facecolor()), COLORS[1] / 255)
    assert patches[-1].get_hatch()
    picture = read(tmp_path / "rows.png")
    for gray in (IGNORED_COLOR, HATCH_COLOR):
        shade = with_few_shades(np.array(gray))
        assert (picture == shade).all(axis=-1).sum() > 1_000


def test_rows_of_any_shape_fit(tmp_path: Path, drawn: list[Figure]) -> None:
    rows = [
        example("0001", 832, 550),
        example("f1e2d3c4b5a697887766554433221100aabbccdd", 300, 640),
        example("a wide one", 40, 640),
        example("0004", 64, 64),
    ]
    rows[2].predictions[0] = Prediction(rows[2].ground_truth, math.nan, "taken for a shirt")
    draw_predictions(rows, NAMES, COLORS, tmp_path / "rows.png", LONG_TITLE)
    check_texts(drawn[0])
    picture = read(tmp_path / "rows.png")
    assert picture.shape[:2] == tuple(drawn[0].bbox.size[::-1].round())
    assert (picture[:, 0] == 255).all()
    shown = texts(drawn[0])
    assert {"image", "ground truth", "prediction", "0001", "IoU 87.5 %"} <= set(shown)
    assert "IoU undefined\ntaken for a shirt" in shown
    assert [t.replace("\n", "") for t in shown if t.startswith("f1e2")] == [
        "f1e2d3c4b5a697887766554433221100aabbcc…"
    ]


def test_file_of_six_real_images_is_small(ccp_root: Path, tmp_path: Path) -> None:
    images = [read(ccp_root / "photos" / f"{number:04d}.jpg") for number in range(1, 7)]
    rows = [
        example(f"{number:04d}", *image.shape[:2], image=image)
        for number, image in enumerate(images, start=1)
    ]
    draw_predictions(rows, NAMES, COLORS, tmp_path / "rows.png", "title")
    check_file(tmp_path / "rows.png")


# --- saving


def test_file_is_replaced_atomically(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "figures" / "picture.png"
    canvas.save_figure(Figure((1, 1)), path)
    assert read(path).shape == (canvas.DPI, canvas.DPI, 3)
    before = path.read_bytes()

    def disk_full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", disk_full)
    with pytest.raises(WriteError, match="No space"):
        canvas.save_figure(Figure((2, 1)), path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


DRAW: dict[str, Callable[[Path], None]] = {
    "matrix": lambda path: draw_confusion_matrix(counts(4), NAMES, path, "title"),
    "iou": lambda path: draw_class_iou(np.linspace(0, 1, 4), NAMES, path, "title"),
    "curves": lambda path: draw_learning_curves(history(2), path, 1),
    "rows": lambda path: draw_predictions([example("a", 64, 64)], NAMES, COLORS, path, "title"),
}


@pytest.mark.parametrize("draw", DRAW.values(), ids=DRAW)
def test_drawing_is_deterministic_and_has_no_side_effects(
    draw: Callable[[Path], None], tmp_path: Path
) -> None:
    keys = ("font.size", "axes.spines.top", "text.parse_math", "hatch.linewidth")
    settings = [matplotlib.rcParams[key] for key in keys]
    path = tmp_path / "picture.png"
    draw(path)
    first = path.read_bytes()
    draw(path)
    assert path.read_bytes() == first
    assert list(tmp_path.iterdir()) == [path]
    assert [matplotlib.rcParams[key] for key in keys] == settings


@pytest.mark.parametrize("name", ["W" * 40_000, "W " * 20_000], ids=["word", "words"])
def test_no_name_decides_the_size_of_a_figure(name, tmp_path):
    path, matrix = tmp_path / "figure.png", np.eye(2, dtype=np.int64)
    draw = {
        "curves": lambda: draw_curves({name: [[{"epoch": 1, "val/loss": 1.0}]]}, ["loss"], path),
        "matrix": lambda: draw_confusion_matrix(matrix, [name, "Hat"], path, name),
        "classes": lambda: draw_class_iou(np.array([0.5, 1.0]), [name, "Hat"], path, name),
        "bars": lambda: draw_class_bars([5, 3], 8, [name, "Hat"], path, "pixels", name),
    }
    for figure, drawing in draw.items():
        drawing()
        with Image.open(path) as image:
            assert max(image.size) < 4500, figure
