"""`python scripts/tables.py`: cells from made-up records, refusals, and commands of the rest."""

import re
import shlex
import statistics
import subprocess
import sys

import pytest

from clothseg.commands.main import main
from clothseg.commands.tables import open_shelf
from clothseg.commands.tables.rendered import Place
from clothseg.commands.tables.scores import render as render_scores
from clothseg.commands.tables.selection import best_of
from clothseg.commands.tables.selection import render as render_selection
from clothseg.config.command_line import check_command, check_dataset, check_settings
from clothseg.config.settings import Tables
from clothseg.config.table.file import ScoreTable, Selection, read_table, table_names
from clothseg.files import read_csv
from clothseg.report.document import latex_document, markdown_document
from support.finished_run import write_finished
from support.paths import REPOSITORY
from support.scores import run_metrics, score_card

pytestmark = pytest.mark.slow(seconds=2)  # each composes some experiments

ROOT = "dataset.root=anywhere"
TRIALS = {"one": "martellozzo2023/vgg16_4", "two": "martellozzo2023/vgg19_4"}
TABLE = {
    "kind": "scores",
    "number": "Table I",
    "caption": "Scores",
    "unit": "percent",
    "decimals": 1,
    "best": "column",
    "columns": [
        {"heading": "F1", "score": "f1"},
        {"heading": "Hat", "score": "iou", "class": "Hat"},
    ],
    "rows": [
        {"name": name, "experiment": experiment, "printed": [70.0, 60.0]}
        for name, experiment in TRIALS.items()
    ],
}


def place(tmp_path):
    return Place("x/y", "x, Table I", tmp_path / "tables/x/y")


def shelf(runs, *words):
    return open_shelf(check_settings([f"runs={runs}", *words], "tables", Tables))


def rendered(runs, *words, **changes):
    """Render the table of two trials from the runs below a folder."""
    table = ScoreTable.model_validate(TABLE | changes)
    return render_scores(table, place(runs), shelf(runs, *words))


def write(folder, name, *overrides, iou=0.5, images=3, **keywords):
    metrics = run_metrics(iou, iou)
    metrics["test"]["num_images"] = images
    words = [f"experiment={TRIALS.get(name, name)}", *overrides]
    return write_finished(folder, *words, ROOT, metrics=metrics, **keywords)


def cells(result, tmp_path):
    """Lines of the CSV by row and column."""
    path = tmp_path / "cells.csv"
    path.write_bytes(result.csv)
    return {(line["row"], line["column"]): line for line in read_csv(path)}


def notes(result):
    return [note.text for note in result.document.notes]


def test_cells_have_mean_deviation_difference_and_bold(tmp_path):
    values = {"one": [0.6, 0.7, 0.65], "two": [0.5, 0.5, 0.8]}
    for name, scores in values.items():
        for seed, iou in enumerate(scores):
            write(tmp_path / f"{name}/seed-{seed}", name, f"seed={seed}", iou=iou)
    result = rendered(tmp_path, seeds=[0, 1, 2])
    found = cells(result, tmp_path)
    for name, scores in values.items():
        one = found[name, "F1"]
        assert float(one["ours_mean"]) == pytest.approx(100 * statistics.fmean(scores))
        assert float(one["ours_std"]) == pytest.approx(100 * statistics.stdev(scores))
        assert float(one["difference"]) == pytest.approx(100 * statistics.fmean(scores) - 70)
        assert (one["repetitions"], one["state"]) == ("3", "filled")
        assert len(one["runs"].split()) == 3
    text = markdown_document(result.document).decode()
    assert "| one | **65.0 ± 5.0** | 70.0 | -5.0 | **65.0 ± 5.0** | 60.0 | +5.0 |" in text
    assert "| two | 60.0 ± 17.3 | 70.0 | -10.0 | 60.0 ± 17.3 | 60.0 | 0.0 |" in text
    assert (
        r"one & \textbf{65.0 $\pm$ 5.0} & 70.0 & -5.0 &" in latex_document(result.document).decode()
    )
    assert "Ours: mean ± standard deviation over 3 seeds." in result.document.caption
    assert (list(result.missing), result.budget) == ([], "full")
    assert any(
        text.startswith("6 runs of commit 0123456; data: ccp, fingerprint f, ")
        for text in notes(result)
    )


