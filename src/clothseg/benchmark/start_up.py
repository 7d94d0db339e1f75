"""From the Enter key to help, to a list of mistakes, and to the first training step."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from clothseg.benchmark import first_step
from clothseg.benchmark.commands import (
    FEW_PHOTOS,
    ONE_THREAD,
    TRAIN,
    command_seconds,
    fresh_folder,
    places,
    run,
    workplace,
)
from clothseg.benchmark.comparison import Comparison, Contestant, in_turns
from clothseg.config.schema import Benchmark

IMAGE_SIZE = 96
"""Height and width of the photos that a command without arguments trains on, pixels."""
REPETITIONS = 5
SCRIPT = Path(__file__).with_name("bare_script.py")
MISTAKES = ["model=fnp", "optimizer.lr=abc", "split.fold=7"]
STOPPED = 130
"""Exit status of a command that Ctrl-C, or here the callback, has stopped."""


def compare(settings: Benchmark) -> list[Comparison]:
    """Seconds of whole commands in fresh processes, without photos to draw or decode."""
    size = settings.image_size or IMAGE_SIZE
    repetitions = settings.repetitions or REPETITIONS
    ours, theirs = f"python {TRAIN}", "script that imports torch, lightning and smp at its top"
    with workplace() as folder:
        train = [*FEW_PHOTOS, *ONE_THREAD, f"data.image_size={size}"]
        script = [str(SCRIPT), f"hydra.run.dir='{folder / 'hydra'}'"]
        # The first of each draws photos or reads libraries from a cold disk.
        run([TRAIN, *train, *first_step.OVERRIDES, *places(folder, folder / "warm")], STOPPED)
        run([*script, f"data.image_size={size}"], STOPPED)
        first_sides = [
            partial(_seconds_to_first_step, [TRAIN, *train], folder),
            partial(command_seconds, [*script, f"data.image_size={size}"], STOPPED),
        ]
        help_sides = [
            partial(command_seconds, [TRAIN, "--help"]),
            partial(command_seconds, [*script, "--help"]),
        ]
        mistake_sides = [
            partial(command_seconds, [TRAIN, *MISTAKES], 1),
            partial(command_seconds, [*script, "optimizer.lr=abc"], 1),
        ]
        return [
            Comparison(
                title=title,
                unit="s",
                conditions="whole commands in fresh processes",
                clothseg=Contestant(f"{ours} {what}", values[0]),
                rival=Contestant(f"{theirs}, {rival_what}", values[1]),
                times_less=True,
            )
            for title, what, rival_what, values in [
                ("help", "--help", "--help", in_turns(help_sides, repetitions, warm_up=0)),
                (
                    "three mistakes, all named",
                    " ".join(MISTAKES),
                    "one mistake, which Hydra names",
                    in_turns(mistake_sides, repetitions, warm_up=0),
                ),
                (
                    "up to the first training step",
                    f"with photos in the cache, {size} px",
                    "the same network on noise",
                    in_turns(first_sides, repetitions, warm_up=0),
                ),
            ]
        ]


def _seconds_to_first_step(command: Sequence[str], folder: Path) -> float:
    """Seconds of a training command that a callback ends where its first step begins."""
    where = places(folder, fresh_folder(folder))
    return command_seconds([*command, *first_step.OVERRIDES, *where], STOPPED)
