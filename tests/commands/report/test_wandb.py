"""`python scripts/report.py target=wandb`: pages built without a network, and runs sent on demand.

The server is a fake on this machine; the hosted service is not tested.
"""

import json
import math
import os
import shutil
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from wandb_workspaces import workspaces
from wandb_workspaces.reports import v2 as wr

from clothseg import extras
from clothseg.commands.main import main
from clothseg.commands.report.wandb.content import content_of
from clothseg.commands.report.wandb.panels import example_panels
from clothseg.commands.report.wandb.selection import Selected
from clothseg.logger import wandb_client as client
from clothseg.run.finished import FinishedRun
from clothseg.run.tables import write_history
from support.finished_run import write_finished
from support.scores import run_metrics, score_card
from support.shipped_config import label_space
from support.wandb_pages import named_keys, nodes, panels, run_sets
from support.wandb_server import KEY, StandIn

NAMES = label_space("body4").names
EPOCHS = [
    {"epoch": float(number), "val/loss": 1.0, "val/mean_iou": iou, "val/iou/BG": math.nan}
    for number, iou in enumerate((0.1, 0.5, 0.3), start=1)
]
pytestmark = pytest.mark.slow(seconds=3)


def write_run(folder, *overrides, iou=0.5, monitor="val/mean_iou"):
    """Write a finished run on body4 with three epochs and a figure."""
    (folder / "figures").mkdir(parents=True)
    Image.new("RGB", (20, 10)).save(folder / "figures" / "class_iou.png")
    write_history(EPOCHS, folder)
    card = score_card(iou, names=NAMES)
    metrics = run_metrics(iou, iou, monitor) | {"test": card, "validation": card, "best_epoch": 2}
    return write_finished(folder, "labels=body4", *overrides, metrics=metrics)


def write_folds(folder, *overrides, folds=(0, 1), **keywords):
    for k in folds:
        write_run(folder / f"fold-{k}", "split.folds=2", *overrides, iou=0.4 + k / 10, **keywords)


@pytest.fixture
def runs(tmp_path):
    """Two folds of one configuration, and one of another."""
    group = tmp_path / "runs" / "ccp-body4"
    write_folds(group / "unet-resnet18" / "abc", "backbone=resnet18")
    write_folds(group / "unet-mobilenet_v2" / "def", "backbone=mobilenet_v2", folds=[0])
    return tmp_path / "runs"


