"""Our numbers beside a paper's: mean, deviation, difference, the best, and what is missing."""

import csv
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clothseg.files import read_csv
from clothseg.report.beside_paper import MAX_BESIDE, Beside, Cell


def cell(mean, printed=None, std=0.012, **keywords):
    ours = None if mean is None else {"mean": mean, "std": std, "n": 5}
    return Cell(ours, printed, **{"scale": 100, "unit": "percent", **keywords})


def texts(one, bold=False):
    return [text.text for text in one.texts(bold)]


def test_a_cell_is_in_the_unit_and_with_the_decimals_of_the_paper():
    assert texts(cell(0.7543, 74.8)) == ["75.4 ± 1.2", "74.8", "+0.6"]
    assert texts(cell(0.7543, 74.8, std=None)) == ["75.4", "74.8", "+0.6"]
    assert texts(cell(0.7543, 0.8, scale=1, decimals=3)) == ["0.754 ± 0.012", "0.800", "-0.046"]
    assert texts(cell(0.7543)) == ["75.4 ± 1.2", "", ""]


@pytest.mark.parametrize("mean", [0.74804, 0.748, 0.74796])
def test_a_difference_that_rounds_to_zero_has_no_sign(mean):
    assert texts(cell(mean, 74.8))[2] == "0.0"


def test_cells_without_a_number_say_why():
    assert texts(cell(None, 74.8)) == ["missing", "74.8", ""]
    assert texts(cell(None, 74.8, state="refused"))[0] == "refused"
    undefined = Cell({"mean": None, "std": None, "n": 0}, 74.8)
    assert texts(undefined) == ["undefined", "74.8", ""]


@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=9),
    st.floats(0, 100),
)
def test_the_difference_is_that_of_the_means(values, printed):
    one = cell(statistics.fmean(values), printed)
    assert one.difference == pytest.approx(100 * statistics.fmean(values) - printed)


def table(best, lower=False):
    means = [[0.5, 0.61], [0.7, 0.6104], [None, 0.2]]
    cells = [[cell(mean, 50.0, lower_is_better=lower) for mean in row] for row in means]
    return Beside(["F1", "IoU"], ["a", "b", "c"], cells, best)


def test_the_best_of_a_column_or_row_is_bold_together_with_equals_after_rounding():
    assert table("column").bold == {(1, 0), (0, 1), (1, 1)}
    assert table("row").bold == {(0, 1), (1, 0)}  # the only number of c is not better than another
    assert table(None).bold == set()
    same = Beside(["F1"], ["a", "b"], [[cell(0.5)], [cell(0.5004)]], "column")
    assert same.bold == set()
    assert table("column", lower=True).bold == {(0, 0), (2, 1)}


def test_few_columns_stand_beside_the_papers_and_many_above_them():
    grid = table("column").grid
    assert [heading.text for heading in grid.headings] == [
        *("", "F1", "paper", "difference", "IoU", "paper", "difference"),
    ]
    assert [text.text for text in grid.lines[2]] == [
        "c",
        "missing",
        "50.0",
        "",
        *texts(cell(0.2, 50.0)),
    ]
    columns = [f"c{n}" for n in range(MAX_BESIDE + 1)]
    wide = Beside(columns, ["a"], [[cell(0.5, 40.0) for _ in columns]]).grid
    assert [[text.text for text in line][:3] for line in wide.lines] == [
        ["a", "ours", "50.0 ± 1.2"],
        ["", "paper", "40.0"],
        ["", "difference", "+10.0"],
    ]


def test_a_table_without_printed_numbers_has_no_columns_for_them():
    grid = Beside(["F1"], ["a"], [[cell(0.5)]]).grid
    assert [heading.text for heading in grid.headings] == ["", "F1"]


def test_the_csv_has_a_line_for_each_cell_with_all_digits(tmp_path):
    one = cell(0.123456, 10.0, runs=["x/fold-0", "x/fold-1"])
    other = cell(None, 20.0, state="refused", command="python train.py -m")
    path = tmp_path / "table.csv"
    path.write_bytes(Beside(["=F1", "IoU"], ["a"], [[one, other]]).csv())
    first, second = read_csv(path)
    assert (first["row"], first["column"], first["unit"]) == ("a", "=F1", "percent")
    assert float(first["ours_mean"]) == pytest.approx(12.3456)
    assert float(first["ours_std"]) == pytest.approx(1.2)
    assert float(first["difference"]) == pytest.approx(2.3456)
    assert (first["repetitions"], first["state"], first["runs"]) == (
        "5",
        "filled",
        "x/fold-0 x/fold-1",
    )
    assert (second["ours_mean"], second["state"]) == ("", "refused")
    assert second["command"] == "python train.py -m"
    with path.open(newline="") as file:
        assert [*csv.reader(file)][1][1] == "'=F1"
