"""Processes that work together: one result, one cause when something goes wrong, no survivors."""

import os
import signal
import time
from multiprocessing.context import ForkServerProcess

import pytest

from clothseg.error import DataError
from clothseg.jobs.ending import Done, Failure, attempt
from clothseg.jobs.machine import Slot
from clothseg.jobs.process import Processes


def name_and_place(rank):
    return rank, os.environ["LOCAL_RANK"], os.environ["WORLD_SIZE"], os.getpid()


def one_is_killed(rank):
    if rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def one_is_wrong(rank):
    if rank == 1:
        raise DataError("a.png: the photo is truncated")
    time.sleep(60)


def one_breaks(rank):
    """The other waits for it in a collective, which ends with an error of its own."""
    import torch.distributed as dist

    dist.init_process_group("gloo", rank=rank, world_size=2)
    if rank == 1:
        raise ValueError("no such thing")
    dist.barrier()


def run(work, world_size=2):
    return Processes().run(work, world_size, Slot(1))


@pytest.mark.slow(seconds=3)
def test_the_first_process_answers_for_all():
    ending = run(name_and_place, 3)
    assert ending.value[:3] == (0, "0", "3")
    assert ending.value[3] != os.getpid()


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (one_is_killed, "process 1: the process ended with signal SIGKILL; too little memory"),
        (one_is_wrong, "process 1: a.png: the photo is truncated"),
        (one_breaks, "process 1: ValueError: no such thing"),
    ],
)
@pytest.mark.slow(seconds=3)
def test_the_cause_is_told_and_nobody_waits_for_ever(work, message):
    start = time.monotonic()
    ending = run(work)
    assert isinstance(ending, Failure)
    assert ending.result == "failed"
    assert ending.detail.startswith(message)
    assert time.monotonic() - start < 40  # with the start of the server that they are forked from


@pytest.mark.slow(seconds=3)
def test_a_process_that_cannot_be_started_takes_the_others_with_it(monkeypatch):
    start, started = ForkServerProcess.start, []

    def fails_later(process):
        if started:
            raise EOFError("unexpected EOF")
        started.append(process)
        start(process)

    monkeypatch.setattr(ForkServerProcess, "start", fails_later)
    ending = run(one_is_wrong)
    assert ending == Failure("failed", "no process could be started (EOFError('unexpected EOF'))")
    assert not started[0].is_alive()


def test_stopped_processes_end_and_no_more_are_started():
    processes = Processes()
    processes.stop()
    assert processes.run(name_and_place, 1, Slot(1)) == Failure("interrupted")


def test_work_in_this_process_never_raises():
    def stopped():
        raise KeyboardInterrupt

    def broken():
        raise ValueError("first line\nsecond line")

    assert attempt(lambda: 3) == Done(3)
    assert attempt(stopped) == Failure("interrupted")
    failure = attempt(broken)
    assert failure.detail == "ValueError: first line"
    assert "Traceback" in failure.trace
