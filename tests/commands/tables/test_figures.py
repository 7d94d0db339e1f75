"""Figures of papers: pictures of finished runs, and what the others lack."""

import json

import cv2
import pytest

from clothseg.commands.tables.figure import render as render_figure
from clothseg.commands.tables.panels import LATE, Picture
from clothseg.commands.tables.rendered import Place
from clothseg.commands.tables.shelf import Shelf, read_runs
from clothseg.config.command_line import check_settings
from clothseg.config.settings import Tables
from clothseg.config.table.file import Figure, Panel
from clothseg.error import ConfigError
from clothseg.report.document import markdown_document
from clothseg.run import demand
from clothseg.run.demand import Demand, find
from support.finished_run import write_finished
from support.scores import run_metrics

EXPERIMENT = "martellozzo2023/vgg16_4"
FIGURE = {"kind": "figure", "number": "Fig. 1", "caption": "Pictures"}


def shelf(runs, **settings):
    checked = check_settings([f"runs={runs}"], "tables", Tables)
    return Shelf(checked.model_copy(update=settings), {}, read_runs(runs, pytest.fail))


def render(runs, path, *panels, **settings):
    figure = Figure.model_validate(FIGURE | {"panels": panels})
    place = Place("x/figure1", "x, Fig. 1", path / "x/figure1")
    return render_figure(figure, place, shelf(runs, **settings))


def panel(draw, **keys):
    return {"draw": draw, "caption": f"Of {draw}", "runs": [{"experiment": EXPERIMENT}], **keys}


@pytest.mark.slow(seconds=2)
def test_pictures_of_finished_runs_are_drawn_and_those_of_others_noted(tmp_path):
    runs = tmp_path / "runs"
    words = [f"experiment={EXPERIMENT}", "dataset.root=x"]
    write_finished(runs / "a", *words, metrics=run_metrics(0.5, 0.5))
    other = panel("class_iou", runs=[{"experiment": "martellozzo2023/vgg19_4", "name": "VGG19"}])
    bars = panel("bars", scores=["accuracy", "mean_iou"])
    panels = [panel("confusion_matrix"), other, bars, panel("run_figure", file="best")]
    result = render(runs, tmp_path, *panels)
    text = markdown_document(result.document).decode()
    assert [picture.file for picture in result.document.pictures] == [
        "figure1-1.png",
        "figure1-3.png",
    ]
    for file in ("figure1-1.png", "figure1-3.png"):
        assert cv2.imread(str(tmp_path / "x" / file)).size
    assert (
        "missing (VGG19); filled by: `python train.py experiment=martellozzo2023/vgg19_4 " in text
    )
    (why,) = [note.text for note in result.document.notes if "run_figure" in note.text]
    assert why.startswith(f"missing (Of run_figure): {runs}/a/figures/best.png is missing; ")
    assert [one.experiment for one in result.missing] == ["martellozzo2023/vgg19_4"]


def test_pictures_of_a_dataset_need_its_statistics(tmp_path):
    runs, keys = tmp_path / "runs", {"runs": [], "dataset": "ccp", "file": "pixels_per_class"}
    runs.mkdir()
    result = render(runs, tmp_path, panel("statistics", **keys))
    assert result.commands == [
        ["action=statistics", "dataset=ccp", "dataset.root=/path/to/ccp", f"output={runs}"]
    ]
    folder = runs / "ccp-refined15/statistics"
    folder.mkdir(parents=True)
    row = {"name": "BG", "pixels": 1, "images": 1, "instances": 0, "mean_area_share": None}
    content = {"images": 7, "classes": [row], "fingerprint": "abcdef0123", "division": None}
    (folder / "statistics.json").write_text(json.dumps(content))
    (folder / "pixels_per_class.png").write_bytes(b"png")
    result = render(runs, tmp_path, panel("statistics", **keys))
    assert (tmp_path / "x/figure1.png").read_bytes() == b"png"
    assert "counted in 7 images of ccp, fingerprint abcdef01" in [
        n.text for n in result.document.notes
    ]
    assert result.commands == []


@pytest.fixture
def pictured(swept, tmp_path, monkeypatch):
    """Function that builds a picture of a finished cross-validation."""
    monkeypatch.setattr(demand, "unusable", lambda run: "")  # the checkout may have changes
    runs, _ = swept
    opened = shelf(runs)
    config = opened.candidates[0].run.config["config"]
    found = find(Demand("ccp/fpn_b0_128", (), (0,)), config, opened.candidates, "full")

    def build(draw, **keys):
        described = Panel.model_validate(panel(draw, **keys))
        return Picture(described, [found], tmp_path / f"{draw}.png", opened)

    return build


@pytest.mark.slow(seconds=20)
@pytest.mark.parametrize(
    ("draw", "keys"),
    [
        ("confusion_matrix", {}),
        ("class_iou", {}),
        ("curves", {"scores": ["accuracy", "binary_iou"]}),
        ("bars", {"scores": ["accuracy", "mean_iou"]}),
        ("run_figure", {"file": "learning_curves"}),
        ("examples", {"num_images": 1}),
        ("comparison", {"num_images": 2}),
    ],
)
def test_every_picture_of_a_cross_validation_can_be_drawn(draw, keys, pictured):
    picture = pictured(draw, **keys)
    assert len(picture.runs) == 2
    picture.draw()
    image = cv2.imread(str(picture.path))
    assert image.std() > 0
    assert picture.is_drawn == (draw in LATE)


@pytest.mark.slow
def test_a_picture_of_other_runs_is_not_current(pictured):
    picture = pictured("examples", num_images=1)
    assert not picture.is_drawn
    picture.path.write_bytes(b"")
    record = picture.path.with_suffix(".json")
    record.write_text(json.dumps(picture.sources))
    assert picture.is_drawn
    changed = picture.sources | {"runs": {"elsewhere": "0"}}
    record.write_text(json.dumps(changed))
    assert not picture.is_drawn
    record.write_text("{")
    assert not picture.is_drawn


@pytest.mark.slow
def test_a_picture_that_cannot_be_drawn_says_why(pictured):
    picture = pictured("examples", **{"class": "Spats"})
    with pytest.raises(ConfigError, match="class_name=Spats"):
        picture.draw()
    assert "class_name=Spats" in picture.failure
    assert not picture.is_drawn
    assert pictured("examples", **{"class": "Hat"}).failure == ""
