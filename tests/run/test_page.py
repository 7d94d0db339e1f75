"""Content of pages of results."""

import numpy as np
import pytest

from clothseg.run.comparison import Difference
from clothseg.run.comparison.tables import MAX_TESTED_BY_CLASS, ComparedTables
from clothseg.run.configurations import combine_seeds, group_folds
from clothseg.run.finished import finished_runs
from clothseg.run.page.pages import results_page, sweep_page
from clothseg.run.page.standings import told_classes
from support.page_content import write_run

pytestmark = pytest.mark.slow(seconds=1)


def compared(folder):
    """Comparison of the runs below a folder."""
    return ComparedTables(combine_seeds(group_folds(finished_runs(folder, print), print)))


def test_the_page_of_a_sweep_is_that_of_its_runs(tmp_path):
    for loss, score in (("dice", 0.4), ("focal", 0.6)):
        write_run(tmp_path / loss, f"loss={loss}", iou=score, validation=score)
    (one,) = sweep_page(compared(tmp_path), "Sweep").chapters
    (other,) = results_page(finished_runs(tmp_path, print), "Folder").chapters
    assert one.table == other.table
    assert [found.label for found in one.configurations] == ["focal", "dice"]
    assert one.comparison == other.comparison
    assert one.images == other.images


def test_classes_are_tested_against_those_of_the_best(tmp_path):
    for loss, score in (("dice", 0.4), ("focal", 0.6)):
        write_run(tmp_path / loss, f"loss={loss}", iou=score, validation=score)
    (found,) = results_page(finished_runs(tmp_path, print), "Folder").chapters
    best, other = found.configurations
    assert best.told is None
    assert other.told.tolist() == [0, 0]  # of three images, none is significant
    assert found.class_test == (
        "a permutation test over test images, level 5 %, Holm over the classes of 1 pair"
    )
    p = np.array([0.01, 0.2, 0.04, np.nan])
    value = np.array([0.1, 0.1, -0.1, 0.1])
    assert told_classes(Difference("images", value, value, value, p)).tolist() == [-1, 0, 1, 0]


def test_many_configurations_have_no_tests_of_classes(tmp_path):
    for number in range(MAX_TESTED_BY_CLASS + 1):
        write_run(tmp_path / f"lr-{number}", f"optimizer.lr={0.01 + number}")
    (found,) = results_page(finished_runs(tmp_path, print), "Folder").chapters
    assert {one.told is None for one in found.configurations} == {True}
    assert found.class_test == ""


def test_a_sweep_over_datasets_has_a_chapter_for_each(tmp_path):
    write_run(tmp_path / "a", "loss=dice")
    write_run(tmp_path / "b", "dataset=ccp", "dataset.root=x")
    page = sweep_page(compared(tmp_path), "Sweep")
    assert [one.title.partition(",")[0] for one in page.chapters] == ["synthetic", "ccp"]
    assert [note.partition(":")[0] for note in page.notes] == [
        "synthetic, refined15",
        "ccp, refined15",
        "The runs are of 2 datasets or label spaces, whose scores cannot be compared; each has "
        "tables of its own.",
    ]


def test_seeds_are_one_configuration(tmp_path):
    for seed, score in enumerate((0.4, 0.6)):
        write_run(tmp_path / f"{seed}", f"seed={seed}", scores=[score], iou=score)
    (chapter,) = results_page(finished_runs(tmp_path, print), "Folder").chapters
    (one,) = chapter.configurations
    assert chapter.noun == "seed"
    assert len(one.folders) == 2
    assert one.iou == pytest.approx([0.5, 0.5])
    assert one.matrix.sum() == 20  # two runs with ten pixels each
    assert one.curves["val/mean_iou"].mean == pytest.approx([50])


def test_images_are_ranked_by_their_mean_over_configurations(tmp_path):
    for loss in ("dice", "focal"):
        write_run(tmp_path / loss, f"loss={loss}")
    (chapter,) = results_page(finished_runs(tmp_path, print), "Folder").chapters
    highest = chapter.images["Highest IoU"]
    assert [row.name for row in highest] == ["good", "fair", "bad"]
    # Of the background 90 pixels of a union of 110 are correct, of the other class 10 of 100.
    assert highest[0].mean == pytest.approx(100 * (90 / 110 + 10 / 100) / 2)