def test_a_folder_without_runs_has_the_papers_numbers_and_the_commands(tmp_path):
    result = rendered(tmp_path, "data={ccp:/data/ccp}")
    text = markdown_document(result.document).decode()
    assert "| one | missing<sup>1</sup> | 70.0 |  | missing<sup>1</sup> | 60.0 |  |" in text
    commands = [note.command for note in result.document.notes if note.command]
    assert commands == [
        f"python train.py experiment={name} dataset.root=/data/ccp output={tmp_path} -m"
        for name in TRIALS.values()
    ]
    assert "cross-entropy" in text  # what the paper leaves open


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path, capsys):
    words = ["table=inacio2019/table2", f"runs={tmp_path}/nowhere", f"output={tmp_path}/tables"]
    assert main("tables", words) == 1
    assert capsys.readouterr().err == f"error: runs={tmp_path}/nowhere: there is no such folder\n"
    assert not (tmp_path / "tables").exists()


@pytest.mark.parametrize(
    ("keywords", "reason"),
    [
        ({"overrides": ["labels=ccp59"]}, 'has labels.name="ccp59" instead of "body4"'),
        ({"overrides": ["optimizer.lr=0.5"]}, "has optimizer.lr=0.5 instead of 0.0001"),
        ({"overrides": ["split.test=0.2"]}, "has split.test=0.2 instead of 0.1"),
        ({"overrides": ["budget=smoke"]}, "has budget=smoke instead of full"),
        (
            {"code": {"commit": "abcdef0123", "dirty": True}},
            "uncommitted changes of commit abcdef0",
        ),
        ({"fingerprint": "e" * 32}, "has other data than the other cells (eeeeeeee)"),
        ({"metrics": {"division": "other"}}, "has another split of the data than the other cells"),
    ],
)
def test_a_run_of_something_else_is_refused_with_the_reason(keywords, reason, tmp_path):
    write(tmp_path / "one", "one", images=100)
    overrides = keywords.pop("overrides", [])
    if "metrics" in keywords:
        content = run_metrics(0.5, 0.5) | keywords.pop("metrics")
        words = [f"experiment={TRIALS['two']}", ROOT]
        write_finished(tmp_path / "two", *words, metrics=content)
    else:
        write(tmp_path / "two", "two", *overrides, **keywords)
    result = rendered(tmp_path)
    states = {place: line["state"] for place, line in cells(result, tmp_path).items()}
    assert states["one", "F1"] == "filled"
    assert states["two", "F1"] == states["two", "Hat"] == "refused"
    (why,) = [text for text in notes(result) if reason in text]
    assert why.startswith(str(tmp_path / "two"))
    assert why.endswith("; filled by")


def test_a_table_is_of_one_budget_that_of_most_cells_and_says_so(tmp_path):
    write(tmp_path / "a", "one", "budget=smoke")
    write(tmp_path / "b", "two", "budget=smoke")
    write(tmp_path / "c", "one")
    result = rendered(tmp_path)
    assert (result.budget, list(result.missing)) == ("smoke", [])
    assert "Shrunk by budget=smoke (64 px, at most 16 training images, epochs: 1, no" in (
        result.document.caption
    )
    full = rendered(tmp_path, "budget=full")
    assert [demand.experiment for demand in full.missing] == [TRIALS["two"]]
    assert "Shrunk" not in full.document.caption
    (why,) = [text for text in notes(full) if "budget=" in text]
    assert "has budget=smoke instead of full" in why


def test_deviations_are_demanded_and_stated(tmp_path):
    write(tmp_path / "a", "one", "data.fit=crop", "trainer.max_epochs=3")
    write(tmp_path / "b", "one")
    changes = "changes={data.fit:crop,trainer.max_epochs:3}"
    result = rendered(tmp_path, changes)
    assert cells(result, tmp_path)["one", "F1"]["runs"] == str(tmp_path / "a")
    caption = result.document.caption
    assert "Unlike the saved experiments: data.fit=crop, trainer.max_epochs=3." in caption
    (command,) = [note.command for note in result.document.notes if note.command]
    assert f"{TRIALS['two']} data.fit=crop trainer.max_epochs=3" in command


def test_a_mistake_in_a_deviation_is_told_without_any_run(tmp_path, capsys):
    words = ["table=inacio2019/table2", f"runs={tmp_path}", "changes={modle:fpn}"]
    assert main("tables", [*words, f"output={tmp_path}/tables"]) == 1
    assert "modle" in capsys.readouterr().err


def test_suspect_scores_are_noted(tmp_path):
    card = score_card() | {"confusion_matrix": [[5, 0], [5, 0]]}
    words = [f"experiment={TRIALS['one']}", ROOT]
    write_finished(tmp_path / "one", *words, metrics={"test": card})
    assert "suspect: only BG is predicted" in " ".join(notes(rendered(tmp_path)))


