"""Runs interrupted by a kill, Ctrl-C or a scheduler, and resumed by the same command."""

import os
import re
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from clothseg.checkpoint import read_checkpoint, write_checkpoint
from clothseg.run.record import Record
from clothseg.run.tables import read_image_scores
from support.command_line import all_end, job_processes, records, session_members, wait_until

SCHEDULED = [
    *("scheduler=plateau", "scheduler.patience=1", "optimizer.lr=1e-2"),
    *("callbacks=early_stopping", "callbacks.early_stopping.patience=3"),
    *("trainer.max_epochs=6", "augmentation=light"),
    *("trainer.ema_decay=0.9", "data.sampling=class_balanced", "loss=weighted_cross_entropy"),
    "callbacks.checkpoints.keep_last=true",
]


def epochs_of_each(output):
    """Number of finished epochs of each record, by the path of its history."""
    tables = output.rglob("history.csv")
    return {table: len(table.read_text().splitlines()) - 1 for table in tables}


def epochs_done(output):
    """Total number of finished epochs in all records."""
    return sum(epochs_of_each(output).values())


def modified(path):
    return path.stat().st_mtime_ns


def kill_when(process, condition):
    """Kill a command with SIGKILL as soon as a condition holds."""
    wait_until(condition, process)
    process.kill()
    process.communicate(timeout=10)


@pytest.fixture(scope="module")
def uninterrupted(command_line, tmp_path_factory):
    output = tmp_path_factory.mktemp("uninterrupted")
    result = command_line.run(command_line.tiny(output, *SCHEDULED))
    assert result.returncode == 0, result.stderr
    (record,) = records(output)
    assert record.folder.name == "fold-0"
    return record


def assert_equal(record, other):
    for name in ("best.ckpt", "last.ckpt"):
        a, b = (
            torch.load(r.folder / "checkpoints" / name, weights_only=True) for r in (record, other)
        )
        assert a["epoch"] == b["epoch"]
        assert a["state_dict"].keys() == b["state_dict"].keys()
        for key, weight in a["state_dict"].items():
            assert torch.equal(weight, b["state_dict"][key])
    assert a["lr_schedulers"] == b["lr_schedulers"]
    compared = ("test", "validation", "validation_loss", "monitor", "best_epoch", "epochs")
    for key in (*compared, "division"):
        assert record.metrics[key] == other.metrics[key]
    rows = [(r.folder / "history.csv").read_text().splitlines() for r in (record, other)]
    epochs = [[row.split(",") for row in table] for table in rows]
    for key, array in vars(read_image_scores(record.folder)).items():
        other_array = getattr(read_image_scores(other.folder), key)
        assert np.array_equal(array, other_array, equal_nan=key == "iou_plus")
    compared = [n for n, name in enumerate(epochs[0][0]) if not name.endswith("seconds")]
    for a, b in zip(*epochs, strict=True):
        assert [a[n] for n in compared] == [b[n] for n in compared]


@pytest.mark.slow(seconds=14)
@pytest.mark.parametrize("workers", [0, 2])
def test_a_killed_run_resumes_and_ends_with_the_weights_of_an_uninterrupted_run(
    workers, uninterrupted, command_line, tmp_path
):
    command = command_line.tiny(tmp_path, *SCHEDULED, f"data.workers={workers}")
    last = uninterrupted.metrics["epochs"]
    kill_when(command_line.start(command), lambda: epochs_done(tmp_path) >= 2)
    (record,) = records(tmp_path)
    assert record.status == {"state": "running", "attempts": 1, "error": None}
    assert 2 <= epochs_done(tmp_path) < last
    kills = 1

    if workers == 0:  # kill it again, between the last epoch and the test
        table, checkpoint = record.folder / "history.csv", record.checkpoints / "last.ckpt"
        kill_when(
            command_line.start(command),
            lambda: epochs_done(tmp_path) == last and modified(checkpoint) > modified(table),
        )
        assert not (record.folder / "metrics.json").exists()
        kills = 2

    result = command_line.run(command)
    assert result.returncode == 0, result.stderr
    assert "resumes from" in result.stdout
    assert ("epoch " in result.stdout) == (kills == 1)
    assert "epoch 1/" not in result.stdout
    assert record.status == {"state": "done", "attempts": kills + 1, "error": None}
    assert_equal(record, uninterrupted)


@pytest.mark.slow(seconds=35)
def test_a_stopped_sweep_shuts_down_cleanly_and_resumes(command_line, tmp_path):
    """Two parallel jobs are stopped in three ways; then the same command completes them."""
    command = command_line.tiny(
        tmp_path, "trainer.max_epochs=25", "split=holdout", "hydra.launcher.max_parallel=2", "-m"
    )
    command.remove("model=unet")
    command.remove("model.decoder_channels=[16,16,16,16,16]")
    command.remove("split.folds=2")
    command.append("model=unet,linknet")

    def one_more_epoch(process):
        before = epochs_of_each(tmp_path)

        def done():
            now = epochs_of_each(tmp_path)
            return len(now) == 2 and all(now[table] > before.get(table, 0) for table in now)

        wait_until(done, process)

    process = command_line.start(command)
    one_more_epoch(process)
    assert len(session_members(process.pid)) > 2
    process.kill()
    process.communicate(timeout=10)  # returns when no process holds the other end of the pipes
    assert all_end(process.pid)

    for stop in (
        lambda pid: os.killpg(pid, signal.SIGINT),  # Ctrl-C in a terminal
        lambda pid: os.kill(pid, signal.SIGTERM),  # `kill`, or a scheduler
    ):
        process = command_line.start(command)
        one_more_epoch(process)
        stop(process.pid)
        output, error = process.communicate(timeout=30)
        assert process.returncode == 130
        assert "done; rerun this command to resume from the last checkpoint" in output
        assert "Traceback" not in output + error
        states = [record.status["state"] for record in records(tmp_path)]
        assert states == ["interrupted", "interrupted"]
        assert all_end(process.pid)

    result = command_line.run(command)
    assert result.returncode == 0, result.stderr
    assert "2 jobs: 2 resumed" in result.stdout
    assert "all configurations, test set" in result.stdout
    assert "model=unet" in result.stdout
    assert "model=linknet" in result.stdout
    assert [record.status["attempts"] for record in records(tmp_path)] == [4, 4]
    assert {record.metrics["epochs"] for record in records(tmp_path)} == {25}


