"""The processes that do a run: this one, or one for each device that end together.

A process of its own gives a job clean memory, and Lightning's launcher and Hydra's `-m` cannot
share one command line. The processes are forked from a server that has the libraries loaded; those
of one run find each other through the environment, as Lightning expects of a launcher.
"""

import contextlib
import math
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from functools import cache, partial
from multiprocessing import connection, forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from types import FrameType
from typing import Any, cast

from clothseg.jobs.ending import Done, Failure, Killed, Work, attempt
from clothseg.jobs.machine import Slot
from clothseg.screen import Receiver, Sender, Silent, show_on

TIME_TO_END = 3.0
"""Seconds after a signal in which others are taken for the same."""
TIME_TO_FOLLOW = 10.0
"""Seconds that the processes of a run have to end by themselves when one of them has failed."""


def prepare() -> None:
    """Begin to load the libraries of the job processes, which takes seconds, beside other work."""
    _server()
    forkserver.ensure_running()


class Processes:
    """The processes that this one has started; it can start them from several threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal may come while it is held
        self._stopped = False
        self._running: set[ForkServerProcess] = set()

    def run(self, work: Work, world_size: int, slot: Slot) -> Done | Failure:
        """Run work in `world_size` processes; returns the result of the first of them.

        When one of them fails or is killed, the others end as well.
        """
        port = _free_port() if world_size > 1 else None
        members: dict[connection.Connection[Any, Any], tuple[int, ForkServerProcess]] = {}
        lost: Failure | None = None
        for rank in range(world_size):
            receiver, sender = _server().Pipe(duplex=False)
            arguments = (work, rank, world_size, port, slot, sender)
            process = _server().Process(target=_child, args=arguments)
            with self._lock:
                if self._stopped and not members:
                    return Failure("interrupted")
                try:
                    process.start()
                except (EOFError, OSError) as error:  # the server has ended meanwhile
                    detail = f"no process could be started ({error!r})"
                    lost = Failure("interrupted") if self._stopped else Failure("failed", detail)
                    for _, other in members.values():
                        _signal(other, signal.SIGKILL)
                    break
                self._running.add(process)
                if self._stopped:
                    _signal(process, signal.SIGINT)
            sender.close()
            members[receiver] = rank, process
        endings = _follow(dict(members))
        for receiver, (_, process) in members.items():
            receiver.close()
            process.join(TIME_TO_FOLLOW)
            if process.exitcode is None:  # it waits for the others to say goodbye
                _signal(process, signal.SIGKILL)
                process.join()
            with self._lock:
                self._running.remove(process)
        return lost or _verdict(endings)

    def stop(self) -> None:
        """Have all of them end in order, as Ctrl-C does, and start no more."""
        self._stop(signal.SIGINT)

    @contextlib.contextmanager
    def stopped_by_signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM stop the processes, not this one; a person may insist."""
        last = -math.inf

        def stop(number: int, frame: FrameType | None) -> None:
            nonlocal last
            insists = math.isfinite(last) and time.monotonic() - last > TIME_TO_END
            last = time.monotonic()
            self._stop(signal.SIGKILL if insists else signal.SIGINT)

        before = {number: signal.signal(number, stop) for number in _STOPPING}
        try:
            yield
        except BaseException:
            self.stop()
            raise
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: signal.Signals) -> None:
        with self._lock:
            self._stopped = True
            for process in self._running:
                _signal(process, number)


_STOPPING = (signal.SIGINT, signal.SIGTERM)


def _follow(
    members: "dict[connection.Connection[Any, Any], tuple[int, ForkServerProcess]]",
) -> list[tuple[int, Done | Failure]]:
    """Show what processes have to show until all have ended: rank and ending, in that order."""
    screen = Receiver()
    endings: list[tuple[int, Done | Failure]] = []
    limit = math.inf
    while members:
        left = None if math.isinf(limit) else max(0.0, limit - time.monotonic())
        ready = cast(list[Any], connection.wait(list(members), left))
        if not ready:  # the rest waits for one that has ended
            for _, process in members.values():
                _signal(process, signal.SIGKILL)
            break
        for receiver in ready:
            rank, process = members[receiver]
            try:
                message = receiver.recv()
            except EOFError:
                process.join()
                message = Killed("failed", _sudden_end(process.exitcode or 0))
            if isinstance(message, Done | Failure):
                endings.append((rank, message))
                del members[receiver]
            else:
                screen.show(message)
            if isinstance(message, Failure) or (isinstance(message, Done) and rank == 0):
                limit = min(limit, time.monotonic() + TIME_TO_FOLLOW)
    screen.close()
    return endings


def _verdict(endings: list[tuple[int, Done | Failure]]) -> Done | Failure:
    """One ending of work that several processes did: the cause, not what followed from it."""
    failures = [(rank, ending) for rank, ending in endings if isinstance(ending, Failure)]
    if not failures:
        return dict(endings)[0]

    def precedence(failure: tuple[int, Failure]) -> int:
        _, ending = failure
        if ending.result != "failed":
            return 0
        # The others find the connection to a killed process closed, and may say so before its end
        # is noticed.
        return 1 if isinstance(ending, Killed) else 2

    rank, cause = min(failures, key=precedence)
    if rank == 0 or cause.result != "failed":
        return cause
    return Failure(cause.result, f"process {rank}: {cause.detail}", cause.trace)


def _child(
    work: Work, rank: int, world_size: int, port: int | None, slot: Slot, sender: Any
) -> None:
    """Body of a process."""
    _end_with_parent()
    _stop_once()
    if slot.gpus is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(slot.gpus)
    if port is not None:
        os.environ |= {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "NODE_RANK": "0",
            "WORLD_SIZE": str(world_size),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
        }
    import torch

    torch.set_num_threads(slot.threads)
    show_on(Sender(sender.send) if rank == 0 else Silent())
    sender.send(attempt(partial(_interruptible, work, rank)))
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _interruptible(work: Work, rank: int) -> Any:
    """Do work, and hear a Ctrl-C that came since the server was started."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    return work(rank)


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

    for number in _STOPPING:
        signal.signal(number, stop)


def _sudden_end(exit_code: int) -> str:
    """What is known of a process that was killed."""
    how = f"signal {signal.Signals(-exit_code).name}" if exit_code < 0 else f"status {exit_code}"
    return f"the process ended with {how}; too little memory is the usual reason"


def _signal(process: ForkServerProcess, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
        os.kill(cast(int, process.pid), number)


def _free_port() -> int:
    """A port on which the processes of one run can meet."""
    with socket.socket() as slot:
        slot.bind(("127.0.0.1", 0))
        return int(slot.getsockname()[1])


@cache
def _server() -> ForkServerContext:
    """Processes forked from a server that has imported what a run needs, once for all jobs."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [
            "clothseg.jobs.block_sigint",
            "clothseg.run.train",
            "segmentation_models_pytorch",
            "albumentations",
        ]
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
