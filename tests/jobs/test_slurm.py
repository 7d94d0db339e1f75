"""Sweeps on a cluster: emulated by local processes, and on a real SLURM where available."""

import shutil
import signal
import subprocess

import pytest

from clothseg.error import ConfigError, DataError
from clothseg.jobs.slurm import Request
from support.command_line import all_end, records, slurm_answers, wait_until

RESOURCES = {
    "folder": "somewhere",
    "cpus_per_task": 2,
    "gpus_per_node": 0,
    "mem_gb": None,
    "timeout_min": 5,
    "max_timeouts": 0,
    "max_parallel": 2,
    "partition": None,
    "additional": {},
}


def queue():
    answer = subprocess.run(["squeue", "-h", "-r", "-o", "%i %t"], capture_output=True, text=True)
    return dict(line.split() for line in answer.stdout.splitlines())


def sweep(command_line, output, cluster, *overrides):
    arguments = command_line.tiny(output, f"hydra/launcher=submitit_{cluster}", *overrides)
    return [*arguments, "hydra.launcher.cpus_per_task=1", "-m"]


@pytest.mark.slow(seconds=56)
def test_local_processes_emulate_a_cluster(command_line, tmp_path):
    command = sweep(command_line, tmp_path, "local")
    ended = command_line.run(command)
    assert ended.returncode == 0, ended.stderr
    assert f"2 jobs for local; logs are in {tmp_path}/slurm" in ended.stdout
    assert "2 jobs: 2 done" in ended.stdout
    assert len(list((tmp_path / "slurm").glob("*_log.out"))) == 2
    logs = list((tmp_path / "slurm").iterdir())
    again = command_line.run(command)
    assert "2 jobs: 2 skipped" in again.stdout
    assert list((tmp_path / "slurm").iterdir()) == logs  # nothing was submitted


@pytest.mark.slow(seconds=28)
def test_ctrl_c_cancels_the_jobs(command_line, tmp_path):
    process = command_line.start(sweep(command_line, tmp_path, "local", "trainer.max_epochs=50"))
    wait_until(lambda: list(tmp_path.glob("**/last.ckpt")), process)
    process.send_signal(signal.SIGINT)
    output, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "rerun this command to resume" in output
    assert "Traceback" not in output + error
    assert all_end(process.pid, seconds=30)


@pytest.mark.slow
@pytest.mark.skipif(not slurm_answers(), reason="no SLURM with an idle node is available")
def test_rerunning_the_command_resumes_a_cancelled_slurm_job(command_line, tmp_path):
    """Cancelling one of two jobs during training does not affect the other."""
    command = sweep(command_line, tmp_path, "slurm", "trainer.max_epochs=20")
    process = command_line.start(command)
    wait_until(lambda: list(tmp_path.glob("**/fold-0/checkpoints/last.ckpt")), process)
    (first,) = [number for number in queue() if number.endswith("_0")]
    subprocess.run(["scancel", first], check=True)
    output, error = process.communicate(timeout=300)
    assert process.returncode == 130, output + error
    assert "fold 0  interrupted" in output
    assert "fold 1  done" in output
    states = {record.folder.name: record.status["state"] for record in records(tmp_path)}
    assert states == {"fold-0": "interrupted", "fold-1": "done"}
    again = command_line.run(command)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "1 skipped, 1 resumed" in again.stdout or "1 resumed, 1 skipped" in again.stdout
    assert "resumes from" in "".join(p.read_text() for p in tmp_path.glob("slurm/*_log.out"))


@pytest.mark.slow
@pytest.mark.skipif(not slurm_answers(), reason="no SLURM with an idle node is available")
def test_a_job_cancelled_in_the_queue_is_reported(command_line, tmp_path):
    command = sweep(command_line, tmp_path, "slurm", "hydra.launcher.max_parallel=1")
    process = command_line.start(command)
    wait_until(lambda: "R" in queue().values(), process)
    (second,) = [number for number in queue() if number.endswith("_1")]
    subprocess.run(["scancel", second], check=True)
    output, error = process.communicate(timeout=300)
    assert process.returncode == 1, output + error
    assert "was cancelled or killed" in output
    assert "1 done, 1 failed" in output
    assert "fold 1 of 2 is missing" in error
    assert command_line.run(command).returncode == 0


def test_missing_slurm_is_reported_with_an_alternative(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    request = Request(cluster="slurm", **RESOURCES | {"folder": str(tmp_path / "logs")})
    with pytest.raises(ConfigError, match=r"SLURM is not available here .*hydra/launcher=local"):
        request.executor()


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("sbatch") is None or slurm_answers(), reason="needs a SLURM that does not respond"
)
def test_an_unresponsive_slurm_is_reported(command_line, tmp_path):
    ended = command_line.run(sweep(command_line, tmp_path, "slurm"))
    assert ended.returncode == 1
    assert "SLURM rejected the jobs" in ended.stderr


def test_an_unwritable_log_folder_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    request = Request(cluster="local", **RESOURCES | {"folder": str(tmp_path / "file" / "logs")})
    with pytest.raises(DataError, match="file/logs cannot be written"):
        request.executor()


def test_a_job_gets_the_requested_resources():
    machine = Request(
        cluster="slurm", **RESOURCES | {"gpus_per_node": 2, "cpus_per_task": 8}
    ).machine
    assert (machine.cores, machine.gpus) == (8, ("0", "1"))
