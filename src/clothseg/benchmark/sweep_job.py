"""What a job costs as one of a sweep, and as a command of its own."""

from clothseg.benchmark.commands import (
    AT_ONCE,
    FEW_PHOTOS,
    ONE_THREAD,
    TRAIN,
    command_seconds,
    fresh_folder,
    places,
    run,
    workplace,
)
from clothseg.benchmark.comparison import Comparison, Contestant, in_turns, threads
from clothseg.config.schema import Benchmark

IMAGE_SIZE = 32
REPETITIONS = 3
JOBS = 4
SHORT_JOB = ["model=unet", "backbone=mobilenet_v2", "trainer.max_epochs=1"]
"""Next to nothing to train, so that what is left is what every job costs."""


def compare(settings: Benchmark, jobs: int = JOBS) -> list[Comparison]:
    """Seconds for each of a few short jobs, one after another in both cases.

    Args:
        settings: of the benchmark.
        jobs: number of jobs, each a fold.
    """
    size = settings.image_size or IMAGE_SIZE
    sizes = [f"data.image_size={size}", f"split.folds={jobs}"]
    with workplace() as folder:
        short = [TRAIN, *FEW_PHOTOS, *ONE_THREAD, *SHORT_JOB, *sizes]

        def sweep() -> float:
            output = fresh_folder(folder)
            command = [*short, *places(folder, output), f"{AT_ONCE}=1", "-m"]
            return command_seconds(command) / jobs

        def commands() -> float:
            output = fresh_folder(folder)
            each = [
                command_seconds([*short, *places(folder, output), f"split.fold={fold}"])
                for fold in range(jobs)
            ]
            return sum(each) / jobs

        run([*short, *places(folder, folder / "warm")])
        ours, theirs = in_turns([sweep, commands], settings.repetitions or REPETITIONS, warm_up=0)
    return [
        Comparison(
            title=f"a job of a sweep of {jobs} against a command of its own",
            unit="s/job",
            conditions=f"one epoch of {size} px, {threads(1)}, one job after another",
            clothseg=Contestant(f"python {TRAIN} -m, jobs forked with libraries loaded", ours),
            rival=Contestant(f"python {TRAIN} split.fold=0, then 1, and so on", theirs),
            times_less=True,
        )
    ]