GRID = {
    "kind": "selection",
    "number": "Table 4",
    "caption": "Selection",
    "grid": {"optimizer": ["sgd", "adam"], "loss": ["focal", "dice"]},
    "select": ["binary_iou", "accuracy"],
    "rows": [{"name": "U-Net", "experiment": TRIALS["one"], "printed": {"optimizer": "sgd"}}],
}
SCORES = {
    ("sgd", "focal"): (0.5, 0.9),
    ("sgd", "dice"): (0.7, 0.2),
    ("adam", "focal"): (0.7, 0.3),
    ("adam", "dice"): (None, 0.99),
}


def write_grid(folder, combinations):
    for optimizer, loss in combinations:
        binary, accuracy = SCORES[optimizer, loss]
        card = score_card(0.5) | {"binary_iou": binary, "accuracy": accuracy}
        words = [f"optimizer={optimizer}", f"loss={loss}"]
        write_finished(
            folder / f"{optimizer}-{loss}",
            *(f"experiment={TRIALS['one']}", *words, ROOT),
            metrics={"test": card},
        )


def test_a_selection_is_by_the_first_score_then_by_the_next(tmp_path):
    write_grid(tmp_path, SCORES)
    table = Selection.model_validate(GRID)
    result = render_selection(table, place(tmp_path), shelf(tmp_path))
    text = markdown_document(result.document).decode()
    assert "| U-Net | adam | sgd | focal |  | 70.0 | 30.0 |" in text
    assert list(result.missing) == []
    path = tmp_path / "grid.csv"
    path.write_bytes(result.csv)
    rows = read_csv(path)
    assert [row["state"] for row in rows] == ["", "", "selected", ""]
    assert (rows[1]["binary_iou"], rows[1]["accuracy"]) == ("0.7", "0.2")


def test_a_selection_needs_every_combination(tmp_path):
    write_grid(tmp_path, [*SCORES][:3])
    table = Selection.model_validate(GRID)
    result = render_selection(table, place(tmp_path), shelf(tmp_path))
    text = markdown_document(result.document).decode()
    assert "| U-Net | missing<sup>1</sup> | sgd | missing<sup>1</sup> |  |  |  |" in text
    assert "3 of 4 combinations are finished; filled by" in text
    (demand,) = result.missing
    assert demand.overrides == ("optimizer=sgd,adam", "loss=focal,dice")


def test_the_best_of_nothing_is_none_and_undefined_scores_are_the_worst():
    assert best_of([]) is None
    assert best_of([(None, 1.0), (0.0, 0.0)]) == 1
    assert best_of([(0.5, 0.1), (0.5, 0.1)]) == 0


@pytest.mark.slow(seconds=15)
def test_every_printed_command_is_a_valid_one(tmp_path):
    opened = shelf(tmp_path, "budget=smoke")
    commands = set()
    for name in table_names(None):
        table = read_table(name)
        module = __import__(f"clothseg.commands.tables.{table.kind}", fromlist=["render"])
        result = module.render(table, Place(name, name, tmp_path / name), opened)
        commands |= {note.command for note in result.document.notes if note.command}
    trainings = {
        shlex.split(command)[2:] and command for command in commands if "train.py" in command
    }
    assert len(trainings) > 30
    for command in trainings:
        *words, flag = shlex.split(command)[2:]
        assert flag == "-m"
        assert check_command(words)
    counts = [command for command in commands if "scripts/dataset.py" in command]
    for command in counts:
        check_dataset(shlex.split(command)[2:])
    assert len(counts) == 4


def test_tables_import_neither_torch_nor_drawing(tmp_path):
    write(tmp_path / "runs/one", "martellozzo2023/vgg16_4")
    code = (
        "import sys; from clothseg.commands.main import main;"
        f"status = main('tables', ['table=martellozzo2023/trials', 'runs={tmp_path}/runs',"
        f" 'output={tmp_path}/tables']);"
        "sys.exit(status or any(n in sys.modules for n in ('torch', 'matplotlib', 'pandas')))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    assert "martellozzo2023/trials: lacks 3 configurations" in ended.stdout
    text = (tmp_path / "tables/martellozzo2023/trials.md").read_text()
    assert re.search(r"2: VGG16, 4 labels \| 50\.0 \|", text)


def test_the_full_budget_cannot_be_filled_without_data(tmp_path, capsys):
    assert main("tables", ["action=fill", "table=inacio2019", f"runs={tmp_path}/runs"]) == 1
    assert "needs the folders of the datasets" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
