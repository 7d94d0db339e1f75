"""Figure of precision against time: panels, bars of times, and labels at their points."""

import errno
import itertools
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from clothseg.error import WriteError
from clothseg.report import speed_accuracy
from clothseg.report.cited_methods import CITED
from clothseg.report.point_labels import text_box
from clothseg.report.speed_accuracy import Method, draw_speed_accuracy

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less

OWN = Method("HPTR, ours", (21, 21), {"AP^r": 0.281, "AP^p": 0.402}, "another GPU", measured=True)


@pytest.fixture
def drawn(saved_from: Callable[[ModuleType], list[Figure]]) -> list[Figure]:
    """Saved figures, still with their artists."""
    return saved_from(speed_accuracy)


def labels(axes):
    return {text.get_text(): text for text in axes.texts}


def points(axes):
    return [(list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines]


def test_each_score_has_a_panel_with_the_methods_that_report_it(tmp_path, drawn):
    draw_speed_accuracy([*CITED, OWN], tmp_path / "speed.png", "title", "loesch2021, Titan X")
    region, part = drawn[0].axes
    assert region.get_ylabel() == "AP^r in percent"
    assert part.get_ylabel() == "AP^p in percent"
    assert {"M-CE2P\nCIHP, 2 to 18 people", "HPTR\nCIHP", "HPTR, ours\nanother GPU"} <= {
        *labels(region)
    }
    assert "RP R-CNN\nCIHP, 2 to 18 people" in labels(part)
    assert not any("RP R-CNN" in text for text in labels(region))
    assert region.get_xscale() == part.get_xscale() == "log"
    assert region.get_xlim() == part.get_xlim()


def test_a_time_that_depends_on_people_is_a_bar(tmp_path, drawn):
    draw_speed_accuracy(CITED, tmp_path / "speed.png", "title")
    region, part = map(points, drawn[0].axes)
    assert ([752, 6600], pytest.approx([42.8, 42.8])) in region
    assert ([136, 195], pytest.approx([59.5, 59.5])) in part
    assert ([50], pytest.approx([29.5])) in region
    assert ([56], pytest.approx([40.8])) in part


def test_a_method_without_a_score_is_on_the_axis_of_time(tmp_path, drawn):
    draw_speed_accuracy(CITED, tmp_path / "speed.png", "title")
    for axes in drawn[0].axes:
        assert ([275], [0]) in points(axes)
        assert "NAN\nCIHP\nno score known" in labels(axes)


def test_our_own_points_have_another_marker(tmp_path, drawn):
    draw_speed_accuracy([CITED[0], OWN], tmp_path / "speed.png", "title", "loesch2021")
    cited, own = drawn[0].axes[0].lines
    assert cited.get_marker() != own.get_marker()
    assert cited.get_color() != own.get_color()
    note = drawn[0].findobj(lambda t: isinstance(t, Text) and "measured here" in t.get_text())
    assert [text.get_text() for text in note] == ["circles: loesch2021; diamonds: measured here"]


def test_similar_times_have_a_linear_axis(tmp_path, drawn):
    draw_speed_accuracy(CITED[:2], tmp_path / "speed.png", "title")
    assert drawn[0].axes[0].get_xscale() == "linear"


def test_labels_of_near_points_do_not_overlap(tmp_path, drawn):
    crowd = [
        Method(f"network {k}", (20 + k, 20 + k), {"AP^r": 0.3}, "GPU", k < 3) for k in range(6)
    ]
    draw_speed_accuracy([*CITED, *crowd], tmp_path / "speed.png", "title")
    axes = drawn[0].axes[0]
    boxes = [text_box(text) for text in axes.texts]
    assert len(boxes) == 11
    for box in boxes:
        assert axes.bbox.count_contains([box.min, box.max]) == 2
    for a, b in itertools.combinations(boxes, 2):
        assert not a.overlaps(b)


def test_a_label_without_any_place_is_drawn(tmp_path, drawn):
    wide = Method("W" * 60, (5, 5), {"AP^r": 0.5}, "W" * 60)
    draw_speed_accuracy([wide], tmp_path / "speed.png", "title")
    assert len(drawn[0].axes[0].texts) == 1


def test_file_is_replaced_atomically(tmp_path, monkeypatch):
    path = tmp_path / "speed.png"
    draw_speed_accuracy(CITED, path, "title")
    before = path.read_bytes()

    def disk_full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", disk_full)
    with pytest.raises(WriteError, match="No space"):
        draw_speed_accuracy(CITED, path, "another title")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
