"""`clothseg.results`: the table of all runs, and the examples of its documentation."""

import re
import subprocess
import sys

import pytest

import clothseg
from clothseg.error import ConfigError, DataError
from support.finished_run import write_finished
from support.paths import REPOSITORY

TEXT = (REPOSITORY / "conf/README.md").read_text()
(SECTION,) = re.findall(r"^## Results as data\n(.*?)^## ", TEXT, re.MULTILINE | re.DOTALL)
(EXAMPLES,) = re.findall(r"^```python\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)


@pytest.fixture
def pandas():
    return pytest.importorskip("pandas", reason="pandas, the extra `results`, is not installed")


@pytest.fixture
def output(tmp_path):
    """Two configurations, of two folds and of one run."""
    write_finished(tmp_path / "a/fold-0", "split.folds=2", "loss=focal", iou=0.5)
    write_finished(tmp_path / "a/fold-1", "split.folds=2", "loss=focal", iou=0.7)
    measured = {"best_epoch": 2, "epochs": 3, "parameters": 9, "train_seconds": 1.5}
    write_finished(tmp_path / "b", "split=holdout", "loss=dice", iou=None, metrics=measured)
    return tmp_path


def test_a_run_is_a_row_and_its_columns_have_types(pandas, output):
    frame = clothseg.results(output)
    assert frame.run.tolist() == [str(output / name) for name in ("a/fold-0", "a/fold-1", "b")]
    assert frame.fold.tolist() == [0, 1, pandas.NA]
    types = frame.dtypes.astype(str)
    assert {types[name] for name in ("fold", "best_epoch", "epochs", "parameters")} == {"Int64"}
    assert {types[name] for name in ("seed", "num_images")} == {"int64"}
    undefined = ("mean_iou", "binary_iou", "validation_score", "train_seconds", "inference_ms")
    assert {types[name] for name in undefined} == {"float64"}
    assert frame.groupby("loss").mean_iou.mean()["focal"] == pytest.approx(0.6)
    assert frame.mean_iou.isna().tolist() == [False, False, True]


def test_a_class_of_a_run_is_a_row(pandas, output):
    frame = clothseg.results(str(output), per_class=True, part="validation", keys="all")
    assert frame.class_name.tolist() == ["BG", "Hat"] * 3
    assert frame.query("class_name == 'Hat'").iou.tolist() == [0.5] * 3
    assert frame["optimizer.lr"].nunique() == 1


def test_runs_that_are_left_out_are_warnings_of_the_caller(pandas, output):
    write_finished(output / "c").set_state("failed")
    with pytest.warns(UserWarning, match=r"left out: \S+c has failed$") as caught:
        assert len(clothseg.results(output)) == 3
    assert caught[0].filename == __file__


def test_a_folder_without_results_is_one_sentence(pandas, tmp_path):
    with pytest.raises(DataError, match="is not a folder"):
        clothseg.results(tmp_path / "nowhere")
    write_finished(tmp_path / "a", validation=None)
    with pytest.raises(DataError, match=r"no finished run in \S+ or below has validation scores"):
        clothseg.results(tmp_path, part="validation")
    with pytest.raises(ConfigError, match="part=tset: must be test or validation"):
        clothseg.results(tmp_path, part="tset")


@pytest.mark.slow
def test_the_examples_of_the_documentation_work(pandas, swept, monkeypatch):
    monkeypatch.chdir(swept[0].parent)
    names = {}
    *statements, last = EXAMPLES.strip().split("\n")
    exec("\n".join(statements), names)
    runs = names["runs"]
    (mean,) = names["means"]["mean"]
    assert mean == pytest.approx(runs.mean_iou.mean())
    assert {names["best"]} == {*runs.configuration}
    assert names["accuracy"] == pytest.approx(runs.accuracy.mean())
    table = eval(last, names)
    assert table.loc["BG", "unet"] == pytest.approx(
        names["classes"].query("class_id == 0").iou.mean()
    )


def test_the_package_imports_without_its_libraries():
    heavy = ("torch", "pandas", "numpy", "pydantic", "hydra")
    code = f"import clothseg, sys; print([name for name in {heavy} if name in sys.modules])"
    environment = {"PYTHONPATH": str(REPOSITORY / "src")}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert ended.stdout == "[]\n", ended.stderr


def test_reading_results_needs_no_torch(output):
    code = (
        "import sys; from pathlib import Path; from clothseg.run.finished import finished_runs; "
        "from clothseg.run.rows import result_rows; "
        f"runs = finished_runs(Path({str(output)!r}), print); "
        "print(len(result_rows(runs, 'test', False, 'all', print)), 'torch' in sys.modules)"
    )
    environment = {"PYTHONPATH": str(REPOSITORY / "src")}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert ended.stdout == "3 False\n", ended.stderr