@pytest.fixture
def no_account(monkeypatch):
    """An environment without a key, in which the client keeps nothing of an earlier test."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_API_KEY"):
        monkeypatch.setenv(name, "")  # is restored after the client has set it
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.setenv("NETRC", os.devnull)
    client.require_login.cache_clear()
    client.default_entity.cache_clear()


@pytest.fixture
def server(no_account, monkeypatch):
    with StandIn() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        yield server


def report(runs, *arguments):
    """Run the command; the pages that it writes."""
    path = runs.parent / "pages.json"
    assert main("report", ["target=wandb", f"runs={runs}", f"output={path}", *arguments]) == 0
    return json.loads(path.read_text())


def error_of(capsys, *arguments):
    assert main("report", ["target=wandb", *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    return error


def filters(runset):
    """Values of each key that a set of runs is filtered by."""
    found = {}
    for entry in runset["filters"]["filters"]:
        found.setdefault(entry["key"]["name"], []).extend(entry["value"])
    return found


def test_the_pages_are_built_without_a_network(runs, no_account, monkeypatch, capsys):
    with StandIn() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        pages = report(runs, "project=fashion")
        assert server.requests == []
    said = capsys.readouterr()
    assert "3 runs of 2 configurations" in said.out
    assert "nothing was sent; upload=true sends these runs" in said.out
    assert "to your account/fashion" in said.out
    assert "not all folds are finished: backbone=mobilenet_v2 (1 of 2)" in said.err + said.out
    assert pages["saved"] is None
    assert pages["workspace"]["project"] == "fashion"
    assert pages["report"]["project"]["name"] == "fashion"


def test_the_specifications_are_valid_and_read_back_as_they_were(runs):
    pages = report(runs)
    models = {"workspace": workspaces.internal.View, "report": wr.internal.ReportViewspec}
    readers = {"workspace": workspaces.Workspace, "report": wr.Report}
    for name, model in models.items():
        parsed = model.model_validate(pages[name])
        again = readers[name]._from_model(parsed)._to_model()
        written = json.loads(again.model_dump_json(by_alias=True, exclude_none=True))
        assert [p["config"] for p in panels(written)] == [p["config"] for p in panels(pages[name])]
        assert written["spec"].keys() == pages[name]["spec"].keys()


def test_folds_are_grouped_by_configuration_without_their_means(runs):
    pages = report(runs)
    groups = {"ccp-body4/unet-resnet18/abc", "ccp-body4/unet-mobilenet_v2/def"}
    (folds,) = run_sets(pages["workspace"])
    assert folds["grouping"] == [{"section": "run", "name": "group"}]
    assert set(filters(folds)["group"]) == groups
    assert filters(folds)["jobType"] == ["fold", "run"]
    named = {runset["name"]: runset for runset in run_sets(pages["report"])}
    assert named["folds"]["grouping"] == folds["grouping"]
    assert filters(named["folds"]) == filters(folds)
    shown = [(e["key"]["name"], e["value"]) for e in named["configurations"]["filters"]["filters"]]
    assert shown == [
        ("group", ["ccp-body4/unet-resnet18/abc"]),
        ("jobType", ["summary"]),
        ("group", ["ccp-body4/unet-mobilenet_v2/def"]),
        ("jobType", ["fold", "run"]),
    ]
    for panel in panels(pages["workspace"]):
        if panel["viewType"] in ("Bar Chart", "Run History Line Plot"):
            config = panel["config"]
            spread = config["groupBy"], config["groupAgg"], config["groupArea"]
            assert spread == ("group", "mean", "stddev")


def test_parallel_coordinates_lead_through_the_options_to_the_score(runs):
    write_folds(runs / "ccp-body4" / "unet-resnet18" / "g", "optimizer=sgd", "optimizer.lr=0.5")
    for page in ("workspace", "report"):
        (plot,) = [
            panel["config"]
            for panel in panels(report(runs)[page])
            if panel["viewType"] == "Parallel Coordinates Plot"
        ]
        names = [column["displayName"] for column in plot["columns"]]
        assert names[:5] == ["model", "backbone", "loss", "optimizer", "augmentation"]
        assert names[-1] == "mean IoU, validation"
        assert "optimizer.lr" in names
        accessors = dict(zip(names, (c["accessor"] for c in plot["columns"]), strict=True))
        assert accessors["loss"] == "config:choices.value.loss"
        assert accessors["optimizer.lr"] == "config:optimizer.value.lr"
        assert accessors[names[-1]] == "summary:score"
        assert not plot["columns"][-1].get("inverted")


def test_a_loss_that_selects_is_best_where_it_is_lowest(tmp_path):
    runs = tmp_path / "runs"
    monitor = "callbacks.checkpoints.monitor=val/loss"
    write_folds(runs / "a-body4" / "b" / "c", monitor, monitor="val/loss")
    pages = report(runs)
    (plot,) = [p for p in panels(pages["report"]) if p["viewType"] == "Parallel Coordinates Plot"]
    assert plot["config"]["columns"][-1]["inverted"] is True
    (runset,) = run_sets(pages["workspace"])
    (order,) = runset["sort"]["keys"]
    assert order == {"key": {"section": "summary", "name": "score"}, "ascending": True}
    assert "val/loss/std" not in named_keys(pages["report"])["summary"]


def test_every_class_has_bars_and_what_no_record_has_is_not_shown(runs):
    for page in report(runs).values():
        if page:
            named = named_keys(page)
            assert named["bars"] >= {f"test/iou/{name}" for name in NAMES}
            assert named["media"] == set()  # the only figure is none of the pages
            assert "examples/table" not in named["tables"]


def test_pictures_of_people_are_named_one_by_one(tmp_path):
    folder = tmp_path / "a-body4" / "b" / "c" / "fold-0"
    write_run(folder, "split.folds=2")
    for name in ("best", "people"):
        Image.new("RGB", (20, 10)).save(folder / "figures" / f"{name}.png")
    run = FinishedRun.read(folder)
    parsing = {"person_ap": {"vol": 0.5}, "apcr": {}, "characteristics": {}}
    people = {"apr": 0.1, "app": 0.2, "pcp": 0.3, "parsing": parsing}
    content = content_of([[replace(run, metrics={"test": run.metrics["test"] | people})]])
    assert content.examples == [f"examples/best_{number}" for number in (1, 2, 3, 4)]
    assert content.scores == [
        "score",
        *(f"test/{s}" for s in ("mean_iou", "apr", "app", "accuracy")),
    ]
    assert content.monitor is None  # of an earlier version
    shown = [key for panel in example_panels(content) for key in getattr(panel, "media_keys", ())]
    assert shown == [*content.examples, "figures/best", "figures/people"]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4))
def test_a_name_in_a_filter_is_taken_literally(names):
    """A group is named after folders, which may be a stranger's."""
    for runset in (
        wr.Runset(filters=Selected(names, names).configurations)._to_model(),
        workspaces.Workspace(
            entity="",
            project="p",
            runset_settings=workspaces.RunsetSettings(
                filters=Selected(names, names).configurations
            ),
        )
        ._to_model()
        .spec.section.run_sets[0],
    ):
        values = [entry["value"] for entry in runset.filters["filters"]]
        assert values == [names, ["summary"], names, ["fold", "run"]]


