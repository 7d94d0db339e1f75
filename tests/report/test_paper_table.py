"""Tables for papers: numbers of each format, and names that mean something to it."""

import csv

import pytest

from clothseg.files import read_csv
from clothseg.metric.names import F1, IOU, LOSS
from clothseg.report.paper_table import (
    Line,
    PaperTable,
    Quantity,
    csv_table,
    latex_table,
    markdown_table,
)

SIZE = Quantity("parameters", "parameters, M", 1e-6, deviates=False)
SUMMARY = {"mean": 0.51234, "std": 0.0126, "n": 5}
UNDEFINED = {"mean": None, "std": None, "n": 0}


def table(*names, best="", suspect="", caption="Scores in percent"):
    lines = []
    for name in names:
        values = {"mean_f1": SUMMARY, "mean_iou": UNDEFINED, "loss": SUMMARY | {"std": None}}
        values["parameters"] = {"mean": 2_455_615}
        lines.append(Line(name, 5, 1, values, name == best, name == suspect))
    quantities = [*map(Quantity.of, (F1, IOU, LOSS)), SIZE]
    return PaperTable(quantities, lines, caption)


def test_a_csv_file_has_numbers_in_full_in_columns_of_their_own(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(csv_table(table("a", "b", best="b", suspect="a")))
    first, second = read_csv(path)
    assert list(first) == [
        *("config", "folds", "seeds", "mean_f1_mean", "mean_f1_std", "mean_iou_mean"),
        *("mean_iou_std", "loss_mean", "loss_std", "parameters", "best", "suspect"),
    ]
    assert (float(first["mean_f1_mean"]), float(first["mean_f1_std"])) == (0.51234, 0.0126)
    assert (first["mean_iou_mean"], first["loss_std"]) == ("", "")
    assert first["parameters"] == "2455615"
    assert [(row["best"], row["suspect"]) for row in (first, second)] == [("0", "1"), ("1", "0")]


@pytest.mark.parametrize("name", ["=1+1", "@SUM(A1)", "-x", "+x", "a,b", 'a"b', "a\nb", "a;b"])
def test_a_name_is_no_formula_and_no_second_cell(name, tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(csv_table(table(name)))
    (row,) = read_csv(path)
    assert row["config"] == name
    with path.open(newline="") as file:
        assert [*csv.reader(file)][1][0][0] not in "=@+-"


def test_a_markdown_table_marks_the_best_row():
    assert markdown_table(table("a=1", "b=1", best="b=1", suspect="a=1")).decode() == (
        "| config | folds | seeds | F1 | IoU | loss | parameters, M |\n"
        "|---|---:|---:|---:|---:|---:|---:|\n"
        "| a=1 (suspect) | 5 | 1 | 51.2 ± 1.3 | - | 0.512 | 2.5 |\n"
        "| **b=1** | **5** | **1** | **51.2 ± 1.3** | **-** | **0.512** | **2.5** |\n"
        "\n"
        "Scores in percent.\n"
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a|b", r"a\|b"),
        ("mobilenet_v2", r"mobilenet\_v2"),
        ("*a* `b` <b> [c](d) ~e~ \\ &lt;", r"\*a\* \`b\` \<b\> \[c\](d) \~e\~ \\ \&lt;"),
        ("a\n| b", r"a \| b"),
        ("a\x1b[2Jb", r"a\\x1b\[2Jb"),
    ],
)
def test_a_name_is_text_in_markdown(name, expected):
    rows = markdown_table(table(name)).decode().splitlines()
    assert rows[2].startswith(f"| {expected} | 5 |")
    assert len(rows) == 5


def test_a_latex_table_has_the_rules_of_booktabs_and_marks_the_best_row():
    assert latex_table(table("a=1", "b_c", best="b_c", caption="100 %\nof\n\\end")).decode() == (
        r"""% \usepackage{booktabs}. 100 % of \end.
\begin{tabular}{lrrrrrr}
\toprule
config & folds & seeds & F1 & IoU & loss & parameters, M \\
\midrule
a=1 & 5 & 1 & 51.2 $\pm$ 1.3 & - & 0.512 & 2.5 \\
\textbf{b\_c} & \textbf{5} & \textbf{1} & \textbf{51.2 $\pm$ 1.3} & \textbf{-} & """
        r"""\textbf{0.512} & \textbf{2.5} \\
\bottomrule
\end{tabular}
"""
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a_b % c & d # e $ f", r"a\_b \% c \& d \# e \$ f"),
        ("~^\\", r"\textasciitilde{}\textasciicircum{}\textbackslash{}"),
        ("{a}", r"\{a\}"),
        ("<a|b>", r"\textless{}a\textbar{}b\textgreater{}"),
        ("[1em]", r"{[}1em]"),
        ("*", r"{*}"),
        ("a\n\nb", "a b"),
    ],
)
def test_a_name_is_text_in_latex(name, expected):
    rows = latex_table(table("first", name)).decode().splitlines()
    assert rows[6].startswith(f"{expected} & 5 & 1 & 51.2")
    assert len(rows) == 9
