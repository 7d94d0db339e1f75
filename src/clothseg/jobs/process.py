"""Processes of a run: one per device, started, followed and stopped together.

A separate process gives a job clean memory, and jobs of a sweep run in parallel. The processes are
forked from a server that has already imported the libraries; those of a run find each other through
environment variables, as Lightning expects of a launcher.
"""

import contextlib
import itertools
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
from clothseg.run.member import Member
from clothseg.terminal.screen import Receiver, Sender, Silent, show_on
from clothseg.terminal.signals import termination_signals

SIGNAL_DEBOUNCE_SECONDS = 3.0
"""Seconds after a signal during which further signals count as the same request."""
SHUTDOWN_SECONDS = 10.0
"""Seconds that the processes of a run have to exit by themselves after one of them failed."""


def prepare() -> None:
    """Start loading the libraries of the job processes in the background, which takes seconds."""
    _server()
    forkserver.ensure_running()


class Processes:
    """Child processes of this process; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal may arrive while it is held
        self._stopped = False
        self._running: set[ForkServerProcess] = set()

    def run(self, work: Work, world_size: int, slot: Slot) -> Done | Failure:
        """Run work in `world_size` processes; returns the result of rank 0.

        If one of them fails or is killed, the others are ended as well.
        """
        port = _free_port() if world_size > 1 else None
        pipes = [_server().Pipe() for _ in range(1, world_size)]
        peers = [[own for own, _ in pipes], *([other] for _, other in pipes)]
        members: dict[connection.Connection[Any, Any], tuple[int, ForkServerProcess]] = {}
        start_failure: Failure | None = None
        for rank in range(world_size):
            receiver, sender = _server().Pipe(duplex=False)
            arguments = (work, Member(rank, peers[rank]), world_size, port, slot, sender)
            process = _server().Process(target=_run_child, args=arguments)
            with self._lock:
                if self._stopped and not members:
                    return Failure("interrupted")
                try:
                    process.start()
                except (EOFError, OSError) as error:  # the server has exited
                    detail = f"process could not be started ({error!r})"
                    start_failure = (
                        Failure("interrupted") if self._stopped else Failure("failed", detail)
                    )
                    for _, other in members.values():
                        _signal(other, signal.SIGKILL)
                    break
                self._running.add(process)
                if self._stopped:
                    _signal(process, signal.SIGINT)
            sender.close()
            members[receiver] = rank, process
        for end in itertools.chain(*peers):  # only the processes themselves keep theirs
            end.close()
        endings = _collect_endings(dict(members))
        for receiver, (_, process) in members.items():
            receiver.close()
            process.join(SHUTDOWN_SECONDS)
            if process.exitcode is None:  # it waits for the others to leave the process group
                _signal(process, signal.SIGKILL)
                process.join()
            with self._lock:
                self._running.remove(process)
        return start_failure or _combine_endings(endings)

    def stop(self) -> None:
        """Shut all processes down cleanly, as Ctrl-C does, and start no more."""
        self._stop(signal.SIGINT)

    @contextlib.contextmanager
    def stop_on_signals(self) -> Iterator[None]:
        """Make Ctrl-C, SIGTERM and SIGHUP stop the child processes; a repetition kills them."""
        last = -math.inf

        def stop(number: int, frame: FrameType | None) -> None:
            nonlocal last
            repeated = math.isfinite(last) and time.monotonic() - last > SIGNAL_DEBOUNCE_SECONDS
            last = time.monotonic()
            self._stop(signal.SIGKILL if repeated else signal.SIGINT)

        previous = {number: signal.signal(number, stop) for number in _stop_signals()}
        try:
            yield
        except BaseException:
            self.stop()
            raise
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _stop(self, number: signal.Signals) -> None:
        with self._lock:
            self._stopped = True
            for process in self._running:
                _signal(process, number)


def _stop_signals() -> list[signal.Signals]:
    return [signal.SIGINT, *termination_signals()]


def _collect_endings(
    members: "dict[connection.Connection[Any, Any], tuple[int, ForkServerProcess]]",
) -> list[tuple[int, Done | Failure]]:
    """Show the output of processes until all have ended; returns (rank, ending) of each."""
    screen = Receiver()
    endings: list[tuple[int, Done | Failure]] = []
    deadline = math.inf
    while members:
        timeout = None if math.isinf(deadline) else max(0.0, deadline - time.monotonic())
        ready = cast(list[Any], connection.wait(list(members), timeout))
        if not ready:  # the others hang, waiting for one that has exited
            for _, process in members.values():
                _signal(process, signal.SIGKILL)
            break
        for receiver in ready:
            rank, process = members[receiver]
            try:
                message = receiver.recv()
            except EOFError:
                process.join()
                message = Killed("failed", _describe_exit(process.exitcode or 0))
            if isinstance(message, Done | Failure):
                endings.append((rank, message))
                del members[receiver]
            else:
                screen.show(message)
            if isinstance(message, Failure) or (isinstance(message, Done) and rank == 0):
                deadline = min(deadline, time.monotonic() + SHUTDOWN_SECONDS)
    screen.close()
    return endings


def _combine_endings(endings: list[tuple[int, Done | Failure]]) -> Done | Failure:
    """Combine the endings of all processes into one: the root cause, not its consequences."""
    failures = [(rank, ending) for rank, ending in endings if isinstance(ending, Failure)]
    if not failures:
        return dict(endings)[0]

    def precedence(failure: tuple[int, Failure]) -> int:
        _, ending = failure
        if ending.result != "failed":
            return 0
        # Others lose their connection to a killed process, and may report that before its exit is
        # noticed.
        return 1 if isinstance(ending, Killed) else 2

    rank, cause = min(failures, key=precedence)
    if rank == 0 or cause.result != "failed":
        return cause
    return Failure(cause.result, f"process {rank}: {cause.detail}", cause.trace)


def _run_child(
    work: Work, member: Member, world_size: int, port: int | None, slot: Slot, sender: Any
) -> None:
    """Main function of a child process."""
    _end_with_parent()
    _stop_once()
    if slot.gpus is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(slot.gpus)
    if port is not None:
        os.environ |= {
            "RANK": str(member.rank),
            "LOCAL_RANK": str(member.rank),
            "NODE_RANK": "0",
            "WORLD_SIZE": str(world_size),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
        }
    import torch

    torch.set_num_threads(slot.threads)
    show_on(Sender(sender.send) if member.rank == 0 else Silent())
    sender.send(attempt(partial(_interruptible, work, member)))
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _interruptible(work: Work, member: Member) -> Any:
    """Run work, and raise on a Ctrl-C that arrived while SIGINT was blocked."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    return work(member)


