"""Cost of a job within a sweep, against a separate command."""

from clothseg.benchmark.commands import (
    FEW_IMAGES,
    MAX_PARALLEL,
    ONE_THREAD,
    TRAIN,
    command_seconds,
    fresh_folder,
    path_overrides,
    run,
    temporary_workspace,
)
from clothseg.benchmark.comparison import Comparison, Side, measure_alternately, thread_count
from clothseg.config.settings import Benchmark

IMAGE_SIZE = 32
REPETITIONS = 3
JOBS = 4
SHORT_JOB = ["model=unet", "backbone=mobilenet_v2", "trainer.max_epochs=1"]
"""Minimal training, so that the fixed cost of a job dominates."""


def compare(settings: Benchmark, jobs: int = JOBS) -> list[Comparison]:
    """Compare the seconds per job of a few short jobs, which run sequentially in both cases.

    Args:
        settings: settings of the benchmark.
        jobs: number of jobs, one per fold.
    """
    size = settings.image_size or IMAGE_SIZE
    sizes = [f"data.image_size={size}", f"split.folds={jobs}"]
    with temporary_workspace() as folder:
        short = [TRAIN, *FEW_IMAGES, *ONE_THREAD, *SHORT_JOB, *sizes]

        def sweep() -> float:
            output = fresh_folder(folder)
            command = [*short, *path_overrides(folder, output), f"{MAX_PARALLEL}=1", "-m"]
            return command_seconds(command) / jobs

        def commands() -> float:
            output = fresh_folder(folder)
            job_seconds = [
                command_seconds([*short, *path_overrides(folder, output), f"split.fold={fold}"])
                for fold in range(jobs)
            ]
            return sum(job_seconds) / jobs

        run([*short, *path_overrides(folder, folder / "warm")])
        ours, theirs = measure_alternately(
            [sweep, commands], settings.repetitions or REPETITIONS, warm_up=0
        )
    return [
        Comparison(
            title=f"job in a sweep of {jobs} against a separate command",
            unit="s/job",
            conditions=f"one epoch of {size} px, {thread_count(1)}, sequential jobs",
            clothseg=Side(f"python {TRAIN} -m, jobs forked with libraries already loaded", ours),
            rival=Side(f"python {TRAIN} split.fold=0, then 1, and so on", theirs),
            is_speedup=True,
        )
    ]