@pytest.mark.slow(seconds=14)
def test_a_killed_job_does_not_stop_others_and_is_retried(command_line, tmp_path):
    command = command_line.tiny(
        tmp_path, "trainer.max_epochs=4", "hydra.launcher.max_parallel=2", "-m"
    )
    process = command_line.start(command)
    wait_until(lambda: len(list(tmp_path.rglob("last.ckpt"))) == 2, process)
    os.kill(job_processes(process.pid)[0], signal.SIGKILL)  # as the OOM killer does
    output, error = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "2 jobs: 1 done, 1 failed" in output
    assert "the process exited with signal SIGKILL" in " ".join(output.split())
    assert "is missing, so there is no cross-validated score" in error
    assert sorted(record.status["state"] for record in records(tmp_path)) == ["done", "failed"]

    result = command_line.run(command)
    assert result.returncode == 0, result.stderr
    assert "2 jobs: 1 resumed, 1 skipped" in result.stdout


def is_importing(pid):
    """Return whether a process is the job server and holds SIGINT back, as it does from its start.

    The process that starts it holds the signal back for a moment as well.
    """
    try:
        command = Path(f"/proc/{pid}/cmdline").read_text()
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:  # it has just ended
        return False
    blocked = int(re.search(r"^SigBlk:\s*(\w+)$", status, re.MULTILINE)[1], 16)
    return "multiprocessing.forkserver" in command and bool(blocked >> (signal.SIGINT - 1) & 1)


@pytest.mark.slow(seconds=12)
def test_ctrl_c_during_imports_shuts_down_cleanly(uninterrupted, command_line, tmp_path):
    process = command_line.start_anew(command_line.tiny(tmp_path, "-m"))
    wait_until(lambda: any(map(is_importing, session_members(process.pid))), process)
    os.killpg(process.pid, signal.SIGINT)
    output, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert "done; no epoch was finished; rerun this command to start again" in output
    assert "Traceback" not in output + error
    assert all_end(process.pid)


@pytest.mark.slow(seconds=20)
def test_damaged_checkpoints_cost_epochs_but_not_the_run(uninterrupted, command_line, tmp_path):
    """The last checkpoint is truncated, then both are, then the best one is missing."""
    run = uninterrupted.folder
    copy = tmp_path / Path(*run.parts[-4:])
    shutil.copytree(run, copy)
    record = Record(copy)
    last, previous = (copy / "checkpoints" / name for name in ("last.ckpt", "previous.ckpt"))
    messages = ("resumes from", "starts again from the first epoch")
    for damaged, message in zip(([last], [last, previous]), messages, strict=True):
        record.set_state("interrupted")
        for path in damaged:
            os.truncate(path, 1000)
        result = command_line.run(command_line.tiny(tmp_path, *SCHEDULED))
        assert result.returncode == 0, result.stderr
        assert result.stdout.count("the checkpoint is damaged") == len(damaged)
        assert message in result.stdout
        assert_equal(record, uninterrupted)

    record.set_state("interrupted")
    record.best_checkpoint.unlink()
    result = command_line.run(command_line.tiny(tmp_path, *SCHEDULED))
    assert result.returncode == 0, result.stderr
    epochs = uninterrupted.metrics["epochs"]
    is_lost = uninterrupted.metrics["best_epoch"] < epochs
    assert ("best.ckpt is missing or damaged" in result.stdout) == is_lost
    assert record.metrics["best_epoch"] == epochs


FOREIGN = {
    "a network": lambda state: state["state_dict"].popitem(),
    "an optimizer": lambda state: state.update(optimizer_states=[5]),
    "a history": lambda state: state["callbacks"]["History"].update(rows=["first"]),
    "a parameter": lambda state: narrow(state["optimizer_states"][0]["state"][0]),
}
"""Changes of a checkpoint after which a part of it is that of another run."""


def narrow(state):
    state["exp_avg"] = state["exp_avg"][:1]


@pytest.mark.slow(seconds=3)
@pytest.mark.parametrize("exchange", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_state_that_does_not_fit_is_an_error_that_names_its_file(
    exchange, uninterrupted, command_line, tmp_path
):
    """Whatever the owner of that part of the state raises, or would raise in the first step."""
    copy = tmp_path / Path(*uninterrupted.folder.parts[-4:])
    shutil.copytree(uninterrupted.folder, copy)
    Record(copy).set_state("interrupted")
    last = copy / "checkpoints" / "last.ckpt"
    state = read_checkpoint(last.with_name("previous.ckpt"))  # with an epoch left to train
    exchange(state)
    write_checkpoint(last, state)
    result = command_line.run(command_line.tiny(tmp_path, *SCHEDULED))
    assert result.returncode == 1
    assert re.search(r"last\.ckpt does not fit this run: .+ \(\w+Error: ", result.stderr)
    assert "Traceback" not in result.stderr
    assert Record(copy).status["state"] == "failed"
