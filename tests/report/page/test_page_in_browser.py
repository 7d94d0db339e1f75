"""Page of results in a real browser: sorting, filtering, marks, and what it must not do."""

import pytest

from clothseg.report.page.rendering import render
from support.browser import chromium
from support.page_content import chapter, page

pytestmark = pytest.mark.slow(seconds=6)


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    file = tmp_path_factory.mktemp("page") / "page.html"
    file.write_text(render(page(chapter(12, 5), notes=["<b>left out</b>"])))
    return file


class Opened:
    """Page in a browser that remembers what it asked for and what it complained about."""

    def __init__(self, browser, path, **options):
        self.tab = browser.new_page(**options)
        self.requests, self.complaints = [], []
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.on("console", lambda message: self.complaints.append(message.text))
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.goto(path.as_uri())

    def column(self, table, number):
        """Texts of a column from top to bottom."""
        return self.tab.locator(f"{table} tbody tr > :nth-child({number})").all_inner_texts()

    def heading(self, text):
        """Button of a heading of the table of scores."""
        return self.tab.locator("table.scores thead button", has_text=text)


@pytest.fixture
def opened(browser, path):
    found = Opened(browser, path)
    yield found
    assert found.complaints == []
    assert [url for url in found.requests if not url.startswith("data:")] == [path.as_uri()]
    found.tab.close()


SCORES = "table.scores"


def test_scores_are_sorted_from_the_highest_and_then_from_the_lowest(opened):
    before = opened.column(SCORES, 7)
    opened.heading("IoU").click()
    assert opened.column(SCORES, 7) == sorted(before, reverse=True)
    opened.heading("IoU").click()
    assert opened.column(SCORES, 7) == sorted(before)
    heading = opened.tab.locator("table.scores thead th", has_text="IoU")
    assert heading.get_attribute("aria-sort") == "ascending"


def test_names_are_sorted_by_their_numbers_with_the_keyboard(opened):
    opened.heading("loss").focus()
    opened.tab.keyboard.press("Enter")
    assert opened.column(SCORES, 3) == [f"l{number}" for number in range(12)]
    opened.tab.keyboard.press("Space")
    assert opened.column(SCORES, 3) == [f"l{number}" for number in reversed(range(12))]


def test_only_one_column_is_marked_as_sorted(opened):
    opened.heading("IoU").click()
    opened.heading("loss").click()
    marks = opened.tab.locator("table.scores thead th[aria-sort]").evaluate_all(
        "found => found.map(one => one.ariaSort)"
    )
    assert [mark for mark in marks if mark != "none"] == ["ascending"]


def test_a_filter_hides_configurations_in_every_section(opened):
    opened.tab.fill("#filter", "LOSS=l1")
    assert opened.tab.inner_text("#count") == "3 of 12 configurations"  # l1, l10, l11
    for place in (
        "table.scores tbody tr",
        "table.heat tbody tr",
        ".multiples figure",
        ".strip > figure",
    ):
        shown = opened.tab.locator(f"{place}[data-c]:visible")
        kept = shown.evaluate_all("found => [...new Set(found.map(one => one.dataset.c))]")
        assert sorted(kept) == ["0-1", "0-10", "0-11"]
    opened.tab.fill("#filter", "loss=l1 nothing")
    assert opened.tab.locator("table.scores tbody tr:visible").count() == 0
    opened.tab.fill("#filter", "")
    assert opened.tab.locator("table.scores tbody tr:visible").count() == 12
    assert opened.tab.inner_text("#count") == ""


def test_settings_that_differ_from_the_chosen_configuration_are_marked(opened):
    def marked():
        cells = opened.tab.locator("table.scores tbody tr td.differs")
        return cells.evaluate_all("found => found.map(one => one.textContent)")

    assert marked() == [f"l{number}" for number in range(1, 12)]
    opened.tab.locator("table.scores input[type=radio]").nth(3).check()
    assert marked() == [f"l{number}" for number in range(12) if number != 3]


def test_a_cell_of_a_matrix_is_read_where_the_pointer_is(opened):
    svg = opened.tab.locator("svg.matrix").first
    svg.scroll_into_view_if_needed()
    left, size = (int(svg.get_attribute(f"data-{key}")) for key in ("left", "size"))
    svg.hover(position={"x": left + 2.5 * size, "y": left + 2.5 * size})
    readout = opened.tab.locator(".readout").first
    opened.tab.wait_for_function("document.querySelector('.readout').textContent")
    matrix = chapter(12, 5).configurations[0].matrix
    text, percent = readout.inner_text().removesuffix(" %").rsplit(" ", 1)
    assert text == "class 2 → class 2:"
    # The opacity has eight bits.
    assert float(percent) == pytest.approx(100 * matrix[2, 2] / matrix[2].sum(), abs=0.5)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1600])
def test_a_window_is_never_narrower_than_the_page(browser, path, width, scheme):
    found = Opened(browser, path, viewport={"width": width, "height": 800}, color_scheme=scheme)
    assert found.tab.evaluate("document.documentElement.scrollWidth") <= width
    found.tab.close()


def test_nothing_that_a_record_contains_is_executed(browser, tmp_path):
    evil = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    names = ["BG", evil, "'\" onload=x"]
    file = tmp_path / "page.html"
    file.write_text(render(page(chapter(2, names=names, title=evil), notes=[evil])))
    found = Opened(browser, file)
    assert found.tab.title() == "Results"
    assert found.tab.locator("table.heat thead button").nth(2).inner_text().startswith(evil[:20])
    assert found.complaints == []
    found.tab.close()
