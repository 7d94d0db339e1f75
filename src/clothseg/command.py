"""The commands: what a person types, and the exit status that answers it.

Nothing heavy is imported until it is needed, so that help and mistakes are answered at once.
"""

import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType

from clothseg.error import ConfigError, UserError

TAKES_VALUE = ("--cfg", "-c", "--package", "-p", "--config-dir", "-cd", "--info", "-i")
"""Hydra's flags that are followed by a value."""

QUESTIONS = (
    "--cfg",
    "-c",
    "--info",
    "-i",
    "--hydra-help",
    "--version",
    "--shell-completion",
    "-sc",
)
"""Flags that ask Hydra for something and train nothing."""
OF_QUESTIONS = ("--package", "-p", "--resolve")
"""Flags that say what of a configuration is shown."""
MANY = ("-m", "--multirun")
"""Flags for all folds and all combinations."""

Work = Callable[[list[str], list[str]], int]
"""Takes overrides and flags, gives an exit status."""


def train(arguments: Sequence[str]) -> int:
    """`python train.py`: train one run, or with `-m` all folds and all combinations.

    Args:
        arguments: the command line; flags may stand anywhere in it.

    Returns:
        Exit status: 0 when every job is done, 1 when one failed, 130 when it was stopped.
    """

    def work(overrides: list[str], flags: list[str]) -> int:
        from clothseg.launch import launch

        return launch(overrides, flags)

    return _answer(arguments, "config", work, (*MANY, *QUESTIONS, *OF_QUESTIONS))


def evaluate(arguments: Sequence[str]) -> int:
    """`python scripts/evaluate.py`: score the best epoch of a recorded run."""

    def work(overrides: list[str], flags: list[str]) -> int:
        from clothseg.evaluate import evaluate_command

        return evaluate_command(overrides)

    return _answer(arguments, "evaluate", work)


def predict(arguments: Sequence[str]) -> int:
    """`python scripts/predict.py`: segment photos with a recorded run."""

    def work(overrides: list[str], flags: list[str]) -> int:
        from clothseg.predict import predict_command

        return predict_command(overrides)

    return _answer(arguments, "predict", work)


def export(arguments: Sequence[str]) -> int:
    """`python scripts/export.py`: a recorded run's network for other programs."""

    def work(overrides: list[str], flags: list[str]) -> int:
        from clothseg.export import export_command

        return export_command(overrides)

    return _answer(arguments, "export", work)


def score(arguments: Sequence[str]) -> int:
    """`python scripts/score.py`: score a folder of predicted masks."""

    def work(overrides: list[str], flags: list[str]) -> int:
        from clothseg.score import score_command

        return score_command(overrides)

    return _answer(arguments, "score", work)


def report(arguments: Sequence[str]) -> int:
    """`python scripts/report.py`: recorded runs beside each other."""

    def work(overrides: list[str], flags: list[str]) -> int:
        from clothseg.report.command import report_command

        return report_command(overrides)

    return _answer(arguments, "report", work)


def dataset(arguments: Sequence[str]) -> int:
    """`python scripts/dataset.py`: look after a dataset before anything is trained on it."""

    def work(overrides: list[str], flags: list[str]) -> int:
        from clothseg.dataset_actions.command import dataset_command

        return dataset_command(overrides)

    return _answer(arguments, "dataset", work)


def benchmark(arguments: Sequence[str]) -> int:
    """`python scripts/benchmark.py`: time clothseg against hand-written code."""

    def work(overrides: list[str], flags: list[str]) -> int:
        from clothseg.benchmark.command import benchmark_command

        return benchmark_command(overrides)

    return _answer(arguments, "benchmark", work)


def arranged(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Overrides and flags apart; Hydra understands flags in the middle of overrides wrongly."""
    overrides: list[str] = []
    flags: list[str] = []
    for argument in arguments:
        flag, equals, text = argument.partition("=")
        if equals and flag in TAKES_VALUE:
            flags += [flag, text]
            continue
        value = bool(flags) and flags[-1] in TAKES_VALUE and not argument.startswith("-")
        (flags if argument.startswith("-") or value else overrides).append(argument)
    return overrides, flags


def _answer(
    arguments: Sequence[str], config_name: str, work: Work, known: Sequence[str] = ()
) -> int:
    """Help, or the work; a mistake of the user's becomes one message.

    Args:
        arguments: the command line.
        config_name: the main configuration, a file of `conf/`.
        work: what is done.
        known: flags that the command has beside `--help`.
    """
    overrides, flags = arranged(arguments)
    if "--help" in flags or "-h" in flags:
        from clothseg.help import help_text

        print(help_text(config_name))
        return 0
    signal.signal(signal.SIGTERM, _stop)
    try:
        _require_known(flags, known)
        return work(overrides, flags)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if error.filename is None:
            raise
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _require_known(flags: Sequence[str], known: Sequence[str]) -> None:
    """Refuse flags that a command does not have, which would otherwise change nothing."""
    unknown = [flag for flag in flags if flag.startswith("-") and flag not in known]
    if unknown:
        there = f"there are {', '.join(known)}, --help" if known else "there is --help alone"
        raise ConfigError(
            [
                f"{flag}: no such flag; "
                + (f"a key has no dashes: {flag.lstrip('-')}" if "=" in flag else there)
                for flag in unknown
            ]
        )


def _stop(number: int, frame: FrameType | None) -> None:
    """Let SIGTERM, which schedulers and `kill` send, end the work in order as Ctrl-C does."""
    raise KeyboardInterrupt
