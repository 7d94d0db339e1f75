"""Documents in Markdown and LaTeX: marks, commands, and text that means something to them."""

import re

import pytest

from clothseg.report.document import (
    Document,
    Grid,
    Note,
    Picture,
    Text,
    latex_document,
    markdown_document,
)
from clothseg.report.markup import markdown_code

GRID = Grid(
    [Text(""), Text("F1", ["a"])],
    [[Text("FPN"), Text("75.4 ± 1.2", bold=True)], [Text("U-Net"), Text("missing", ["1", "2"])]],
)
NOTES = [Note("a mean", "a"), Note("filled by", "1", "python train.py 'x=[1,2]' -m")]


def test_markdown_marks_cells_and_sets_commands_as_code():
    document = Document("paper, Table I", "A caption.", GRID, notes=NOTES)
    assert markdown_document(document).decode() == (
        "## paper, Table I\n\nA caption.\n\n"
        "|  | F1<sup>a</sup> |\n"
        "|---|---:|\n"
        "| FPN | **75.4 ± 1.2** |\n"
        "| U-Net | missing<sup>1,2</sup> |\n\n"
        "- <sup>a</sup> a mean.\n"
        "- <sup>1</sup> filled by: `python train.py 'x=[1,2]' -m`\n"
    )


def test_latex_is_a_table_with_the_rules_of_booktabs():
    document = Document("paper, Table I", "Scores in %.", GRID, notes=NOTES)
    text = latex_document(document).decode()
    assert r"\caption{paper, Table I. Scores in \%.}" in text
    assert "\\begin{tabular}{lr}\n\\toprule\n & F1\\textsuperscript{a} \\\\\n\\midrule" in text
    assert r"FPN & \textbf{75.4 $\pm$ 1.2} \\" in text
    assert r"U-Net & missing\textsuperscript{1,2} \\" in text
    assert r"\texttt{python train.py 'x={[}1,2]' -m}" in text
    assert text.index(r"\bottomrule") < text.index("filled by")
    assert text.endswith("\\end{table}\n")


def test_groups_of_lines_are_spaced():
    grid = Grid([Text("x")], [[Text(str(n))] for n in range(4)], groups=2)
    text = latex_document(Document("t", "c.", grid)).decode()
    assert text.count(r"\addlinespace") == 1
    assert "1 \\\\\n\\addlinespace\n2" in text


def test_a_figure_shows_its_pictures():
    document = Document("t", "c.", pictures=[Picture("figure1-2.png", "Photo <x>.")])
    assert "![Photo \\<x\\>.](figure1-2.png)" in markdown_document(document).decode()
    latex = latex_document(document).decode()
    assert r"\includegraphics[width=\linewidth]{figure1-2.png}" in latex
    assert latex.startswith("% \\usepackage{booktabs,graphicx}\n\\begin{figure}")


@pytest.mark.parametrize(
    "name", ["a|b", "a\nb", "<b>x</b>", "*x*", "a & b", r"\input{x}", "x_1", "50%"]
)
def test_a_name_is_no_markup(name):
    grid = Grid([Text("class")], [[Text(name)]])
    document = Document(name, name, grid, notes=[Note(name, command=name)])
    lines = markdown_document(document).decode().splitlines()
    (row,) = [line for line in lines if line.startswith("|")][2:]
    assert len(re.findall(r"(?<!\\)\|", row)) == 2
    assert "<b>" not in lines[0]
    rows = [line for line in latex_document(document).decode().splitlines() if line.endswith(r"\\")]
    assert len(rows) == 2
    assert not re.search(r"(?<!\\)[&%_]|\\input", rows[1].removesuffix(r"\\"))


@pytest.mark.parametrize(
    ("command", "code"),
    [("x", "`x`"), ("a`b", "`` a`b ``"), ("``", "``` `` ```"), ("a\nb", "`a b`")],
)
def test_code_may_hold_backticks(command, code):
    assert markdown_code(command) == code
