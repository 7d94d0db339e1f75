"""Calls in a process of their own, of libraries that damaged files may crash or stop.

An exception of a native library can be caught, but not its segmentation fault, which would end a
whole command. A process that is only there to read such files dies alone, and is started again.
"""

import atexit
import contextlib
import os
import pickle
import resource
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from clothseg.error import DataError

TIME_LIMIT = 120.0
"""Longest time of one call, seconds."""
MEMORY_LIMIT = 1 << 33
"""Largest address space of the process, 8 GiB."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Settings of libraries for linear algebra, which reserve memory for each of their threads."""

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_lock = threading.Lock()
_processes: dict[int, subprocess.Popen[bytes]] = {}
"""The process that reads files, by the process that started it: a fork needs one of its own."""


def call_isolated(
    function: Callable[Concatenate[Path, Arguments], Result],
    path: Path,
    *arguments: Arguments.args,
    **named: Arguments.kwargs,
) -> Result:
    """Call a function in the process that reads files; one call at a time.

    Args:
        function: of a module; what it takes, returns and raises is pickled.
        path: the file that it reads, its first argument.
        arguments: its other arguments.
        named: its keyword arguments.

    Raises:
        DataError: the process crashed, or did not finish in time.
        Exception: what the function raises.
    """
    call = pickle.dumps((function, path, arguments, named))
    with _lock:
        process = _running_process()
        returned, value = _answer(process, call, path)
    if returned:
        result: Result = value
        return result
    raise value


def _running_process() -> subprocess.Popen[bytes]:
    own = os.getpid()
    process = _processes.get(own)
    if process is not None and process.poll() is not None:
        _end(process)
        process = None
    if process is None:
        _processes.clear()
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | ONE_THREAD,
        )
        _processes[own] = process
        atexit.register(_stop, process)
    return process


def _answer(process: subprocess.Popen[bytes], call: bytes, path: Path) -> tuple[bool, Any]:
    """Send a call; returns whether the function returned, and its result or its exception."""
    requests, answers = process.stdin, process.stdout
    if requests is None or answers is None:
        raise RuntimeError("the process was started without pipes")
    try:
        requests.write(call)
        requests.flush()
        if not select.select([answers], [], [], TIME_LIMIT)[0]:
            raise DataError(f"{path}: reading it took longer than {TIME_LIMIT:g} s; it is damaged")
        answer: tuple[bool, Any] = pickle.load(answers)
    except BaseException as error:
        # What it still answered would be taken for the answer to the next call.
        _end(process)
        if not isinstance(error, OSError | EOFError | pickle.UnpicklingError):
            raise
        problem = "crashes the library that reads it; it is damaged, so obtain it again"
        raise DataError(f"{path}: {problem}") from error
    return answer


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the process with the command, unless it is that of a parent."""
    if _processes.get(os.getpid()) is process:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    with contextlib.suppress(OSError):  # a call that was not sent completely
        process.communicate()


def _serve() -> None:
    """Answer calls until there are no more: the main function of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit_memory()
    calls = sys.stdin.buffer
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
        while True:
            try:
                function, path, arguments, named = pickle.load(calls)
            except EOFError:
                return
            try:
                answer = pickle.dumps((True, function(path, *arguments, **named)))
            except Exception as error:
                answer = pickle.dumps((False, error))
            answers.write(answer)
            answers.flush()


def _limit_memory() -> None:
    """Limit the address space, unless this account has a lower limit, as some clusters set."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = MEMORY_LIMIT if hard == resource.RLIM_INFINITY else min(hard, MEMORY_LIMIT)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    _serve()
