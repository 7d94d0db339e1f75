"""Time from the start of a command to its help, its configuration errors and the first step."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from clothseg.benchmark import first_step
from clothseg.benchmark.commands import (
    FEW_IMAGES,
    ONE_THREAD,
    TRAIN,
    command_seconds,
    fresh_folder,
    path_overrides,
    run,
    temporary_workspace,
)
from clothseg.benchmark.comparison import Comparison, Side, measure_alternately
from clothseg.config.settings import Benchmark

IMAGE_SIZE = 96
"""Height and width of the images in a command without arguments, pixels."""
REPETITIONS = 5
SCRIPT = Path(__file__).with_name("bare_script.py")
ERRORS = ["model=fnp", "optimizer.lr=abc", "split.fold=7"]
INTERRUPTED = 130
"""Exit status of a command that was stopped by Ctrl-C or, here, by the callback."""


def compare(settings: Benchmark) -> list[Comparison]:
    """Compare the seconds of entire commands in fresh processes, with images already cached."""
    size = settings.image_size or IMAGE_SIZE
    repetitions = settings.repetitions or REPETITIONS
    ours, theirs = f"python {TRAIN}", "script that imports torch, lightning and smp at the top"
    with temporary_workspace() as folder:
        train = [*FEW_IMAGES, *ONE_THREAD, f"data.image_size={size}"]
        script = [str(SCRIPT), f"hydra.run.dir='{folder / 'hydra'}'"]
        # The first command of each side renders images or reads libraries from a cold disk.
        run(
            [TRAIN, *train, *first_step.OVERRIDES, *path_overrides(folder, folder / "warm")],
            INTERRUPTED,
        )
        run([*script, f"data.image_size={size}"], INTERRUPTED)
        first_sides = [
            partial(_seconds_to_first_step, [TRAIN, *train], folder),
            partial(command_seconds, [*script, f"data.image_size={size}"], INTERRUPTED),
        ]
        help_sides = [
            partial(command_seconds, [TRAIN, "--help"]),
            partial(command_seconds, [*script, "--help"]),
        ]
        error_sides = [
            partial(command_seconds, [TRAIN, *ERRORS], 1),
            partial(command_seconds, [*script, "optimizer.lr=abc"], 1),
        ]
        return [
            Comparison(
                title=title,
                unit="s",
                conditions="entire commands in fresh processes",
                clothseg=Side(f"{ours} {what}", values[0]),
                rival=Side(f"{theirs}, {rival_what}", values[1]),
                is_speedup=True,
            )
            for title, what, rival_what, values in [
                (
                    "help",
                    "--help",
                    "--help",
                    measure_alternately(help_sides, repetitions, warm_up=0),
                ),
                (
                    "reporting three configuration errors",
                    " ".join(ERRORS),
                    "one error, reported by Hydra",
                    measure_alternately(error_sides, repetitions, warm_up=0),
                ),
                (
                    "time to the first training step",
                    f"with cached images, {size} px",
                    "the same network on noise",
                    measure_alternately(first_sides, repetitions, warm_up=0),
                ),
            ]
        ]


def _seconds_to_first_step(command: Sequence[str], folder: Path) -> float:
    """Run time of a training command that a callback ends at its first step."""
    paths = path_overrides(folder, fresh_folder(folder))
    return command_seconds([*command, *first_step.OVERRIDES, *paths], INTERRUPTED)
