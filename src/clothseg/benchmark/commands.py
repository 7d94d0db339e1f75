"""Whole commands in fresh processes: what starts, how long it takes, what it is told."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from clothseg.error import ConfigError, DataError
from clothseg.shipped import CONF

ROOT = CONF.parent
TRAIN = "train.py"
AT_ONCE = "hydra.launcher.max_parallel"
"""The key for the number of jobs at the same time."""

FEW_PHOTOS = ["dataset=synthetic", "dataset.num_images=24"]
ONE_THREAD = ["trainer=cpu", "trainer.threads=1"]


def run(arguments: Sequence[str], status: int = 0) -> str:
    """Run a Python command from the repository's root and wait for it.

    Args:
        arguments: what follows `python`.
        status: the exit status that it ends with when all is well.

    Returns:
        What it printed, errors included.

    Raises:
        ConfigError: this is no copy of the repository, so there is no `train.py`.
        DataError: it ended otherwise.
    """
    if not (ROOT / TRAIN).is_file():
        raise ConfigError([f"this benchmark runs {TRAIN}, which lies in the repository alone"])
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        # What the libraries would otherwise take depends on what else runs.
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if ended.returncode != status:
        last = "\n".join(ended.stdout.splitlines()[-5:])
        command = " ".join(["python", *arguments])
        raise DataError(f"{command} ended with status {ended.returncode}:\n{last}")
    return ended.stdout


def command_seconds(arguments: Sequence[str], status: int = 0) -> float:
    """How long a command takes from its start to its end, see :func:`run`."""
    start = time.perf_counter()
    run(arguments, status)
    return time.perf_counter() - start


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder for drawn photos, the cache and run records that is gone afterwards."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def places(folder: Path, output: Path) -> list[str]:
    """Overrides that keep everything of a command in the workplace `folder`."""
    return [
        f"dataset.root='{folder / 'drawn'}'",
        f"data.cache='{folder / 'cache'}'",
        f"output='{output}'",
    ]


def fresh_folder(folder: Path) -> Path:
    """An output folder that no command has used."""
    return Path(tempfile.mkdtemp(dir=folder, prefix="outputs-"))
