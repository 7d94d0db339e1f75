"""`python scripts/report.py target=html`: one page of all finished runs."""

import re
import shutil
from html import unescape

import pytest

from clothseg.commands.main import main
from clothseg.json_file import read_json
from clothseg.run.metrics_file import Metrics
from support.command_line import records
from support.page_content import write_run

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less


def written(runs, *arguments):
    """Page that the command writes from the runs below a folder."""
    path = runs.parent / "page.html"
    assert main("report", ["target=html", f"runs={runs}", f"output={path}", *arguments]) == 0
    return path.read_text()


def texts(html, pattern):
    """Texts of the elements that a pattern finds, without markup."""
    return [
        " ".join(unescape(re.sub("<[^>]*>", " ", found)).split())
        for found in re.findall(pattern, html, re.DOTALL)
    ]


def score_rows(html):
    return texts(html, r'<tr data-c="[^"]*" data-text=.*?</tr>')


@pytest.fixture
def runs(tmp_path):
    """Two configurations of two folds."""
    folder = tmp_path / "runs"
    for loss, iou, validation in (("dice", 0.5, 0.4), ("focal", 0.7, 0.6)):
        for fold in range(2):
            write_run(
                folder / loss / f"fold-{fold}",
                f"loss={loss}",
                "split.folds=2",
                scores=[0.1, 0.2 + fold / 10],
                iou=iou + fold / 50,
                validation=validation,
            )
    return folder


def test_configurations_have_one_row_each_from_the_best_to_the_worst(runs):
    first, second = score_rows(written(runs))
    # Two folds with scores of 0.7 and 0.72, and of 0.5 and 0.52.
    assert first.startswith("1 best focal 2 1 71.0 ± 1.4 71.0 ± 1.4")
    assert second.startswith("2 dice 2 1 51.0 ± 1.4 51.0 ± 1.4")


def test_settings_that_all_share_are_named_once_and_those_that_differ_are_marked(runs):
    html = written(runs)
    assert "<code>labels=refined15</code>" in html
    assert texts(html, r'<td class="setting differs"[^>]*>.*?</td>') == ["dice"]


def test_the_page_has_curves_matrices_classes_images_and_runs(runs):
    html = written(runs)
    assert texts(html, r"<h2[^>]*>.*?</h2>")[1:] == [
        "Which differences are real",
        "IoU of every class",
        "Learning curves",
        "Confusion matrices",
        "Test images",
        "Runs",
    ]
    assert len(re.findall('<svg class="matrix"', html)) == 2
    assert len(re.findall('class="band"', html)) == 4  # IoU and loss of two configurations
    assert "4 runs, test scores in percent" in html
    assert "Lowest IoU: 3 images" not in html  # at most as many as are not among the highest
    assert re.search(r'<th scope="row">good</th><td class="number">\d', html)


def test_pooled_and_averaged_scores_are_told_apart(runs):
    html = written(runs)
    assert "mean over runs (folds)" in html
    assert "pooled over all runs" in html


def test_unfinished_and_damaged_runs_are_left_out_with_a_sentence(runs, capsys):
    (runs / "dice/fold-1/metrics.json").write_text("{")
    status = runs / "focal/fold-0/status.json"
    status.write_text('{"state": "running", "attempts": 1, "error": null}')
    html = written(runs)
    notes = texts(html, "<li>Left out.*?</li>")
    assert len(notes) == 2
    assert "fold-1" in notes[0]
    assert "is still running or was interrupted" in notes[1]
    assert len(score_rows(html)) == 2
    assert "warning: Left out: " in capsys.readouterr().out


def test_a_run_without_curves_and_images_is_shown_without_them(runs, capsys):
    for fold in range(2):
        for name in ("history.csv", "image_scores.npz"):
            (runs / f"dice/fold-{fold}" / name).unlink()
    html = written(runs)
    assert len(score_rows(html)) == 2
    notes = texts(html, "<li>.*?</li>")
    assert [note.partition(":")[0] for note in notes[:2]] == [
        "2 learning curves left out",
        "Test images of 2 runs are left out",
    ]


@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_without_runs_is_an_error(tmp_path, exists, capsys):
    folder = tmp_path / "none"
    if exists:
        folder.mkdir()
    assert main("report", ["target=html", f"runs={folder}", f"output={tmp_path}/p.html"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert str(folder) in error
    assert error.count("\n") == 1
    assert not (tmp_path / "p.html").exists()


def test_runs_of_two_datasets_have_tables_of_their_own(runs, tmp_path):
    write_run(runs / "other", "dataset=ccp", "dataset.root=x", iou=0.9, validation=0.9)
    html = written(runs)
    titles = texts(html, '<h2 id="scores-.*?</h2>')
    assert [title.partition(",")[0] for title in titles] == ["synthetic", "ccp"]
    assert len(score_rows(html)) == 3
    assert "The runs are of 2 datasets or label spaces" in html


def test_names_of_a_record_are_text(runs):
    evil = "<img src=x onerror=alert(1)>"
    shutil.copytree(runs / "dice", runs / evil / "dice")
    html = written(runs)
    assert "<img src=x" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html


def test_the_ending_of_the_file_must_be_that_of_a_page(tmp_path, capsys):
    assert main("report", ["target=html", f"runs={tmp_path}", "output=page.png"]) == 1
    assert ".html" in capsys.readouterr().err


def test_the_same_runs_give_the_same_page(runs):
    assert written(runs) == written(runs)


def test_photos_that_cannot_be_had_are_left_out_with_a_sentence(runs):
    html = written(runs, "num_photos=1")
    (note,) = texts(html, "<li>There are no photos.*?</li>")
    assert "is finished and has the scores of its test images" in note
    assert len(score_rows(html)) == 2


@pytest.mark.slow
def test_photos_of_a_finished_sweep_have_their_masks_laid_over_them(swept, tmp_path, monkeypatch):
    folder = tmp_path / "swept"
    shutil.copytree(swept[0], folder)
    monkeypatch.chdir(swept[0].parent)
    html = written(folder, "num_photos=2")
    pictures = html.split('<figure class="photo">')[1:]
    assert len(pictures) == 4  # the two with the highest and the two with the lowest IoU
    for picture in pictures:
        assert picture.count("data:image/jpeg") == 1
        assert picture.count('class="mask"') == 2  # ground truth and prediction
    (row,) = score_rows(html)
    scores = [
        read_json(record.folder / "metrics.json", Metrics, "")["test"]["mean"]["iou"]
        for record in records(folder)
    ]
    assert f"{50 * sum(scores):.1f} ±" in row
