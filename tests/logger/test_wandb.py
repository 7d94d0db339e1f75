"""`logger=wandb`: its offline files, and the requests of the real client to a server.

The server is a fake on this machine; the hosted service is not tested.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import wandb
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from clothseg.commands.main import main
from clothseg.logger import wandb_client
from clothseg.logger.wandb_scores import best_scores, class_means
from clothseg.run.tables import read_history
from support.command_line import all_end, files, records, segments, wait_until
from support.wandb_pages import named_keys, panels
from support.wandb_server import KEY, StandIn

NO_KEY = {"WANDB_API_KEY": "", "NETRC": os.devnull}
EPOCHS = 15
"""Enough epochs to interrupt a run in the middle, even on a busy machine."""
pytestmark = pytest.mark.slow


def run_entry(segment):
    (entry,) = (record["run"] for record in segment if record["type"] == "run")
    return entry


def history(segment):
    return [record["history"]["item"] for record in segment if record["type"] == "history"]


def summary(segment):
    merged = {}
    for record in segment:
        if record["type"] == "summary":
            merged |= record["summary"]["update"]
    return merged


def exit_codes(segment):
    return [r["exit"].get("exit_code", 0) for r in segment if r["type"] == "exit"]


def artifacts(segment, kind):
    found = [record["artifact"] for record in segment if record["type"] == "artifact"]
    return [artifact for artifact in found if artifact["type"] == kind]


def undefined(value):
    return value is None or np.isnan(value)


@pytest.fixture(scope="module")
def offline(command_line, tmp_path_factory):
    """A finished cross-validation, and the requests to a server that it must not contact."""
    output = tmp_path_factory.mktemp("offline")
    command = command_line.tiny(
        output, "logger=[csv,tensorboard,wandb]", "trainer.max_epochs=2", "report.figures=all"
    )
    command += ["logger.wandb.artifact=true", "logger.wandb.tags=[cloth,two words]", "-m"]
    with StandIn() as server:
        result = command_line.run(command, WANDB_BASE_URL=server.url, **NO_KEY)
        assert result.returncode == 0, result.stderr
        assert "warning" not in result.stdout
        return output, result, command, list(server.requests)


@pytest.mark.slow(seconds=44)
def test_offline_mode_needs_no_network_and_prints_nothing(offline):
    _, result, _, requests = offline
    assert requests == []
    assert "wandb" not in result.stdout + result.stderr


def test_each_job_is_a_run_in_a_common_group(offline):
    output, *_ = offline
    runs, ids, tags = [], set(), set()
    for number, record in enumerate(records(output)):
        (segment,) = segments(record.folder)
        entry = run_entry(segment)
        runs.append(entry)
        ids.add(entry["run_id"])
        parts = record.folder.relative_to(output).parts
        assert entry["run_group"] == "/".join(parts[:-1])
        assert entry["display_name"] == f"unet mobilenet_v2 fold {number}"
        assert (entry["job_type"], entry["project"]) == ("fold", "clothseg")
        command, *own = sorted(entry["tags"], key=lambda tag: not tag.startswith("command-"))
        assert sorted(own) == ["cloth", "two words"]
        tags.add(command)
        config = entry["config"]["update"]
        assert config["split"]["fold"] == number
        assert config["optimizer"] == record.config["config"]["optimizer"]
        assert config["choices"]["backbone"] == "mobilenet_v2"
        assert config["signature"] == parts[-2]
        assert exit_codes(segment) == [0]
        assert json.loads((record.folder / "wandb.json").read_text())["id"] == entry["run_id"]
    assert len(ids) == len(runs) == 2
    (mean,) = segments(records(output)[0].folder.parent)
    assert tags == set(run_entry(mean)["tags"]) - {"cloth", "two words"}
    assert len(tags) == 1


def test_every_epoch_is_logged_with_its_number_as_step(offline):
    output, *_ = offline
    for record in records(output):
        (segment,) = segments(record.folder)
        rows = history(segment)
        assert [row["_step"] for row in rows] == [1, 2, 3]
        table = (record.folder / "history.csv").read_text().splitlines()
        keys = table[0].split(",")
        assert "val/iou/Scarf/Tie" in keys
        for row, line in zip(rows, table[1:], strict=False):
            for key, value in zip(keys, map(float, line.split(",")), strict=True):
                assert (key in row) == np.isfinite(value)
                assert key not in row or row[key] == pytest.approx(value)


def test_results_are_in_the_summary_and_the_media(offline):
    output, *_ = offline
    for record in records(output):
        (segment,) = segments(record.folder)
        media, scores = history(segment)[-1], summary(segment)
        card = record.metrics["test"]
        assert scores["test/mean_iou"] == pytest.approx(card["mean"]["iou"])
        assert scores["best_epoch"] == record.metrics["best_epoch"]
        validation = record.metrics["validation"]
        assert scores["val/mean_iou"] == pytest.approx(validation["mean"]["iou"])
        assert scores["val/f1/BG"] == pytest.approx(validation["per_class"][0]["f1"])
        best = read_history(record.folder)[record.metrics["best_epoch"] - 1]
        for key in (key for key in best if key.startswith("val/")):
            logged = scores.get(key)
            assert undefined(logged) if np.isnan(best[key]) else logged == pytest.approx(best[key])
        for row in card["per_class"]:
            for key in ("precision", "recall", "f1", "iou", "boundary_iou"):
                logged = scores.get(f"test/{key}/{row['name']}")
                assert undefined(row[key]) if logged is None else logged == pytest.approx(row[key])

        folder = next((record.folder / "wandb").glob("offline-run-*")) / "files"
        for name in ("confusion_matrix", "learning_curves", "class_iou", "best", "worst"):
            assert (folder / media[f"figures/{name}.path"]).is_file()
        table = json.loads((folder / media["test/confusion_matrix_table.path"]).read_text())
        names = [row["name"] for row in card["per_class"]]
        expected = [
            [names[i], names[j], card["confusion_matrix"][i][j]]
            for i in range(len(names))
            for j in range(len(names))
        ]
        assert table["data"] == expected
        table = json.loads((folder / media["test/per_class.path"]).read_text())
        assert [line[1] for line in table["data"]] == names
        for kind in ("best", "worst"):
            assert media[f"examples/{kind}.count"] == 4
            for masks in media[f"examples/{kind}.all_masks"]:
                assert masks.keys() == {"prediction", "truth"}
                assert all((folder / mask["path"]).is_file() for mask in masks.values())
            assert all("IoU" in text for text in media[f"examples/{kind}.captions"])
        text = json.dumps(segment)
        assert '"value": {"0": "BG", "1": "Bag"' in text
        assert '"255": "ignored"' in text
        assert "wandb/confusion_matrix/v1" in text


def artifact_file(segment, path):
    """Content of a JSON file of an artifact that waits for `wandb sync`."""
    contents = [c for a in artifacts(segment, "run_table") for c in a["manifest"]["contents"]]
    (local,) = [entry["local_path"] for entry in contents if entry["path"] == path]
    return json.loads(Path(local).read_text())


def test_the_example_table_has_photo_truth_and_prediction_of_each_image(offline):
    output, *_ = offline
    for record in records(output):
        (segment,) = segments(record.folder)
        table = artifact_file(segment, "examples/table.table.json")
        assert table["columns"] == ["image", "kind", "IoU", "photo", "truth", "prediction"]
        assert [row[1] for row in table["data"]] == ["best"] * 4 + ["worst"] * 4
        captions = [
            text
            for kind in ("best", "worst")
            for text in history(segment)[-1][f"examples/{kind}.captions"]
        ]
        for row, caption in zip(table["data"], captions, strict=True):
            name, _, iou, *pictures = row
            shown, _, percent = caption.partition(", IoU ")
            assert shown == name
            assert float(percent.split()[0]) == pytest.approx(100 * iou, abs=0.06)
            assert [picture["_type"] for picture in pictures] == ["image-file"] * 3
            assert len({picture["sha256"] for picture in pictures}) == 3


def test_a_running_run_has_the_best_epoch_so_far_as_summary(offline):
    """Its columns are those of a finished run; a run that is killed can be compared as well."""
    output, *_ = offline
    for record in records(output):
        (segment,) = segments(record.folder)
        (metric,) = [entry["metric"] for entry in segment if entry["type"] == "metric"]
        assert (metric["glob_name"], metric["summary"]) == ("val/*", {"none": True})
        rows = read_history(record.folder)
        updates = [e["summary"]["update"] for e in segment if e["type"] == "summary"]
        seen = [update["val/mean_iou"] for update in updates if "val/mean_iou" in update]
        best = np.maximum.accumulate([row["val/mean_iou"] for row in rows])
        assert seen[:2] == pytest.approx(list(best))
        assert seen[-1] == pytest.approx(record.metrics["validation"]["mean"]["iou"])


def test_scores_of_the_best_epoch_replace_those_of_the_last():
    """A score that only the last epoch has is removed."""
    rows = [
        {"epoch": 1.0, "val/mean_iou": 0.5, "val/iou/Hat": np.nan, "val/iou/Bag": np.nan},
        {"epoch": 2.0, "val/mean_iou": 0.4, "val/iou/Hat": 0.1, "val/iou/Bag": np.nan},
    ]
    assert best_scores(rows, 1) == {"val/mean_iou": 0.5, "val/iou/Hat": None}
    assert best_scores(rows, 2) == {"val/mean_iou": 0.4, "val/iou/Hat": 0.1}


def test_the_table_of_a_mean_has_the_columns_of_a_run():
    score = {"mean": 0.5, "std": None, "n": 1}
    rows = class_means([{"id": 0, "name": "BG", "iou": score, "support": 7}])
    assert rows == [{"id": 0, "name": "BG", "iou": 0.5, "iou_std": None, "support": 7}]


def test_the_best_checkpoint_is_an_artifact_without_a_copy(offline):
    output, *_ = offline
    for record in records(output):
        (segment,) = segments(record.folder)
        (artifact,) = artifacts(segment, "model")
        assert (
            artifact["name"]
            == f"unet-mobilenet_v2-{record.folder.parent.name}-fold-" + (record.folder.name[-1])
        )
        assert "best" in artifact["aliases"]
        (entry,) = artifact["manifest"]["contents"]
        assert entry["local_path"] == str(record.best_checkpoint)
        # Pending uploads for `wandb sync` are in the record as well.
        tables = artifacts(segment, "run_table")
        assert len(tables) == 3
        for entry in (entry for table in tables for entry in table["manifest"]["contents"]):
            assert entry["local_path"].startswith(str(record.folder / "wandb"))


def test_the_fold_summary_is_logged_once_as_one_run(offline, command_line):
    output, _, command, _ = offline
    first, second = records(output)
    folder = first.folder.parent
    (segment,) = segments(folder)
    entry, scores = run_entry(segment), summary(segment)
    (fold,) = segments(first.folder)
    assert entry["run_group"] == run_entry(fold)["run_group"]
    assert entry["run_id"] not in {run_entry(s)["run_id"] for s in (fold, *segments(second.folder))}
    assert (entry["job_type"], entry["display_name"]) == ("summary", "unet mobilenet_v2, 2 folds")
    assert "fold" not in entry["config"]["update"]["split"]
    saved = json.loads((folder / "summary.json").read_text())
    for part, ending in (("mean", ""), ("std", "/std")):
        assert scores[f"test/mean_iou{ending}"] == pytest.approx(saved["mean"]["iou"][part])
        expected = saved["validation"]["mean"]["iou"][part]
        assert scores[f"val/mean_iou{ending}"] == pytest.approx(expected)
        for row in saved["per_class"]:
            logged = scores.get(f"test/f1/{row['name']}{ending}")
            assert undefined(row["f1"][part]) if logged is None else logged == row["f1"][part]
    path = history(segment)[0]["test/confusion_matrix_table.path"]
    run = next((folder / "wandb").glob("offline-run-*"))
    counts = [line[2] for line in json.loads((run / "files" / path).read_text())["data"]]
    matrices = [np.load(record.folder / "confusion_matrix.npy") for record in (first, second)]
    assert counts == (matrices[0] + matrices[1]).flatten().tolist()

    before = files(output)
    result = command_line.run(command, **NO_KEY)
    assert "2 jobs: 2 skipped" in result.stdout
    assert files(output) == before


def flat(config, path=""):
    """Dotted keys of a configuration as the service stores them."""
    for key, value in config.items():
        yield f"{path}{key}"
        if isinstance(value, dict):
            yield from flat(value, f"{path}{key}." if path else f"{key}.value.")


@pytest.fixture(scope="module")
def logged_keys(offline):
    """What the offline runs have: keys of their steps, of their summary, and of their config."""
    output, *_ = offline
    folds = [segment for record in records(output) for segment in segments(record.folder)]
    (mean,) = segments(records(output)[0].folder.parent)
    steps = {
        key.removesuffix("._type") for segment in folds for row in history(segment) for key in row
    }
    configs = [run_entry(segment)["config"]["update"] for segment in (*folds, mean)]
    config = set.intersection(*(set(flat(config)) for config in configs))
    return steps, set.intersection(*map(set, map(summary, folds))), set(summary(mean)), config


def test_folds_and_their_mean_share_the_names_of_columns(logged_keys):
    _, of_folds, of_mean, _ = logged_keys
    scores = {key for key in of_mean if key.startswith(("test/", "val/")) and "." not in key}
    means = {key for key in scores if not key.endswith("/std")}
    assert {f"{key}/std" for key in of_folds & means} >= scores - means
    assert "score" in of_folds & of_mean
    assert {"test/mean_iou", "val/mean_iou", "test/accuracy", "test/iou/BG"} <= of_folds & means


def test_every_panel_names_what_was_logged(offline, logged_keys):
    output, *_ = offline
    steps, of_folds, of_mean, config = logged_keys
    path = output / "pages.json"
    assert main("report", ["target=wandb", f"runs={output}", f"output={path}"]) == 0
    pages = json.loads(path.read_text())
    labels = records(output)[0].config["config"]["labels"]["names"]
    for page in ("workspace", "report"):
        named = named_keys(pages[page])
        assert named["steps"] <= steps
        assert {"val/loss", "val/mean_iou"} <= named["steps"]
        assert named["media"] == {"examples/best", "examples/worst"} | {
            f"figures/{name}" for name in ("best", "worst", "confusion_matrix")
        }
        assert named["media"] <= steps
        assert named["tables"] == {
            "test/per_class",
            "examples/table",
            "test/confusion_matrix_table",
        }
        assert named["tables"] <= steps
        bars = named["bars"]
        assert bars >= {"score", "test/mean_iou", "test/accuracy", "test/mean_f1"}
        assert {key for key in bars if key.startswith("test/iou/")} == {
            f"test/iou/{name}" for name in labels
        }
        undefined = {f"test/iou/{name}" for name in labels}  # in a fold without the class
        assert bars - undefined <= of_folds
        assert {key for key in named["summary"] if not key.endswith("/std")} <= of_folds
        assert named["config"] <= config
        options = ("model", "backbone", "loss", "optimizer", "augmentation")
        assert named["config"] >= {f"choices.value.{option}" for option in options}
    assert named["summary"] <= of_mean
    assert "test/mean_iou/std" in named["summary"]


def test_the_confusion_panel_is_the_chart_of_the_client(offline):
    output, *_ = offline
    path = output / "pages.json"
    assert main("report", ["target=wandb", f"runs={output}", f"output={path}"]) == 0
    pages = json.loads(path.read_text())
    (segment, *_) = segments(records(output)[0].folder)
    (chart,) = [
        record["config"]["update"]["_wandb.visualize.test/confusion_matrix"]
        for record in segment
        if "_wandb.visualize.test/confusion_matrix" in record.get("config", {}).get("update", {})
    ]
    for page in ("workspace", "report"):
        (panel,) = [p for p in panels(pages[page]) if p["viewType"] == chart["panel_type"]]
        for key in ("panelDefId", "fieldSettings", "stringSettings", "transform"):
            assert panel["config"][key] == chart["panel_config"][key]


def test_event_files_have_scores_of_every_class_and_all_figures(offline):
    output, *_ = offline
    for record in records(output):
        events = EventAccumulator(str(record.folder / "tensorboard"), {"images": 0})
        events.Reload()
        assert [event.step for event in events.Scalars("val/mean_iou")] == [1, 2]
        assert [event.step for event in events.Scalars("val/iou/BG")] == [1, 2]
        (score,) = events.Scalars("test/iou/BG")
        assert score.step == 2
        assert score.value == pytest.approx(record.metrics["test"]["per_class"][0]["iou"])
        (score,) = events.Scalars("best/iou/BG")
        expected = record.metrics["validation"]["per_class"][0]["iou"]
        assert score.value == pytest.approx(expected)
        figures = {"confusion_matrix", "learning_curves", "class_iou", "best", "worst"}
        assert set(events.Tags()["images"]) == figures


@pytest.mark.slow(seconds=55)
def test_an_interrupted_run_continues_under_its_id_and_is_merged_by_sync(command_line, tmp_path):
    command = command_line.tiny(tmp_path, "logger=[csv,wandb]", f"trainer.max_epochs={EPOCHS}")
    process = command_line.start(command, **NO_KEY)
    wait_until(lambda: len(list(tmp_path.rglob("last.ckpt"))) == 1, process)
    (record,) = records(tmp_path)

    def logged():
        return [row["_step"] for segment in segments(record.folder) for row in history(segment)]

    wait_until(lambda: len(logged()) >= 2, process)
    process.kill()
    process.communicate(timeout=10)
    assert all_end(process.pid)
    interrupted_at = len(logged())
    assert 2 <= interrupted_at < EPOCHS

    result = command_line.run(command, **NO_KEY)
    assert result.returncode == 0, result.stderr
    assert "resumes from" in result.stdout
    first, second = segments(record.folder)
    assert run_entry(first)["run_id"] == run_entry(second)["run_id"]
    assert [row["_step"] for row in history(first)] == list(range(1, interrupted_at + 1))
    assert [row["_step"] for row in history(second)] == list(range(interrupted_at + 1, EPOCHS + 2))
    assert (exit_codes(first), exit_codes(second)) == ([], [0])

    with StandIn() as server:
        variables = {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": KEY}
        synced = subprocess.run(
            [sys.executable, "-m", "wandb", "sync", str(record.folder / "wandb")],
            capture_output=True,
            text=True,
            env=os.environ | variables,
            cwd=tmp_path,  # it writes a log to the working directory
            timeout=60,
        )
        assert synced.returncode == 0, synced.stderr
        (run,) = server.runs.values()
        assert [row["_step"] for row in run.history] == list(range(1, EPOCHS + 2))
        assert run.offsets[0] == 0
        assert interrupted_at in run.offsets
        assert run.exit_code == 0


@pytest.mark.slow(seconds=47)
def test_a_replaced_run_gets_a_new_id(command_line, tmp_path):
    for again in ([], ["rerun=true"]):
        command = command_line.tiny(tmp_path, "logger=wandb", *again)
        assert command_line.run(command, **NO_KEY).returncode == 0
    ids = [json.loads((r.folder / "wandb.json").read_text())["id"] for r in records(tmp_path)]
    assert len(set(ids)) == len(ids) == 2


def online(server, *more):
    options = ["logger=wandb", "logger.wandb.mode=online", *more]
    return options, {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": KEY, "NETRC": os.devnull}


@pytest.mark.slow(seconds=23)
def test_an_online_run_reaches_the_server(command_line, tmp_path):
    with StandIn() as server:
        options, variables = online(
            server,
            *("logger.wandb.entity=team", "logger.wandb.artifact=true", "report.figures=all"),
        )
        result = command_line.run(command_line.tiny(tmp_path, *options), **variables)
        assert result.returncode == 0, result.stderr
        assert "warning" not in result.stdout
        ((identity, run),) = server.runs.items()
    (record,) = records(tmp_path)
    assert json.loads((record.folder / "wandb.json").read_text())["id"] == identity
    expected = {"displayName": "unet mobilenet_v2 fold 0", "jobType": "fold", "entity": "team"}
    expected |= {"groupName": "/".join(record.folder.parts[-4:-1]), "project": "clothseg"}
    assert expected.items() <= run.about.items()
    assert run.config["choices"]["value"]["model"] == "unet"
    assert [row["_step"] for row in run.history] == [1, 2]
    assert run.history[0]["val/loss"] > 0
    assert run.summary["test/mean_iou"] == pytest.approx(record.metrics["test"]["mean"]["iou"])
    assert run.exit_code == 0
    assert any("mask" in name for name in run.files)
    assert any(name.startswith("media/images/figures/confusion_matrix") for name in run.files)
    kinds = [artifact["artifactTypeName"] for artifact in server.artifacts]
    assert sorted(kinds) == ["model", "run_table", "run_table", "run_table"]
    assert not any("otel" in path for _, path in server.requests)


@pytest.mark.parametrize(
    ("refusal", "key", "message"),
    [
        (401, KEY, "user is not logged in"),
        (None, "short", "API key must have 40"),
        (None, "", "no Weights & Biases API key found on this machine"),
        ("gone", KEY, "logger.wandb.mode=online: Failed to authenticate with"),
        ("silent", KEY, "logger.wandb.mode=online: Failed to authenticate with"),
    ],
)
def test_invalid_keys_and_servers_are_reported_before_training(
    refusal, key, message, command_line, tmp_path
):
    with StandIn(refusal) as server:
        options, variables = online(server)
        if refusal == "gone":
            server.server_close()
        variables["WANDB_API_KEY"] = key
        result = command_line.run(command_line.tiny(tmp_path / "runs", *options, "-m"), **variables)
    assert result.returncode == 1
    assert message in result.stderr
    assert (
        "`wandb login --relogin` to store another key, or logger.wandb.mode=offline"
        in result.stderr
    )
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.skipif(shutil.which("pgrep") is None, reason="pgrep is not available")
def test_a_client_that_does_not_exit_is_abandoned(monkeypatch):
    monkeypatch.setattr(wandb_client, "TEARDOWN_TIMEOUT", 0.5)
    wandb.setup(wandb.Settings(silent=True))
    listing = subprocess.run(["pgrep", "-P", str(os.getpid()), "wandb-core"], capture_output=True)
    (process,) = map(int, listing.stdout.split())
    os.kill(process, signal.SIGSTOP)
    started = time.monotonic()
    wandb_client._teardown(0)
    waited = time.monotonic() - started
    os.kill(process, signal.SIGCONT)
    assert 0.5 <= waited < 5


@pytest.mark.slow(seconds=26)
def test_a_failing_server_does_not_fail_the_run(command_line, tmp_path):
    with StandIn(refusal=500) as server:
        options, variables = online(server, "logger.wandb.finish_timeout=3")
        result = command_line.run(command_line.tiny(tmp_path, *options), **variables)
    assert result.returncode == 0, result.stderr
    words = " ".join(result.stdout.split())
    assert "warning: logger wandb failed (TimeoutError: the upload did not finish in time" in words
    assert "`wandb sync --include-online" in words
    (record,) = records(tmp_path)
    assert record.status["state"] == "done"
    (segment,) = segments(record.folder)
    assert [row["_step"] for row in history(segment)] == [1, 2]
