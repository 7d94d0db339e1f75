"""Entire commands in fresh processes: their overrides, execution and run time."""

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
MAX_PARALLEL = "hydra.launcher.max_parallel"
"""Key of the number of parallel jobs."""

FEW_IMAGES = ["dataset=synthetic", "dataset.num_images=24"]
ONE_THREAD = ["trainer=cpu", "trainer.threads=1"]


def run(arguments: Sequence[str], status: int = 0) -> str:
    """Run a Python command from the repository's root and wait for it.

    Args:
        arguments: arguments of `python`.
        status: expected exit status.

    Returns:
        Standard output and standard error of the command.

    Raises:
        ConfigError: there is no `train.py` because this is not a checkout of the repository.
        DataError: the command exits with another status.
    """
    if not (ROOT / TRAIN).is_file():
        raise ConfigError(
            [f"this benchmark runs {TRAIN}, which only a checkout of the repository has"]
        )
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        # The default of the libraries depends on other load.
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode != status:
        last_lines = "\n".join(result.stdout.splitlines()[-5:])
        command = " ".join(["python", *arguments])
        raise DataError(f"{command} exited with status {result.returncode}:\n{last_lines}")
    return result.stdout


def command_seconds(arguments: Sequence[str], status: int = 0) -> float:
    """Run a command with :func:`run` and return its run time in seconds."""
    start = time.perf_counter()
    run(arguments, status)
    return time.perf_counter() - start


@contextmanager
def temporary_workspace() -> Iterator[Path]:
    """Provide a temporary folder for synthetic images, the cache and run records."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def path_overrides(folder: Path, output: Path) -> list[str]:
    """Overrides that make a command write only below the workspace `folder`."""
    return [
        f"dataset.root='{folder / 'synthetic'}'",
        f"data.cache='{folder / 'cache'}'",
        f"output='{output}'",
    ]


def fresh_folder(folder: Path) -> Path:
    """Create an output folder that no command has used."""
    return Path(tempfile.mkdtemp(dir=folder, prefix="outputs-"))
