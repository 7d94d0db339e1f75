"""Runs that are cut off: by a kill, by Ctrl-C, by a scheduler; and the same command afterwards."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch

from clothseg.run.record import Record
from support.command_line import all_end, job_processes, records, session_members, wait_until

SCHEDULED = [
    *("scheduler=plateau", "scheduler.patience=1", "optimizer.lr=1e-2"),
    *("callbacks=early_stopping", "callbacks.early_stopping.patience=3"),
    *("trainer.max_epochs=6", "augmentation=light"),
    *("trainer.ema_decay=0.9", "data.sampling=class_balanced", "loss=weighted_cross_entropy"),
]


def epochs_of_each(output):
    """Number of finished epochs of every record, by the path of its table."""
    tables = output.rglob("history.csv")
    return {table: len(table.read_text().splitlines()) - 1 for table in tables}


def epochs_done(output):
    """Number of finished epochs that all records hold together."""
    return sum(epochs_of_each(output).values())


def changed(path):
    return path.stat().st_mtime_ns


def cut_off(process, condition):
    """Kill a command, and what it started, without a warning."""
    wait_until(condition, process)
    process.kill()
    process.communicate(timeout=10)


@pytest.fixture(scope="module")
def undisturbed(command_line, tmp_path_factory):
    output = tmp_path_factory.mktemp("undisturbed")
    said = command_line.run(command_line.tiny(output, *SCHEDULED))
    assert said.returncode == 0, said.stderr
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
    for key in ("test", "best_epoch", "epochs", "division"):
        assert record.metrics[key] == other.metrics[key]
    rows = [(r.folder / "history.csv").read_text().splitlines() for r in (record, other)]
    epochs = [[row.split(",") for row in table] for table in rows]
    seconds = epochs[0][0].index("seconds")
    for a, b in zip(*epochs, strict=True):
        assert a[:seconds] + a[seconds + 1 :] == b[:seconds] + b[seconds + 1 :]


@pytest.mark.slow(seconds=14)
@pytest.mark.parametrize("workers", [0, 2])
def test_a_killed_run_goes_on_to_the_weights_it_would_have_had(
    workers, undisturbed, command_line, tmp_path
):
    command = command_line.tiny(tmp_path, *SCHEDULED, f"data.workers={workers}")
    last = undisturbed.metrics["epochs"]
    cut_off(command_line.start(command), lambda: epochs_done(tmp_path) >= 2)
    (record,) = records(tmp_path)
    assert record.status == {"state": "running", "attempts": 1, "error": None}
    assert 2 <= epochs_done(tmp_path) < last
    kills = 1

    if workers == 0:  # killed once more, between its last epoch and the test
        table, checkpoint = record.folder / "history.csv", record.last_checkpoint
        cut_off(
            command_line.start(command),
            lambda: epochs_done(tmp_path) == last and changed(checkpoint) > changed(table),
        )
        assert not (record.folder / "metrics.json").exists()
        kills = 2

    said = command_line.run(command)
    assert said.returncode == 0, said.stderr
    assert "goes on from" in said.stdout
    assert ("epoch " in said.stdout) == (kills == 1)
    assert "epoch 1/" not in said.stdout
    assert record.status == {"state": "done", "attempts": kills + 1, "error": None}
    assert_equal(record, undisturbed)


@pytest.mark.slow(seconds=35)
def test_a_stopped_sweep_ends_in_order_and_goes_on(command_line, tmp_path):
    """Two jobs at a time, stopped in three ways; then the same command completes them."""
    command = command_line.tiny(
        tmp_path, "trainer.max_epochs=12", "split=holdout", "hydra.launcher.max_parallel=2", "-m"
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
    process.communicate(timeout=10)  # ends when no process holds the other end of its pipes
    assert all_end(process.pid)

    for stop in (
        lambda pid: os.killpg(pid, signal.SIGINT),  # Ctrl-C in a terminal
        lambda pid: os.kill(pid, signal.SIGTERM),  # `kill`, or a scheduler that stops a job
    ):
        process = command_line.start(command)
        one_more_epoch(process)
        stop(process.pid)
        output, error = process.communicate(timeout=30)
        assert process.returncode == 130
        assert "stopped; finished epochs are kept: the same command goes on from there" in output
        assert "Traceback" not in output + error
        states = [record.status["state"] for record in records(tmp_path)]
        assert states == ["interrupted", "interrupted"]
        assert all_end(process.pid)

    said = command_line.run(command)
    assert said.returncode == 0, said.stderr
    assert "2 jobs: 2 resumed" in said.stdout
    assert "all configurations, test part" in said.stdout
    assert "model=unet" in said.stdout
    assert "model=linknet" in said.stdout
    assert [record.status["attempts"] for record in records(tmp_path)] == [4, 4]
    assert {record.metrics["epochs"] for record in records(tmp_path)} == {12}


@pytest.mark.slow(seconds=14)
def test_a_job_that_is_killed_stops_no_other_and_is_tried_again(command_line, tmp_path):
    command = command_line.tiny(
        tmp_path, "trainer.max_epochs=4", "hydra.launcher.max_parallel=2", "-m"
    )
    process = command_line.start(command)
    wait_until(lambda: len(list(tmp_path.rglob("last.ckpt"))) == 2, process)
    os.kill(job_processes(process.pid)[0], signal.SIGKILL)  # as when memory runs out
    output, error = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "2 jobs: 1 done, 1 failed" in output
    assert "the process ended with signal SIGKILL" in " ".join(output.split())
    assert "is missing; there is no cross-validated score" in error
    assert sorted(record.status["state"] for record in records(tmp_path)) == ["done", "failed"]

    said = command_line.run(command)
    assert said.returncode == 0, said.stderr
    assert "2 jobs: 1 resumed, 1 skipped" in said.stdout


@pytest.mark.slow(seconds=12)
def test_ctrl_c_while_the_libraries_are_loaded_ends_in_order(undisturbed, command_line, tmp_path):
    process = command_line.start_anew(command_line.tiny(tmp_path, "-m"))
    wait_until(lambda: len(session_members(process.pid)) > 2, process)
    time.sleep(0.3)  # for Python itself to start in the server of the jobs
    os.killpg(process.pid, signal.SIGINT)
    output, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert "stopped; no epoch was finished: the same command goes on from there" in output
    assert "Traceback" not in output + error
    assert all_end(process.pid)


@pytest.mark.slow(seconds=12)
def test_a_checkpoint_that_was_cut_is_named(undisturbed, command_line, tmp_path):
    run = undisturbed.folder
    copy = tmp_path / Path(*run.parts[-4:])
    shutil.copytree(run, copy)
    record = Record(copy)
    record.set_state("interrupted")
    os.truncate(copy / "checkpoints" / "last.ckpt", 1000)
    said = command_line.run(command_line.tiny(tmp_path, *SCHEDULED))
    assert said.returncode == 1
    assert "last.ckpt is damaged; delete it, and the same command trains from the" in said.stderr
    (copy / "checkpoints" / "last.ckpt").unlink()
    said = command_line.run(command_line.tiny(tmp_path, *SCHEDULED))
    assert said.returncode == 0, said.stderr
    assert_equal(record, undisturbed)
