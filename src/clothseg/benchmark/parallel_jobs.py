"""Two jobs of a sweep at the same time, against one after the other."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from clothseg.benchmark.commands import (
    AT_ONCE,
    ONE_THREAD,
    TRAIN,
    fresh_folder,
    places,
    run,
    workplace,
)
from clothseg.benchmark.comparison import Comparison, Contestant, Goal, in_turns, threads
from clothseg.config.schema import Benchmark

IMAGE_SIZE = 96
REPETITIONS = 3
TWO_JOBS = ["dataset=synthetic", "dataset.num_images=160", "split.folds=2"]
LONG_JOB = ["model=fpn", "backbone=efficientnet-b0", "trainer.max_epochs=6"]
"""Half a minute on one core of 2024, so that what starts and ends a job does not decide."""


def compare(settings: Benchmark, job: Sequence[str] = LONG_JOB) -> list[Comparison]:
    """Seconds from where the first job begins to where the last ends.

    Args:
        settings: of the benchmark.
        job: the overrides of each job.
    """
    size = settings.image_size or IMAGE_SIZE
    with workplace() as folder:
        sweep = [TRAIN, *TWO_JOBS, *ONE_THREAD, *job, f"data.image_size={size}"]
        run([*sweep, "trainer.max_epochs=1", *places(folder, folder / "warm")])
        sides = [partial(_work_seconds, sweep, folder, at_once) for at_once in (2, 1)]
        ours, theirs = in_turns(sides, settings.repetitions or REPETITIONS, warm_up=0)
    return [
        Comparison(
            title="two jobs at the same time against one after the other",
            unit="s",
            conditions=f"{size} px, {threads(1)} for each job, without the command's own start",
            clothseg=Contestant(f"python {TRAIN} -m {AT_ONCE}=2", ours),
            rival=Contestant(f"python {TRAIN} -m {AT_ONCE}=1", theirs),
            goal=Goal(">=", 1.6),
            times_less=True,
        )
    ]


def _work_seconds(sweep: Sequence[str], folder: Path, at_once: int) -> float:
    """Seconds between the first and the last thing that the jobs of a sweep write."""
    output = fresh_folder(folder)
    run([*sweep, *places(folder, output), f"{AT_ONCE}={at_once}", "-m"])
    begun = [path.stat().st_mtime for path in output.rglob("environment.json")]
    ended = [path.stat().st_mtime for path in output.rglob("status.json")]
    return max(ended) - min(begun)
