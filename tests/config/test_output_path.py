"""Paths of files to write: rejected before the work, not after it, if they are no files."""

import pytest

from clothseg.config.command_line import check_settings
from clothseg.config.settings import Evaluate, Export, Report, Score
from clothseg.config.validation import config_problems

FOLDERS = ("", ".", "/", "..", "no_such/..", "/tmp")


def output_problems(schema, path):
    found = config_problems({"output": path}, schema)
    return [problem for problem in found if problem.startswith("output=")]


@pytest.mark.parametrize("path", FOLDERS)
@pytest.mark.parametrize("schema", [Evaluate, Export, Score, Report])
def test_a_folder_is_no_file(schema, path):
    message = f"output={path}: must be the path of a file, not of a folder"
    assert output_problems(schema, path) == [message]


@pytest.mark.parametrize("schema", [Evaluate, Export, Score])
@pytest.mark.parametrize("path", ["a.json", "no_such/a", "/tmp/no/such.onnx", "x" * 3000])
def test_a_file_may_be_new_and_have_any_name(schema, path):
    assert output_problems(schema, path) == []


@pytest.mark.parametrize("path", ["x.pdf", "curves", "x.png.svg", "x.jpg"])
def test_a_figure_is_a_png(path):
    assert output_problems(Report, path) == [
        f"output={path}: must end in .png, the only format of figures"
    ]
    assert output_problems(Report, "no_such/x.PNG") == []


@pytest.mark.parametrize(
    ("format", "ending"), [("csv", ".csv"), ("markdown", ".md"), ("latex", ".tex")]
)
def test_a_table_ends_as_its_format_does(format, ending):
    def problems(path):
        found = config_problems({"target": "table", "format": format, "output": path}, Report)
        return [problem for problem in found if problem.startswith("output=")]

    assert problems("x.png") == [f"output=x.png: must end in {ending}, as that of its format does"]
    assert problems(f"no_such/x{ending.upper()}") == []


def test_a_report_is_named_after_its_target_and_format():
    for overrides, path in (
        ([], "outputs/curves.png"),
        (["target=examples"], "outputs/examples.png"),
        (["target=table"], "outputs/table.csv"),
        (["target=table", "format=latex"], "outputs/table.tex"),
        (["target=table", "output=x.csv"], "x.csv"),
    ):
        assert check_settings(overrides, "report", Report).output == path
