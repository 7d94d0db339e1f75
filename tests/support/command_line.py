"""Execution of commands as a user types them, with configurations that train in seconds."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from clothseg.run.record import Record
from support.command_server import ENVIRONMENT, CommandServer
from support.forked import Origin
from support.paths import REPOSITORY


@dataclass(frozen=True)
class CommandLine:
    """Runs commands on one tiny synthetic dataset.

    Args:
        folder: folder of the dataset and its cache.
    """

    folder: Path

    def tiny(self, output, *overrides):
        """Training command that ends within seconds."""
        return [
            "train.py",
            "dataset.num_images=16",
            "split.folds=2",
            "data.image_size=32",
            "model=unet",
            "backbone=mobilenet_v2",
            "model.decoder_channels=[16,16,16,16,16]",
            *self.common(output),
            *overrides,
        ]

    @property
    def evaluate(self):
        """Start of an evaluation, which decodes nothing that the training has decoded."""
        return ["scripts/evaluate.py", f"cache={self.folder / 'cache'}"]

    def common(self, output):
        """Overrides of all trainings in these tests; few of them look at figures."""
        return [
            "trainer=cpu",
            "trainer.threads=1",
            "trainer.max_epochs=1",
            "optimizer.lr=1e-3",
            "report.figures=none",
            "callbacks.checkpoints.interval=0",
            f"dataset.root={self.folder / 'datasets'}",
            f"data.cache={self.folder / 'cache'}",
            f"output={output}",
        ]

    def start(self, arguments, limits=None, **environment):
        """Start a command in a session of its own, as a terminal does; its libraries are loaded.

        Args:
            arguments: a script and its arguments.
            limits: values of `resource.setrlimit` by name.
            environment: variables beside those of the tests.
        """
        return self.origin.start(arguments, os.environ | environment, limits=limits or {})

    def start_anew(self, arguments, **environment):
        """Start a command as :meth:`start` does, by a Python that has yet to load everything."""
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=REPOSITORY,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, arguments, **environment):
        """Run a command to its end, in the shared server process if its environment allows."""
        if environment.items() - ENVIRONMENT.items():
            return self.run_apart(arguments, **environment)
        ended = self.server.run(arguments)
        assert "Traceback" not in ended.stdout + ended.stderr
        return ended

    def run_apart(self, arguments, **environment):
        """Wait for a command to end, in a process of its own, see :meth:`start`."""
        return _ended(arguments, self.start(arguments, **environment))

    def run_anew(self, arguments, **environment):
        """Wait for a command to end, in a process that has loaded nothing."""
        return _ended(arguments, self.start_anew(arguments, **environment))

    @cached_property
    def origin(self):
        """The process that others are forked from."""
        return Origin()

    @cached_property
    def server(self):
        """The process that runs commands one after the other."""
        return CommandServer(self.folder, self.origin)

    def close(self):
        """End what was started for all commands."""
        for name in ("server", "origin"):
            if name in self.__dict__:
                getattr(self, name).close()


def _ended(arguments, process):
    """What a process says until it ends, and its status."""
    output, error = process.communicate(timeout=900)
    assert "Traceback" not in output + error
    return subprocess.CompletedProcess(arguments, process.returncode, output, error)


def records(output):
    """All records under an output folder, sorted by path."""
    # W&B writes its own config.yaml into its folder.
    found = sorted(path.parent for path in output.rglob("config.yaml"))
    return [Record(folder) for folder in found if (folder / "status.json").is_file()]


def files(folder):
    """All files under a folder with their modification times."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def segments(folder):
    """Contents of the files of a W&B run, one list of records per file, oldest first."""
    found = []
    for path in sorted((folder / "wandb").glob("*run-*/run-*.wandb")):
        state = path.stat()
        found.append(_segment(path, state.st_mtime_ns, state.st_size))
    return found


@cache
def _segment(path, changed, size):
    """What a file of W&B holds, read once in each of its states."""
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(path)]
    environment = os.environ | {"WANDB_ERROR_REPORTING": "false"}
    said = subprocess.run(command, capture_output=True, text=True, env=environment)
    return [json.loads(line) for line in said.stdout.splitlines()]


def wait_until(condition, process, seconds=300):
    """Wait until a condition holds, while a command is running."""
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "timed out"
        time.sleep(0.01)


def session_members(session, zombies=False):
    """Processes of a command's session, including itself: parent id by process id.

    Args:
        session: id of the command.
        zombies: include processes that have ended but are still listed.
    """
    members = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent, _, number = path.read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):  # ended in the meantime
            continue
        if int(number) == session and (zombies or state != "Z"):
            members[int(path.parent.name)] = int(parent)
    return members


def all_end(session, seconds=5):
    """Return whether all processes of a session end soon.

    Freeing their memory takes a moment, and as long as process 1 has not collected one of them, its
    claim on a run looks alive.
    """
    end = time.monotonic() + seconds
    while session_members(session, zombies=True) and time.monotonic() < end:
        time.sleep(0.01)
    return not session_members(session)


def job_processes(command):
    """Ids of the processes that run the jobs of a sweep: grandchildren of the command."""
    members = session_members(command)
    return sorted(pid for pid, parent in members.items() if members.get(parent) == command)


def slurm_answers():
    """Return whether SLURM is available with an idle node."""
    if shutil.which("sinfo") is None:
        return False
    sinfo = subprocess.run(["sinfo", "--noheader"], capture_output=True, text=True, timeout=60)
    return " idle " in sinfo.stdout