@pytest.mark.slow(seconds=60)
def test_runs_are_sent_from_their_records_alone_and_only_once(runs, server, capsys):
    pages = report(runs, "upload=true", "project=fashion")
    said = capsys.readouterr().out
    assert "all of them are in team/fashion" in said
    assert [line for line in said.splitlines() if line.startswith(server.url)]
    assert "warning: left out" not in said
    folder = runs / "ccp-body4" / "unet-resnet18" / "abc"
    folds = [json.loads((folder / f"fold-{k}" / "wandb.json").read_text()) for k in (0, 1)]
    for number, fold in enumerate(folds):
        run = server.runs[fold["id"]]
        about = {"jobType": "fold", "entity": "team", "project": "fashion"}
        about |= {"groupName": "ccp-body4/unet-resnet18/abc"}
        about |= {"displayName": f"backbone=resnet18 fold {number}"}
        assert about.items() <= run.about.items()
        assert [row["_step"] for row in run.history] == [1, 2, 3, 4]
        assert [row.get("val/mean_iou") for row in run.history] == [0.1, 0.5, 0.3, None]
        assert run.summary["test/mean_iou"] == pytest.approx(0.4 + number / 10)
        assert run.summary["val/mean_iou"] == 0.5  # of epoch 2, the best
        assert run.summary["score"] == pytest.approx(0.4 + number / 10)
        assert run.config["choices"]["value"]["backbone"] == "resnet18"
        assert run.config["split"]["value"]["fold"] == number
        assert any(name.startswith("media/images/figures/class_iou") for name in run.files)
        assert any(name.startswith("media/table/test/per_class") for name in run.files)
        assert any(name.startswith("media/table/test/confusion_matrix") for name in run.files)
        assert run.exit_code == 0
    mean = server.runs[json.loads((folder / "wandb.json").read_text())["id"]]
    assert mean.about["jobType"] == "summary"
    assert mean.summary["test/mean_iou"] == pytest.approx(0.45)
    assert mean.summary["test/mean_iou/std"] == pytest.approx(math.sqrt(2) * 0.05)
    assert "fold" not in mean.config["split"]["value"]
    assert len(server.runs) == 4
    assert sorted(view["type"] for view in server.views.values()) == ["project-view", "runs"]
    for view in server.views.values():
        assert (view["entityName"], view["projectName"]) == ("team", "fashion")
        assert {p["viewType"] for p in nodes(view["spec"]) if "viewType" in p} >= {"Bar Chart"}

    before = {k: (len(run.history), run.offsets) for k, run in server.runs.items()}
    again = report(runs, "upload=true", "project=fashion")
    assert {k: (len(run.history), run.offsets) for k, run in server.runs.items()} == before
    assert len(server.views) == 2
    assert again["saved"] == pages["saved"]
    assert report(runs)["saved"] == pages["saved"]


