"""Processes of a run: one result, one cause of failure, no orphans."""

import os
import signal
import time
from multiprocessing.context import ForkServerProcess

import pytest

from clothseg.error import DataError
from clothseg.jobs.ending import Done, Failure, attempt
from clothseg.jobs.machine import Slot
from clothseg.jobs.process import Processes


def rank_and_environment(member):
    return member.rank, os.environ["LOCAL_RANK"], os.environ["WORLD_SIZE"], os.getpid()


def kill_rank_1(member):
    if member.rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def raise_data_error_on_rank_1(member):
    if member.rank == 1:
        raise DataError("a.png: the image is truncated")
    time.sleep(60)


def raise_in_collective_on_rank_1(member):
    """The other process waits in a collective, which then raises its own error."""
    import torch.distributed as dist

    dist.init_process_group("gloo", rank=member.rank, world_size=2)
    if member.rank == 1:
        raise ValueError("no such thing")
    dist.barrier()


def follow_rank_0(member):
    """Rank 0 decides after a while, and returns what each of the others was told."""
    if member.rank == 0:
        time.sleep(1)
        member.lead(["resume", "last.ckpt"])
        return [peer.recv() for peer in member.peers]
    member.peers[0].send((member.rank, member.follow()))
    return None


def leave_the_others_without_a_decision(member):
    if member.rank == 0:
        raise DataError("no space left on the device")
    return "skipped" if member.follow() is None else "trained"


def run(work, world_size=2):
    return Processes().run(work, world_size, Slot(1))


@pytest.mark.slow(seconds=3)
def test_the_result_is_that_of_rank_0():
    ending = run(rank_and_environment, 3)
    assert ending.value[:3] == (0, "0", "3")
    assert ending.value[3] != os.getpid()


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (
            kill_rank_1,
            "process 1: the process exited with signal SIGKILL; the usual cause is too little",
        ),
        (raise_data_error_on_rank_1, "process 1: a.png: the image is truncated"),
        (raise_in_collective_on_rank_1, "process 1: ValueError: no such thing"),
    ],
)
@pytest.mark.slow(seconds=3)
def test_the_root_cause_is_reported_without_a_deadlock(work, message):
    start = time.monotonic()
    ending = run(work)
    assert isinstance(ending, Failure)
    assert ending.result == "failed"
    assert ending.detail.startswith(message)
    assert time.monotonic() - start < 40  # includes the start of the fork server


@pytest.mark.slow(seconds=3)
def test_all_processes_follow_the_decision_of_rank_0():
    assert run(follow_rank_0, 3).value == [(rank, ["resume", "last.ckpt"]) for rank in (1, 2)]


@pytest.mark.slow(seconds=3)
def test_an_error_of_rank_0_before_its_decision_is_the_only_one_reported():
    start = time.monotonic()
    assert run(leave_the_others_without_a_decision, 3) == Failure(
        "failed", "no space left on the device"
    )
    assert time.monotonic() - start < 40  # nothing is waited for


@pytest.mark.slow(seconds=3)
def test_a_process_that_cannot_be_started_ends_the_others(monkeypatch):
    start, started = ForkServerProcess.start, []

    def fail_second_start(process):
        if started:
            raise EOFError("unexpected EOF")
        started.append(process)
        start(process)

    monkeypatch.setattr(ForkServerProcess, "start", fail_second_start)
    ending = run(raise_data_error_on_rank_1)
    assert ending == Failure("failed", "process could not be started (EOFError('unexpected EOF'))")
    assert not started[0].is_alive()


def test_no_process_is_started_after_stop():
    processes = Processes()
    processes.stop()
    assert processes.run(rank_and_environment, 1, Slot(1)) == Failure("interrupted")


def test_attempt_never_raises():
    def interrupted_work():
        raise KeyboardInterrupt

    def failing_work():
        raise ValueError("first line\nsecond line")

    assert attempt(lambda: 3) == Done(3)
    assert attempt(interrupted_work) == Failure("interrupted")
    failure = attempt(failing_work)
    assert failure.detail == "ValueError: first line"
    assert "Traceback" in failure.trace
