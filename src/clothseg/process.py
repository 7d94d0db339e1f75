"""The process that does one run: this one, or one of its own that ends with this one.

A process of its own gives a job clean memory, and Lightning's launcher and Hydra's `-m` cannot
share one command line. The processes are forked from a server that has the libraries loaded.
"""

import contextlib
import math
import multiprocessing
import os
import signal
import threading
import time
import traceback
from dataclasses import dataclass
from functools import cache
from multiprocessing import connection, forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from types import FrameType
from typing import Any, Literal, cast

from clothseg.error import UserError
from clothseg.job import Job
from clothseg.record import Record
from clothseg.report.progress import Receiver, Sender, show_on

TIME_TO_END = 3.0
"""Seconds after a signal in which others are taken for the same."""


@dataclass(frozen=True)
class Failure:
    """Why a run did not come to its end.

    Args:
        result: `interrupted` by Ctrl-C or by a scheduler, or `failed`.
        detail: the error.
        log: where the traceback of an unexpected error is.
    """

    result: Literal["failed", "interrupted"]
    detail: str = ""
    log: str | None = None


@dataclass(frozen=True)
class Place:
    """What a process of its own may use.

    Args:
        threads: CPU threads of PyTorch, unless the configuration names a number.
        gpu: the GPU that it sees; None leaves it all that there are.
    """

    threads: int
    gpu: str | None


def prepare() -> None:
    """Begin to load the libraries of the job processes, which takes seconds, beside other work."""
    _server()
    forkserver.ensure_running()


def execute_here(job: Job) -> Failure | None:
    """Run in this process; returns what went wrong."""
    try:
        from clothseg.run import execute  # imports torch

        execute(job)
    except KeyboardInterrupt:
        return Failure("interrupted")
    except UserError as error:
        return Failure("failed", str(error))
    except Exception as error:
        return _unexpected(job, error)
    return None


class Processes:
    """The job processes that this one has started; they can be started from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stopped = False
        self._running: set[ForkServerProcess] = set()

    def execute(self, job: Job, place: Place) -> Failure | None:
        """Run in a process of its own; returns what went wrong."""
        receiver, sender = _server().Pipe(duplex=False)
        process = _server().Process(target=_child, args=(job, place, sender))
        with self._lock:
            if self._stopped:
                return Failure("interrupted")
            process.start()
            self._running.add(process)
        sender.close()
        with receiver:
            failure = self._follow(job, process, receiver)
        process.join()
        with self._lock:
            self._running.remove(process)
        return failure

    def stop(self) -> None:
        """Have all of them end in order, as Ctrl-C does, and start no more."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                    os.kill(cast(int, process.pid), signal.SIGINT)

    def _follow(
        self, job: Job, process: ForkServerProcess, receiver: "connection.Connection[Any, Any]"
    ) -> Failure | None:
        """Show what a process has to show, until it says how it ended."""
        screen = Receiver()
        try:
            while isinstance(message := receiver.recv(), tuple):
                screen.show(message)
            ended: Failure | None = message
            return ended
        except EOFError:
            process.join()
            return _sudden_end(job, process.exitcode or 0)
        finally:
            screen.close()


def _child(job: Job, place: Place, sender: Any) -> None:
    """Body of a job's process."""
    _end_with_parent()
    _stop_once()
    if place.gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = place.gpu
    import torch

    torch.set_num_threads(place.threads)
    show_on(Sender(sender.send))
    sender.send(execute_here(job))


def _stop_once() -> None:
    """Have SIGINT or SIGTERM raise KeyboardInterrupt, and no other that follows disturb the end.

    Ctrl-C in a terminal sends the first, and the parent that heard it as well sends the second.
    One that comes later is a person who insists.
    """
    last = -math.inf

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal last
        if time.monotonic() - last > TIME_TO_END:
            last = time.monotonic()
            # Lightning puts a handler before this one that logs, while the end is being logged.
            signal.signal(signal.SIGTERM, stop)
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)


def _sudden_end(job: Job, exit_code: int) -> Failure:
    """Record that a job's process was killed."""
    how = f"signal {signal.Signals(-exit_code).name}" if exit_code < 0 else f"status {exit_code}"
    error = f"the process ended with {how}; too little memory is the usual reason"
    record = Record(job.folder)
    if record.status is not None:
        record.set_state("failed", error=error)
    return Failure("failed", error)


def _unexpected(job: Job, error: Exception) -> Failure:
    """The first line of an unexpected error; its traceback goes to the run's log."""
    log = job.folder / "log.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as file:
        file.write(traceback.format_exc())
    first = next(iter(str(error).strip().splitlines()), "")
    return Failure("failed", f"{type(error).__name__}: {first}", str(log))


@cache
def _server() -> ForkServerContext:
    """Processes forked from a server that has imported what a run needs, once for all jobs."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["clothseg.run", "segmentation_models_pytorch", "albumentations"]
    )
    return context


def _end_with_parent() -> None:
    """Have this process end when the one that started it ends, however it ends."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
