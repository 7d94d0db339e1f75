"""Figures of the scores of a run and of a cross-validation."""

import statistics

import pytest

from clothseg.report import figures
from clothseg.report.results import draw_scores
from support.scores import score_card

pytestmark = pytest.mark.slow(seconds=1)


def titles(drawn):
    return [figure.get_suptitle().replace("\n", " ") for figure in drawn]


def test_figures_of_folds_say_whether_they_pool_or_average(tmp_path, saved_from):
    drawn = saved_from(figures)
    draw_scores([score_card(0.5), score_card(0.7)], tmp_path, "unet resnet18")
    assert titles(drawn) == [
        "unet resnet18, 2 folds pooled",
        "unet resnet18, mean ± standard deviation over 2 folds",
    ]
    axes = drawn[1].axes[0]
    deviation = 100 * statistics.stdev([0.5, 0.7])
    assert [text.get_text() for text in axes.texts] == [f"60.0 ± {deviation:.1f}"] * 2
    assert axes.get_title() == "mean 60.0 (2 of 2 classes)"
    assert (tmp_path / "confusion_matrix.png").is_file()
    assert (tmp_path / "figures/class_iou.png").is_file()


def test_figures_of_a_single_run_have_no_deviation(tmp_path, saved_from):
    drawn = saved_from(figures)
    draw_scores([score_card(0.5)], tmp_path, "unet resnet18")
    assert titles(drawn) == ["unet resnet18"] * 2
    assert [text.get_text() for text in drawn[1].axes[0].texts] == ["50.0"] * 2
