"""Two jobs of a sweep in parallel, against the same jobs run sequentially."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from clothseg.benchmark.commands import (
    MAX_PARALLEL,
    ONE_THREAD,
    TRAIN,
    fresh_folder,
    path_overrides,
    run,
    temporary_workspace,
)
from clothseg.benchmark.comparison import Comparison, Goal, Side, measure_alternately, thread_count
from clothseg.config.settings import Benchmark

IMAGE_SIZE = 96
REPETITIONS = 3
TWO_JOBS = ["dataset=synthetic", "dataset.num_images=160", "split.folds=2"]
LONG_JOB = ["model=fpn", "backbone=efficientnet-b0", "trainer.max_epochs=6"]
"""Half a minute on one core of 2024, so that the overhead of a job does not dominate."""


def compare(settings: Benchmark, job: Sequence[str] = LONG_JOB) -> list[Comparison]:
    """Compare the seconds from the start of the first job to the end of the last.

    Args:
        settings: settings of the benchmark.
        job: overrides of each job.
    """
    size = settings.image_size or IMAGE_SIZE
    with temporary_workspace() as folder:
        sweep = [TRAIN, *TWO_JOBS, *ONE_THREAD, *job, f"data.image_size={size}"]
        run([*sweep, "trainer.max_epochs=1", *path_overrides(folder, folder / "warm")])
        sides = [partial(_work_seconds, sweep, folder, parallel) for parallel in (2, 1)]
        ours, theirs = measure_alternately(sides, settings.repetitions or REPETITIONS, warm_up=0)
    return [
        Comparison(
            title="two jobs in parallel against sequentially",
            unit="s",
            conditions=f"{size} px, {thread_count(1)} per job, without the start-up of the command",
            clothseg=Side(f"python {TRAIN} -m {MAX_PARALLEL}=2", ours),
            rival=Side(f"python {TRAIN} -m {MAX_PARALLEL}=1", theirs),
            goal=Goal(">=", 1.6),
            is_speedup=True,
        )
    ]


def _work_seconds(sweep: Sequence[str], folder: Path, parallel: int) -> float:
    """Seconds between the first and the last file that the jobs of a sweep write."""
    output = fresh_folder(folder)
    run([*sweep, *path_overrides(folder, output), f"{MAX_PARALLEL}={parallel}", "-m"])
    started = [path.stat().st_mtime for path in output.rglob("environment.json")]
    ended = [path.stat().st_mtime for path in output.rglob("status.json")]
    return max(ended) - min(started)
