"""Jobs that run at the same time."""

import threading

import pytest

from clothseg.outcome import Outcome
from clothseg.sweep import Pool, visible_gpus


class Work:
    """A job that stays until `together` jobs are under way, or gives up after a second."""

    def __init__(self, together: int) -> None:
        self.barrier = threading.Barrier(together)
        self.met = 0
        self.running = 0
        self.most = 0

    def __call__(self, execute) -> Outcome:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            self.barrier.wait(timeout=1)
            self.met += 1
        except threading.BrokenBarrierError:
            pass
        self.running -= 1
        return Outcome("job", "done", "")


def test_as_many_jobs_as_wished_run_together():
    work = Work(together=3)
    outcomes = {}
    with Pool(3, "cpu") as pool:
        for number in range(6):
            pool.submit(work, outcomes, number)
    assert (work.met, work.most) == (6, 3)
    assert sorted(outcomes) == list(range(6))


def test_one_after_the_other():
    work = Work(together=1)
    with Pool(1, "cpu") as pool:
        for number in range(3):
            pool.submit(work, {}, number)
    assert (work.met, work.most) == (3, 1)


def test_what_has_not_begun_never_begins_after_a_stop():
    begun, ended = threading.Event(), threading.Event()
    outcomes = {}

    def work(execute):
        begun.set()
        ended.wait(timeout=5)
        return Outcome("job", "interrupted", "")

    def stop():
        with Pool(1, "cpu") as pool:
            for number in range(3):
                pool.submit(work, outcomes, number)
            begun.wait(timeout=5)
            ended.set()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert list(outcomes) == [0]


def test_a_job_that_breaks_the_pool_itself_is_told():
    def work(execute):
        raise OSError("no space left on device")

    def run():
        with Pool(2, "cpu") as pool:
            pool.submit(work, {}, 0)

    with pytest.raises(OSError, match="no space left"):
        run()


@pytest.mark.parametrize(
    ("visible", "gpus"), [("0,2", ["0", "2"]), ("", []), ("-1", []), ("GPU-a1", ["GPU-a1"])]
)
def test_gpus_are_those_that_the_environment_leaves(visible, gpus, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert visible_gpus() == gpus


def test_gpus_are_given_in_turn_and_threads_are_shared(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    monkeypatch.setattr("clothseg.sweep.usable_cores", lambda: 8)
    assert [(p.gpu, p.threads) for p in Pool(3, "auto").places] == [("5", 2), ("7", 2), ("5", 2)]
    assert [(p.gpu, p.threads) for p in Pool(None, "auto").places] == [("5", 4), ("7", 4)]
    assert [(p.gpu, p.threads) for p in Pool(None, "cpu").places] == [(None, 2)] * 3
