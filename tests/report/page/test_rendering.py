"""Page of results as a file."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from clothseg.report.page.content import Comparison, Interval, Standing
from clothseg.report.page.pictures import Layer, Shown
from clothseg.report.page.rendering import render
from support.page_content import chapter, configuration, page


class Balanced(HTMLParser):
    """Parser that fails for elements that are not closed in order, and collects their texts."""

    VOID = frozenset({"meta", "input", "img", "br"})

    def __init__(self):
        super().__init__()
        self.stack, self.texts, self.ids = [], [], []

    def handle_starttag(self, tag, attrs):
        self.ids += [value for key, value in attrs if key == "id"]
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.ids += [value for key, value in attrs if key == "id"]

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        self.texts.append(data.strip())


def parsed(html):
    parser = Balanced()
    parser.feed(html)
    assert parser.stack == []
    return parser


@pytest.mark.parametrize("number", [1, 3, 12])
def test_elements_are_closed_and_ids_are_unique(number):
    found = parsed(render(page(chapter(number), chapter(number, 20))))
    assert len(found.ids) == len({*found.ids})


def test_scores_are_in_percent_with_their_deviation():
    assert {"90.0 ± 1.0", "89.0 ± 1.0"} <= {*parsed(render(page())).texts}


def test_classes_that_are_told_from_the_best_are_marked_and_explained():
    one, two = configuration(0, 3), configuration(1, 3)
    two = replace(two, told=np.array([-1, 0, 1], np.int8))
    content = chapter(2, 3, configurations=[one, two], class_test="a test, level 5 %")
    cells = re.findall(r'<td class="h\d+([^"]*)">', render(page(content)))
    assert [("lower" in cell, "higher" in cell) for cell in cells] == [
        *[(False, False)] * 3,
        (True, False),
        (False, False),
        (False, True),
    ]
    assert "higher than the best configuration in this class: a test, level 5 %." in render(
        page(content)
    )
    assert "▾" not in render(page()).partition("</style>")[2]


def test_numbers_that_round_to_zero_have_no_sign():
    tiny = Interval(-0.01, -0.04, 0.02)
    standings = [Standing(tiny, tiny, 0.5, "best")] * 3
    html = render(page(chapter(comparison=Comparison("IoU", "", standings))))
    assert "0.0 <small>[0.0, 0.0]</small>" in html
    assert "-0.0" not in html


def test_equal_content_gives_equal_bytes():
    assert render(page()) == render(page())


def test_nothing_refers_to_another_file():
    html = render(page(chapter(9)))
    assert set(re.findall(r'(?:href|src)="([^"]{0,5})', html)) <= {
        "data:",
        *re.findall(r'href="(#[^"]{0,4})', html),
    }
    assert "http" not in html.replace('http-equiv="Content-Security-Policy"', "")
    assert "default-src 'none'" in html


def test_control_characters_of_names_are_escaped():
    html = render(page(chapter(2, names=["BG", "\u202eevil\x1b[31m"])))
    assert "\u202e" not in html
    assert "\x1b" not in html
    assert r"\u202eevil" in html


def test_a_color_that_is_none_is_gray():
    colors = ["#000000", "red;background:url(//x)", "#00ff00"]
    shown = Shown("a", 1, 1, "data:,", [Layer("ground truth", "data:,")], [1, 2])
    html = render(page(chapter(2, 3, colors=colors, pictures={"Lowest IoU": [shown]})))
    assert "background:#808080" in html
    assert "background:#00ff00" in html
    assert "url(" not in html


@pytest.mark.slow(seconds=2)
def test_sixty_configurations_of_59_classes_take_less_than_a_megabyte():
    assert len(render(page(chapter(60, 59))).encode()) < 1_000_000
