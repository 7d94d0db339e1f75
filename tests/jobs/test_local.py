"""Jobs that run at the same time, and what a second starter of the same sweep finds."""

import json
import threading
import time

import numpy as np
import pytest

from clothseg.files import write_json
from clothseg.jobs.ending import Done, Failure
from clothseg.jobs.local import run_jobs
from clothseg.jobs.machine import Machine, Slot
from clothseg.run.job import Job
from clothseg.run.record import Record


def jobs(folder, count, world_size=1):
    trainer = {"accelerator": "cpu"}
    return [
        Job(
            "a model",
            folder / str(n),
            {"split": {"fold": n, "folds": count}, "trainer": trainer, "rerun": False},
            {},
            [],
            world_size,
        )
        for n in range(count)
    ]


def finish(job):
    """Leave what a run leaves that has come to its end."""
    record = Record(job.folder)
    record.begin({}, {}, [], "CPU")
    write_json(job.folder / "metrics.json", {"test": {"mean": {"iou": 0.5, "f1": 0.6}}})
    record.set_state("done")


class Fake:
    """Stands in for the processes: a job stays until `together` of them are under way."""

    def __init__(self, together=1):
        self.barrier = threading.Barrier(together)
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
        return Done()


@pytest.fixture
def processes(monkeypatch):
    """Put a stand-in where the processes are started."""
    from clothseg.jobs.process import Processes

    def put(fake):
        monkeypatch.setattr(Processes, "run", lambda _, *arguments: fake.run(*arguments))
        return fake

    return put


@pytest.mark.parametrize(("at_once", "jobs_count"), [(3, 6), (1, 3)])
def test_as_many_jobs_as_wished_run_together(tmp_path, processes, at_once, jobs_count):
    fake = processes(Fake(together=at_once))
    outcomes = run_jobs(jobs(tmp_path, jobs_count), Machine(2, ()), at_once)
    assert fake.met == jobs_count
    assert [outcome.result for outcome in outcomes] == ["done"] * jobs_count
    assert [outcome.fold for outcome in outcomes] == list(range(jobs_count))


def test_what_is_done_is_not_done_again(tmp_path, processes):
    todo = jobs(tmp_path, 3)
    finish(todo[1])
    fake = processes(Fake())
    results = [outcome.result for outcome in run_jobs(todo, Machine(2, ()), 1)]
    assert results == ["done", "skipped", "done"]
    assert len(fake.slots) == 2


def test_a_job_that_fails_does_not_stop_the_others(tmp_path, processes):
    class OneFails(Fake):
        def end(self, job):
            Record(job.folder).begin({}, {}, [], "CPU")
            if job.fold == 0:
                return Failure("failed", "ValueError: no", "Traceback: no\n")
            finish(job)
            return Done()

    processes(OneFails())
    outcomes = run_jobs(jobs(tmp_path, 3), Machine(2, ()), 1)
    assert [outcome.result for outcome in outcomes] == ["failed", "done", "done"]
    assert outcomes[0].detail == "ValueError: no"
    assert (tmp_path / "0" / "log.txt").read_text() == "Traceback: no\n"
    assert Record(tmp_path / "0").status["state"] == "failed"
    assert Record(tmp_path / "0").status["error"] == "ValueError: no"


def test_what_another_starter_does_is_left_for_the_end(tmp_path, processes):
    """The second look waits, and finds what the other one has finished."""
    order = []

    class Elsewhere(Fake):
        def end(self, job):
            order.append((job.fold, job.wait))
            if job.fold == 0 and job.wait == 0:
                return Failure("elsewhere", "being trained by another process")
            finish(job)
            return Done()

    processes(Elsewhere())
    outcomes = run_jobs(jobs(tmp_path, 3), Machine(2, ()), 1)
    assert [outcome.result for outcome in outcomes] == ["done", "done", "done"]
    assert order == [(0, 0), (1, 0), (2, 0), (0, float("inf"))]


def test_a_claim_is_not_shared_and_does_not_outlive_its_process(tmp_path):
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


def test_gpus_are_given_in_turn_and_threads_are_shared():
    machine = Machine(8, ("5", "7"))
    assert machine.slots(3, 1, "auto") == [Slot(2, ("5",)), Slot(2, ("7",)), Slot(2, ("5",))]
    assert machine.slots(None, 1, "auto") == [Slot(4, ("5",)), Slot(4, ("7",))]
    assert machine.slots(None, 2, "auto") == [Slot(4, ("5", "7"))]
    assert machine.slots(None, 1, "cpu") == [Slot(2)] * 3
    assert machine.slots(None, 2, "cpu") == [Slot(4)]


@pytest.mark.slow(seconds=20)
def test_two_starters_share_a_sweep_and_both_end_with_its_table(command_line, tmp_path):
    command = [
        *command_line.tiny(tmp_path, "trainer.max_epochs=3", "hydra.launcher.max_parallel=1"),
        "-m",
    ]
    starters = [command_line.start(command) for _ in range(2)]
    ends = [starter.communicate(timeout=300) for starter in starters]
    for starter, (output, error) in zip(starters, ends, strict=True):
        assert starter.returncode == 0, output + error
        assert "mean ± standard deviation over 2 folds" in output
    trained = "".join(output for output, _ in ends)
    for fold in (0, 1):
        assert trained.count(f"fold {fold}  epoch 3/3") == 1
        (record,) = [
            Record(path.parent) for path in tmp_path.glob(f"*/*/*/fold-{fold}/config.yaml")
        ]
        assert record.status == {"state": "done", "attempts": 1, "error": None}


@pytest.mark.slow(seconds=8)
def test_a_run_that_a_sweep_names_twice_is_done_and_counted_once(command_line, tmp_path):
    said = command_line.run(command_line.tiny(tmp_path, "data.workers=0,1", "-m"))
    assert said.returncode == 0, said.stderr
    assert "data.workers=1 fold 0 is the same run as data.workers=0 fold 0" in said.stdout
    assert "2 jobs: 2 done" in said.stdout
    (summary,) = tmp_path.rglob("summary.json")
    content = json.loads(summary.read_text())
    assert content["folds"] == 2
    assert np.sum(content["confusion_matrix"]) == 16 * 32 * 32
