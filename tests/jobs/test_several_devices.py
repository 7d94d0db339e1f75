"""Several devices from the command line: runs, sweeps, evaluation and killed processes."""

import itertools
import json
import os
import shutil
import signal
import time

import pytest
import torch

from clothseg.metric.names import COSTLY
from clothseg.run.record import Record
from support.command_line import all_end, files, job_processes, records, wait_until

TWO = ("trainer=ddp_cpu", "trainer.devices=2", "trainer.threads=1", "split.validation=0.4")

WAIT = 6.0
"""Seconds in which both processes of a run arrive where they wait for a claim."""


def ddp(command_line, output, *overrides):
    """Arguments of a tiny training with two processes and nine test images."""
    sizes = ("dataset.num_images=18", "trainer.max_epochs=3")
    arguments = command_line.tiny(output, *sizes, *TWO, *overrides)
    return [a for a in arguments if a != "trainer=cpu"]


def weights(record, name="best.ckpt"):
    path = record.folder / "checkpoints" / name
    return torch.load(path, weights_only=True)["state_dict"]


@pytest.fixture(scope="module")
def swept(command_line, tmp_path_factory):
    """Finished cross-validation with two processes: output folder and result of the command."""
    output = tmp_path_factory.mktemp("swept")
    return output, command_line.run_apart([*ddp(command_line, output), "-m"])


@pytest.mark.slow(seconds=25)
def test_a_sweep_with_two_processes_writes_one_record_per_fold(swept, command_line, tmp_path):
    output, ended = swept
    assert ended.returncode == 0, ended.stderr
    assert "2 jobs: 2 done" in ended.stdout
    assert ended.stdout.count("epoch 3/3") == 2  # only rank 0 prints
    folds = records(output)
    assert [record.folder.name for record in folds] == ["fold-0", "fold-1"]
    for record in folds:
        assert record.status["state"] == "done"
        assert record.environment["device"].startswith("2 x CPU")
        assert record.metrics["test"]["num_images"] == 9

    # A deleted file is written again by one of them.
    table = folds[0].folder / "per_class.csv"
    before = files(output)
    content = table.read_text()
    table.unlink()
    ended = command_line.run([*ddp(command_line, output), "-m"])
    assert f"{table.name} missing or damaged: written again" in ended.stdout
    assert files(output).keys() == before.keys()
    assert table.read_text() == content
    before = files(output)
    again = command_line.run([*ddp(command_line, output), "-m"])
    assert "2 jobs: 2 skipped" in again.stdout
    assert files(output) == before

    # Two processes scored this checkpoint after training; one and three score it again.
    cards = {}
    for tta, devices in itertools.product(("none", "flip"), (1, 3)):
        written = tmp_path / f"{tta}-{devices}.json"
        run = [*command_line.evaluate, f"run={folds[0].folder}", f"devices={devices}", f"tta={tta}"]
        ended = command_line.run([*run, f"output={written}"])
        assert ended.returncode == 0, ended.stderr
        cards[tta, devices] = json.loads(written.read_text())
    assert cards["none", 1] == cards["none", 3] == folds[0].metrics["test"]
    assert cards["flip", 1] == cards["flip", 3] != cards["none", 1]

    # Two processes validated the best epoch; one scores it again.
    written = tmp_path / "validation.json"
    run = [*command_line.evaluate, f"run={folds[0].folder}", "subset=validation"]
    ended = command_line.run([*run, f"output={written}"])
    assert ended.returncode == 0, ended.stderr
    card = json.loads(written.read_text())
    for scores in (card["mean"], *card["per_class"]):  # not computed in validation
        scores |= dict.fromkeys(COSTLY)
    assert card == folds[0].metrics["validation"]


@pytest.mark.slow(seconds=30)
def test_a_killed_process_ends_the_run_which_can_be_resumed(swept, command_line, tmp_path):
    command = ddp(command_line, tmp_path)
    process = command_line.start(command)
    wait_until(lambda: list(tmp_path.glob("**/last.ckpt")), process)
    # Rank 0 holds the claim; kill the other process, as the out-of-memory killer would.
    (claim,) = tmp_path.glob("**/.claim")
    holder = claim.read_text()
    others = [p for p in job_processes(process.pid) if f"pid={p}\n" not in holder]
    os.kill(others[0], signal.SIGKILL)
    output, error = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "process 1: the process exited with signal SIGKILL" in output + error
    assert "Traceback" not in output + error
    assert all_end(process.pid)
    (record,) = records(tmp_path)
    assert record.status["state"] == "failed"
    assert "SIGKILL" in record.status["error"]

    # Another command, which has stopped by now, has written the checkpoint while this one waited.
    checkpoints, aside = record.folder / "checkpoints", tmp_path / "aside"
    checkpoints.rename(aside)
    with Record(record.folder).claimed():
        process = command_line.start(command)
        wait_until(lambda: len(job_processes(process.pid)) >= 2, process)
        time.sleep(WAIT)
        shutil.rmtree(checkpoints, ignore_errors=True)
        aside.rename(checkpoints)
    output, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert "resumes from" in output
    undisturbed, _ = records(swept[0])
    for name, tensor in weights(undisturbed).items():
        assert torch.equal(tensor, weights(record)[name]), name


@pytest.mark.slow(seconds=10)
def test_ctrl_c_stops_two_processes_cleanly(command_line, tmp_path):
    process = command_line.start(ddp(command_line, tmp_path, "trainer.max_epochs=50"))
    wait_until(lambda: list(tmp_path.glob("**/last.ckpt")), process)
    os.killpg(process.pid, signal.SIGINT)
    output, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "rerun this command to resume from the last checkpoint" in output
    assert "Traceback" not in output + error
    assert all_end(process.pid)
    (record,) = records(tmp_path)
    assert record.status["state"] == "interrupted"


@pytest.mark.slow(seconds=1)
@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["trainer=gpu"], "trainer.accelerator=gpu: no CUDA GPU is available"),
        (["trainer=ddp"], "NCCL needs one; use trainer=cpu for the CPU, or trainer=ddp_cpu"),
        (
            ["trainer=ddp_cpu", "trainer.devices=3"],
            "data.batch_size=4 cannot be divided evenly among 3 processes (trainer.devices) with "
            "at least 1 image in each; allowed: 3, 6, 9",
        ),
        (
            ["trainer.accumulation_steps=3"],
            "divided evenly among 3 micro-batches (trainer.accumulation_steps)",
        ),
        (
            ["trainer=ddp_cpu", "trainer.sync_batchnorm=true"],
            "PyTorch supports it on CUDA GPUs only",
        ),
        (["trainer.gradient_clip_norm=0"], "trainer.gradient_clip_norm=0: "),
        (["trainer=cpu", "trainer.precision=16"], "precision=16: not supported on the CPU"),
        (["hydra/launcher=loca", "-m"], "did you mean `local`?"),
        (["hydra.launcher.max_parallel=0", "-m"], "hydra.launcher.max_parallel=0: must be greater"),
        (["hydra.launcher.max_paralel=2", "-m"], "did you mean `max_parallel`?"),
        (
            ["hydra/launcher=submitit_slurm", "hydra.launcher.gpus_per_node=two", "-m"],
            "gpus_per_node",
        ),
    ],
)
def test_invalid_settings_are_reported_before_anything_is_written(
    command_line, tmp_path, overrides, message
):
    ended = command_line.run(
        ["train.py", *overrides, f"output={tmp_path}/o"], CUDA_VISIBLE_DEVICES=""
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: ")
    assert message in ended.stderr
    assert not list(tmp_path.iterdir())