@pytest.mark.slow(seconds=20)
def test_a_record_does_not_decide_where_runs_go(runs, server, capsys):
    shutil.rmtree(runs / "ccp-body4" / "unet-resnet18")
    (record,) = (runs / "ccp-body4" / "unet-mobilenet_v2" / "def").iterdir()
    theirs = {"id": "../../theirs", "entity": "mallory", "project": "loot", "mode": "online"}
    (record / "wandb.json").write_text(json.dumps(theirs))
    secret = runs.parent / "secret.png"
    Image.new("RGB", (20, 10)).save(secret)
    (record / "figures" / "people.png").symlink_to(secret)
    (record / "figures" / "worst.png").write_bytes(b"no picture")
    report(runs, "upload=true", "entity=lab")
    ((identity, run),) = server.runs.items()
    assert identity.isalnum()
    assert (run.about["entity"], run.about["project"]) == ("lab", "clothseg")
    assert not any("people" in name or "worst" in name for name in run.files)
    said = " ".join(capsys.readouterr().out.split())
    assert "people.png is not logged (it leads out of the record)" in said
    assert "worst.png is not logged" in said


def test_a_damaged_record_does_not_keep_others_from_being_sent(runs, server, capsys, monkeypatch):
    sent = []
    monkeypatch.setattr(
        "clothseg.logger.wandb_tracker.WandbTracker.send",
        lambda self, subject, rows, results: sent.append(subject.name),
    )
    monkeypatch.setattr("clothseg.logger.wandb_tracker.WandbTracker.summarize", lambda *args: None)
    (runs / "ccp-body4" / "unet-resnet18" / "abc" / "fold-0" / "history.csv").unlink()
    path = runs.parent / "pages.json"
    arguments = ["target=wandb", f"runs={runs}", f"output={path}", "upload=true"]
    assert main("report", arguments) == 1
    said = capsys.readouterr()
    assert "fold-0 was not sent" in " ".join(said.out.split())
    assert "1 of 4 runs could not be sent" in said.err
    assert sorted(sent) == ["backbone=mobilenet_v2 fold 0", "backbone=resnet18 fold 1"]


@pytest.mark.parametrize(
    ("key", "message"),
    [("", "no Weights & Biases API key found"), ("short", "API key must have 40")],
)
def test_an_upload_without_an_account_is_a_sentence(
    key, message, runs, no_account, monkeypatch, capsys
):
    monkeypatch.setenv("WANDB_API_KEY", key)
    error = error_of(capsys, f"runs={runs}", "upload=true", f"output={runs}/pages.json")
    assert "upload=true: " in error
    assert message in error
    assert "upload=false writes the workspace and the report to a file" in error
    assert error.count("\n") == 1
    assert not (runs / "pages.json").exists()


def test_other_problems_are_sentences(runs, tmp_path, capsys, monkeypatch):
    assert "is not a folder" in error_of(capsys, f"runs={tmp_path}/none")
    (tmp_path / "empty").mkdir()
    assert "no run in" in error_of(capsys, f"runs={tmp_path}/empty")
    assert "must end in .json" in error_of(capsys, f"runs={runs}", "output=a.png")
    problems = error_of(capsys, f"runs={runs}", "project=a/b", "entity=c/d")
    assert "project=a/b" in problems
    assert "entity=c/d" in problems
    write_finished(runs / "ccp-refined15" / "x" / "y", "labels=refined15")
    assert "the runs are of different label spaces" in error_of(capsys, f"runs={runs}")
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    error = error_of(capsys, f"runs={runs}")
    assert "target=wandb needs wandb, wandb_workspaces, which are not installed" in error
