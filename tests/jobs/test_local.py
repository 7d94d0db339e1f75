"""Jobs that run in parallel, and two commands that run the same sweep."""

import json
import threading
import time

import numpy as np
import pytest

from clothseg.config.run_config import RunConfig
from clothseg.files import write_json
from clothseg.jobs.ending import Done, Failure
from clothseg.jobs.inputs import Inputs
from clothseg.jobs.local import run_jobs
from clothseg.jobs.machine import Machine, Slot
from clothseg.run.job import Job
from clothseg.run.record import Record
from support.scores import run_metrics


def make_jobs(folder, count, world_size=1):
    trainer = {"accelerator": "cpu"}
    return [
        Job(
            "a model",
            folder / str(n),
            RunConfig({"split": {"fold": n, "folds": count}, "trainer": trainer, "rerun": False}),
            {},
            [],
            world_size,
        )
        for n in range(count)
    ]


def finish(job):
    """Write the record of a finished run."""
    record = Record(job.folder)
    record.begin({}, {}, [], "CPU")
    write_json(job.folder / "metrics.json", run_metrics())
    record.set_state("done")


class FakeProcesses:
    """Fake processes: a job waits until `parties` jobs are running."""

    def __init__(self, parties=1):
        self.barrier = threading.Barrier(parties)
        self.met = 0
        self.slots = []

    def run(self, work, world_size, slot):
        job = work.args[0]
        self.slots.append(slot)
        try:
            self.barrier.wait(timeout=1)
            self.met += 1
        except threading.BrokenBarrierError:
            pass
        return self.end(job)

    def end(self, job):
        finish(job)
        return Done("done")


@pytest.fixture
def processes(monkeypatch):
    """Replace the method that starts processes with a fake."""
    from clothseg.jobs.process import Processes

    def install(fake):
        # These jobs have no dataset.
        share_inputs = lambda jobs, inputs, begin: list(jobs)  # noqa: E731
        monkeypatch.setattr("clothseg.jobs.local.share_inputs", share_inputs)
        monkeypatch.setattr(Processes, "run", lambda _, *arguments: fake.run(*arguments))
        return fake

    return install


@pytest.mark.parametrize(("num_parallel", "num_jobs"), [(3, 6), (1, 3)])
def test_requested_number_of_jobs_runs_in_parallel(tmp_path, processes, num_parallel, num_jobs):
    fake = processes(FakeProcesses(parties=num_parallel))
    outcomes = run_jobs(make_jobs(tmp_path, num_jobs), Machine(2, ()), num_parallel, Inputs())
    assert fake.met == num_jobs
    assert [outcome.result for outcome in outcomes] == ["done"] * num_jobs
    assert [outcome.fold for outcome in outcomes] == list(range(num_jobs))


def test_finished_jobs_are_skipped(tmp_path, processes):
    jobs = make_jobs(tmp_path, 3)
    finish(jobs[1])
    fake = processes(FakeProcesses())
    results = [outcome.result for outcome in run_jobs(jobs, Machine(2, ()), 1, Inputs())]
    assert results == ["done", "skipped", "done"]
    assert len(fake.slots) == 2


def test_a_failed_job_does_not_stop_the_others(tmp_path, processes):
    class FailingFirst(FakeProcesses):
        def end(self, job):
            Record(job.folder).begin({}, {}, [], "CPU")
            if job.fold == 0:
                return Failure("failed", "ValueError: no", "Traceback: no\n")
            finish(job)
            return Done("done")

    processes(FailingFirst())
    outcomes = run_jobs(make_jobs(tmp_path, 3), Machine(2, ()), 1, Inputs())
    assert [outcome.result for outcome in outcomes] == ["failed", "done", "done"]
    assert outcomes[0].detail == "ValueError: no"
    assert (tmp_path / "0" / "log.txt").read_text() == "Traceback: no\n"
    assert Record(tmp_path / "0").status["state"] == "failed"
    assert Record(tmp_path / "0").status["error"] == "ValueError: no"


def test_jobs_of_another_command_are_postponed(tmp_path, processes):
    """The second attempt waits for the other command and finds its results."""
    attempts = []

    class RunElsewhere(FakeProcesses):
        def end(self, job):
            attempts.append((job.fold, job.wait))
            if job.fold == 0 and job.wait == 0:
                return Failure("elsewhere", "being trained by another process")
            finish(job)
            return Done("done")

    processes(RunElsewhere())
    outcomes = run_jobs(make_jobs(tmp_path, 3), Machine(2, ()), 1, Inputs())
    assert [outcome.result for outcome in outcomes] == ["done", "done", "done"]
    assert attempts == [(0, 0), (1, 0), (2, 0), (0, float("inf"))]


def test_a_claim_is_exclusive_and_is_released(tmp_path):
    from clothseg.error import ClaimedError

    record = Record(tmp_path)
    with record.claimed():
        start = time.monotonic()
        with (
            pytest.raises(ClaimedError, match="is being trained by another process"),
            record.claimed(),
        ):
            pass
        assert time.monotonic() - start < 2
    with record.claimed():
        pass


def test_gpus_are_assigned_round_robin_and_threads_are_divided():
    machine = Machine(8, ("5", "7"))
    assert machine.slots(3, 1, "auto") == [Slot(2, ("5",)), Slot(2, ("7",)), Slot(2, ("5",))]
    assert machine.slots(None, 1, "auto") == [Slot(4, ("5",)), Slot(4, ("7",))]
    assert machine.slots(None, 2, "auto") == [Slot(4, ("5", "7"))]
    assert machine.slots(None, 1, "cpu") == [Slot(2)] * 3
    assert machine.slots(None, 2, "cpu") == [Slot(4)]


@pytest.mark.slow(seconds=20)
def test_two_commands_share_a_sweep_and_both_show_its_table(command_line, tmp_path):
    command = [
        *command_line.tiny(tmp_path, "trainer.max_epochs=3", "hydra.launcher.max_parallel=1"),
        "-m",
    ]
    commands = [command_line.start(command) for _ in range(2)]
    outputs = [process.communicate(timeout=300) for process in commands]
    for process, (output, error) in zip(commands, outputs, strict=True):
        assert process.returncode == 0, output + error
        assert "mean ± standard deviation over 2 folds" in output
    combined = "".join(output for output, _ in outputs)
    for fold in (0, 1):
        assert combined.count(f"fold {fold}  epoch 3/3") == 1
        (record,) = [
            Record(path.parent) for path in tmp_path.glob(f"*/*/*/fold-{fold}/config.yaml")
        ]
        assert record.status == {"state": "done", "attempts": 1, "error": None}


@pytest.mark.slow(seconds=8)
def test_duplicate_runs_of_a_sweep_run_and_count_once(command_line, tmp_path):
    result = command_line.run(command_line.tiny(tmp_path, "data.workers=1,0", "-m"))
    assert result.returncode == 0, result.stderr
    assert (
        "data.workers=0 fold 0 is the same run as data.workers=1 fold 0; it runs only once"
        in result.stdout
    )
    assert "2 jobs: 2 done" in result.stdout
    (summary,) = tmp_path.rglob("summary.json")
    content = json.loads(summary.read_text())
    assert content["folds"] == 2
    assert np.sum(content["confusion_matrix"]) == 16 * 32 * 32
