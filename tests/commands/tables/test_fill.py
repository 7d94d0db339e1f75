"""`action=fill`: few commands for what is missing, one after the other, and none twice."""

from types import SimpleNamespace

import pytest

from clothseg.commands import tables
from clothseg.commands.main import main
from clothseg.commands.tables import fill
from clothseg.commands.tables.shelf import Shelf
from clothseg.config.command_line import check_command, check_settings
from clothseg.config.settings import Tables
from clothseg.files import read_csv
from clothseg.run.demand import Demand
from support.finished_run import write_finished

PAPER = "martellozzo2023"
TRIALS = [f"{PAPER}/{name}" for name in ("vgg16_59", "vgg16_4", "vgg19_4", "vgg19_4_zoom")]


def shelf(tmp_path):
    settings = check_settings([f"runs={tmp_path}"], "tables", Tables)
    return Shelf(settings, {"ccp": "c", "cfpd": "d"}, [])


def test_experiments_with_equal_overrides_and_folders_are_one_command(tmp_path):
    demands = [
        Demand("inacio2019/fpn", (), (0,)),
        Demand("inacio2019/unet", (), (0,)),
        Demand(TRIALS[0], (), (0,)),
        Demand(TRIALS[1], ("optimizer.lr=0.5",), (0,)),
        Demand("inacio2019/fpn", (), (0,)),
    ]
    opened = shelf(tmp_path)
    groups = fill.grouped(demands, opened)
    assert groups == [demands[:2], demands[2:3], demands[3:4]]
    assert opened.words(groups[0], "smoke") == [
        *("experiment=inacio2019/fpn,inacio2019/unet", "budget=smoke"),
        *("dataset.sources.ccp.root=c", "dataset.sources.cfpd.root=d", f"output={tmp_path}", "-m"),
    ]


def test_a_seed_that_another_cell_trains_anyway_is_no_command_of_its_own(tmp_path):
    one, three = Demand(TRIALS[0], (), (0,)), Demand(TRIALS[0], (), (0, 1, 2))
    other = Demand(TRIALS[0], ("optimizer.lr=0.5",), (0,))
    assert fill.grouped([one, three, other], shelf(tmp_path)) == [[three], [other]]
    assert "seed=0,1,2" in shelf(tmp_path).words([three], "full")


@pytest.fixture
def machine(monkeypatch):
    """Commands that are run, in place of running them; the first one has the given statuses."""
    ran = []
    statuses = {"train": 0}

    def run(arguments, check):
        ran.append(list(arguments[1:]))
        words = arguments[4:]
        if statuses["train"] == 0:
            train(words)
        return SimpleNamespace(returncode=statuses["train"])

    def train(words):
        for job in check_command([word for word in words if word != "-m"], every_fold=True):
            folder = job.config.output / "-".join(job.choices["experiment"].split("/"))
            write_finished(folder, *job.overrides)

    def dataset(name, words):
        ran.append([name, *words])
        return 0

    monkeypatch.setattr(fill, "subprocess", SimpleNamespace(run=run))
    monkeypatch.setattr(fill, "main", dataset)
    monkeypatch.setattr(fill, "code_version", lambda: {"commit": "0123456", "dirty": False})
    return SimpleNamespace(ran=ran, statuses=statuses)


def command(tmp_path, *words):
    places = [f"runs={tmp_path}/runs", f"output={tmp_path}/tables"]
    return main("tables", ["action=fill", f"table={PAPER}/trials", *places, *words])


@pytest.mark.slow(seconds=5)
def test_a_paper_is_filled_with_drawn_people_once(machine, tmp_path, capsys):
    assert command(tmp_path, "budget=smoke") == 0
    drawn = f"{tmp_path}/runs/drawn/ccp"
    draw, train = machine.ran
    assert draw == [
        "dataset",
        "action=draw",
        "dataset=ccp",
        f"dataset.root={drawn}",
        "num_images=40",
    ]
    assert train[:3] == ["-m", "clothseg", "train"]
    assert train[3] == f"experiment={','.join(TRIALS)}"
    assert f"dataset.root={drawn}" in train
    rows = read_csv(tmp_path / f"tables/{PAPER}/trials.csv")
    assert {row["state"] for row in rows} == {"filled"}
    assert f"{PAPER}/trials: complete" in capsys.readouterr().out
    assert command(tmp_path, "budget=smoke") == 0
    assert len(machine.ran) == 2


@pytest.mark.slow(seconds=5)
def test_a_command_that_fails_is_named_and_its_cells_remain_missing(machine, tmp_path, capsys):
    machine.statuses["train"] = 1
    assert command(tmp_path, "budget=smoke") == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: failed: python train.py experiment={TRIALS[0]},")
    rows = read_csv(tmp_path / f"tables/{PAPER}/trials.csv")
    assert {row["state"] for row in rows} == {"missing"}


def test_ctrl_c_ends_it(machine, tmp_path, capsys):
    machine.statuses["train"] = fill.INTERRUPTED
    assert command(tmp_path, "budget=smoke", "data={ccp:somewhere}") == 130
    assert capsys.readouterr().err == "stopped\n"
    assert len(machine.ran) == 1


def test_nothing_is_trained_with_uncommitted_changes(machine, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(fill, "code_version", lambda: {"commit": "0123456", "dirty": True})
    assert command(tmp_path, "budget=smoke") == 1
    assert "uncommitted changes" in capsys.readouterr().err
    assert machine.ran == []


def test_a_name_of_a_dataset_is_that_of_its_folder():
    found = tables._folders("/data")
    assert found["ccp"] == "/data/ccp"
    assert {*found} >= {"cfpd", "imaterialist", "modanet", "cihp", "ccihp"}