def _stop_once() -> None:
    """Make Ctrl-C, SIGTERM and SIGHUP raise KeyboardInterrupt once, so that cleanup completes.

    Ctrl-C in a terminal signals this process and its parent, which forwards a second signal. A
    signal that arrives later is a deliberate repetition and raises again.
    """
    last = -math.inf

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal last
        if time.monotonic() - last > SIGNAL_DEBOUNCE_SECONDS:
            last = time.monotonic()
            # Lightning installs a handler on top that logs, which would interfere with the cleanup.
            signal.signal(signal.SIGTERM, stop)
            raise KeyboardInterrupt

    for number in _stop_signals():
        signal.signal(number, stop)


def _describe_exit(exit_code: int) -> str:
    """Describe the exit of a process that reported no result."""
    how = f"signal {signal.Signals(-exit_code).name}" if exit_code < 0 else f"status {exit_code}"
    return f"the process exited with {how}; the usual cause is too little memory"


def _signal(process: ForkServerProcess, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has just exited by itself
        os.kill(cast(int, process.pid), number)


def _free_port() -> int:
    """Free local port for the rendezvous of the processes of a run."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@cache
def _server() -> ForkServerContext:
    """Fork server that imports the libraries of a run once for all jobs."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [
            "clothseg.jobs.loading",
            "clothseg.run.train",
            "segmentation_models_pytorch",
            "albumentations",
            "iterstrat.ml_stratifiers",
            "matplotlib.backends.backend_agg",
            "clothseg.jobs.loaded",
        ]
    )
    return context


def _end_with_parent() -> None:
    """Kill this process as soon as its parent exits, for whatever reason."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
