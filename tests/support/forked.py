"""Processes for commands that are forked from one with the libraries loaded, which takes seconds.

Each is as much a process as one that a shell starts: session, environment, limits, signals and end
are its own. Only its libraries were imported before, and so is the server of its job processes.
"""

import contextlib
import json
import multiprocessing.util
import os
import resource
import runpy
import select
import selectors
import signal
import socket
import subprocess
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path

from clothseg.jobs.process import prepare
from support.paths import REPOSITORY

LIBRARIES = [
    *("clothseg.run.train", "clothseg.jobs.launch", "clothseg.jobs.local", "clothseg.jobs.process"),
    *("segmentation_models_pytorch", "albumentations", "matplotlib.pyplot", "hydra.main"),
]


class Origin:
    """The process that others are forked from."""

    def __init__(self):
        self.socket, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "support.forked", str(theirs.fileno())],
                cwd=REPOSITORY,
                env=os.environ | {"PYTHONPATH": _search_path()},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def start(self, arguments, environment, **more):
        """Start a Python command.

        Args:
            arguments: what follows `python`: a script or `-m` and a module, and its arguments.
            environment: all variables.
            more: `stdin`, `stdout` and `stderr`, descriptors in place of no input and of pipes;
                `inherited`, the descriptors that the command is handed, whose numbers follow its
                arguments; `limits`, values of `resource.setrlimit` by name.
        """
        pipes = {}
        given = {"stdin": os.open(os.devnull, os.O_RDONLY)} if "stdin" not in more else {}
        for name in ("stdout", "stderr", "status"):
            if name not in more:
                pipes[name], given[name] = os.pipe()
        numbers = [(given | more)[name] for name in ("stdin", "stdout", "stderr", "status")]
        numbers += more.get("inherited", [])
        request = {
            "arguments": [str(argument) for argument in arguments],
            "environment": dict(environment),
            "limits": more.get("limits", {}),
        }
        content = json.dumps(request).encode()
        socket.send_fds(self.socket, [len(content).to_bytes(4, "big")], numbers)
        self.socket.sendall(content)
        for number in given.values():
            os.close(number)
        answer = self.socket.recv(4)
        assert answer, "the process that others are forked from has ended"
        pid = int.from_bytes(answer, "big")
        return Forked(arguments, pid, pipes)

    def close(self):
        """End the process; those that it has forked live on."""
        self.socket.close()
        self.process.wait(timeout=60)


class Forked:
    """A process, to be handled as one of `subprocess`.

    Args:
        args: its command.
        pid: its number.
        pipes: the ends that are read here of `status` and maybe of `stdout` and `stderr`.
    """

    def __init__(self, args, pid, pipes):
        self.args, self.pid, self.returncode = args, pid, None
        self._pipes = pipes
        self._read = dict.fromkeys(pipes, b"")

    def poll(self):
        """The exit status, None while it runs."""
        self._listen(["status"], 0)
        return self.returncode

    def wait(self, timeout=None):
        """The exit status, once it has ended."""
        self._listen(["status"], timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self.returncode

    def communicate(self, timeout=None):
        """All that it says, once nobody can say more."""
        self._listen(list(self._pipes), timeout)
        if self._pipes:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return tuple(self._read[name].decode() for name in ("stdout", "stderr"))

    def send_signal(self, number):
        """Send a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        """End it without a warning."""
        self.send_signal(signal.SIGKILL)

    def _listen(self, names, timeout):
        """Read pipes to their ends, or until time is over."""
        end = None if timeout is None else time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            for name in set(names) & self._pipes.keys():
                selector.register(self._pipes[name], selectors.EVENT_READ, name)
            while selector.get_map():
                left = None if end is None else max(0.0, end - time.monotonic())
                ready = selector.select(left)
                if not ready:
                    return
                for key, _ in ready:
                    content = os.read(key.fd, 65536)
                    self._read[key.data] += content
                    if not content:
                        selector.unregister(key.fd)
                        os.close(self._pipes.pop(key.data))
        if "status" not in self._pipes:
            self.returncode = int(self._read["status"])


def _search_path():
    """The tests' own folder before what the environment names."""
    return os.pathsep.join(filter(None, [str(REPOSITORY / "tests"), os.environ.get("PYTHONPATH")]))


def serve(control):
    """Fork whenever asked to; returns the arguments of a command, in the process that is for it."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running = {}
    while True:
        ready, _, _ = select.select([control, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _report(running)
        if control not in ready:
            continue
        head, numbers, _, _ = socket.recv_fds(control, 4, 16)
        if not head:
            sys.exit()
        content = b""
        while len(content) < int.from_bytes(head, "big"):
            content += control.recv(65536)
        *streams, status = numbers[:4]
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for number in (woken, wake, status, *running.values()):
                os.close(number)
            control.close()
            return _become(json.loads(content), streams, numbers[4:])
        running[pid] = status
        for number in (*streams, *numbers[4:]):
            os.close(number)
        control.sendall(pid.to_bytes(4, "big"))


def _report(running):
    """Tell the status of processes that have ended."""
    for pid in list(running):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            pipe = running.pop(pid)
            with contextlib.suppress(BrokenPipeError):  # nobody wants to know any more
                os.write(pipe, str(os.waitstatus_to_exitcode(status)).encode())
            os.close(pipe)


def _become(request, streams, inherited):
    """Take over what a process is started with; returns its arguments."""
    os.setsid()
    for target, number in enumerate(streams):
        os.dup2(number, target)
        os.close(number)
    os.environ.clear()
    os.environ.update(request["environment"])
    for name, value in request["limits"].items():
        resource.setrlimit(getattr(resource, name), (value, value))
    path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[1:1] = [place for place in path if place and place not in sys.path]
    return [*request["arguments"], *map(str, inherited)]


def _spawn(path, arguments, handed):
    """Fork the server of job processes, which would load all libraries anew; start all others."""
    code = arguments[-1].decode() if isinstance(arguments[-1], bytes) else arguments[-1]
    if "multiprocessing.forkserver" not in code:
        return _spawn_anew(path, arguments, handed)
    if pid := os.fork():
        return pid
    status = 1
    try:
        for number in (int(path.name) for path in Path("/proc/self/fd").iterdir()):
            if number > 2 and number not in handed:
                with contextlib.suppress(OSError):  # the listing's own
                    os.close(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        exec(code, {})
    except SystemExit:
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


_spawn_anew = multiprocessing.util.spawnv_passfds


def main(control):
    """Load the libraries, fork whenever asked to, and run a command where one is wanted."""
    for name in LIBRARIES:
        import_module(name)
    multiprocessing.util.spawnv_passfds = _spawn
    sys.argv = serve(control)
    if media := sys.modules.get("wandb.sdk.data_types._private"):
        # Each command has a folder of its own, which it removes in the end, as if just imported.
        media.MEDIA_TMP._finalizer.detach()
        media.MEDIA_TMP.__init__("wandb-media")
    if sys.argv[0] == "train.py":
        prepare()  # from this thread, and not from one of those that follow the jobs
    if sys.argv[0] == "-m":
        del sys.argv[0]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = str((REPOSITORY / sys.argv[0]).parent)
        runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
