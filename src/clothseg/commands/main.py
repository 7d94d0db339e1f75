"""The commands: from the words of a command line to an exit status.

Nothing heavy is imported before it is needed: help and mistakes are answered at once.
"""

import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from types import FrameType

from clothseg import __version__
from clothseg.config.flags import MULTIRUN_FLAGS, QUERY_FLAGS, QUERY_MODIFIERS, split_flags
from clothseg.error import ConfigError, UserError


@dataclass(frozen=True)
class Command:
    """One command.

    Args:
        summary: one line for the list of commands.
        config: its main configuration, a file of `conf/`.
        flags: flags that it takes beside `--help`; they are handed to it with the overrides.
    """

    summary: str
    config: str
    flags: tuple[str, ...] = ()


COMMANDS = {
    "train": Command(
        "train one run, or with -m all folds and all combinations",
        "config",
        (*MULTIRUN_FLAGS, *QUERY_FLAGS, *QUERY_MODIFIERS),
    ),
    "evaluate": Command("score the best epoch of a recorded run", "evaluate"),
    "predict": Command("segment images with a recorded run", "predict"),
    "export": Command("write a recorded run's network for other programs", "export"),
    "score": Command("score a folder of predicted masks", "score"),
    "report": Command("compare recorded runs", "report"),
    "dataset": Command("audit, count, convert, draw or download a dataset", "dataset"),
    "benchmark": Command("time clothseg against hand-written code", "benchmark"),
}
"""Every command by its name: `clothseg.commands.<name>` has its function `<name>_command`."""


def main(name: str, arguments: Sequence[str], program: str | None = None) -> int:
    """Run a command; a user's mistake becomes one message.

    Args:
        name: a key of :data:`COMMANDS`.
        arguments: the command line behind the name; flags may stand anywhere in it.
        program: the words that started the command, where these are not `python <script>`.

    Returns:
        Exit status: 0 on success, 1 after an error or a failed job, 130 after Ctrl-C or SIGTERM.
    """
    command = COMMANDS[name]
    overrides, flags = split_flags(arguments)
    if "--help" in flags or "-h" in flags:
        from clothseg.config.help import help_text

        print(help_text(command.config, program))
        return 0
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        _require_known(flags, command.flags)
        work = getattr(import_module(f"clothseg.commands.{name}"), f"{name}_command")
        return work(overrides, flags) if command.flags else work(overrides)
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


def console() -> int:
    """Run `clothseg <command> …`, the console command of an installed package."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in COMMANDS:
        return main(name, arguments, program=f"clothseg {name}")
    if name in ("--help", "-h"):
        print("clothseg <command> [group=option …] [key=value …]\n")
        for known, command in COMMANDS.items():
            print(f"  {known:<10} {command.summary}")
        print("\nclothseg <command> --help shows every choice of a command.")
        return 0
    if name == "--version":
        print(f"clothseg {__version__}")
        return 0
    from clothseg.config.validation import did_you_mean

    print(f"error: {name}: no such command; {did_you_mean(name, COMMANDS)}", file=sys.stderr)
    return 1


def _require_known(flags: Sequence[str], known: Sequence[str]) -> None:
    """Refuse flags that a command does not have, which would otherwise change nothing."""
    unknown = [flag for flag in flags if flag.startswith("-") and flag not in known]
    if unknown:
        there = f"there are {', '.join(known)}, --help" if known else "there is only --help"
        raise ConfigError(
            [
                f"{flag}: no such flag; "
                + (f"a key has no dashes: {flag.lstrip('-')}" if "=" in flag else there)
                for flag in unknown
            ]
        )


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Let SIGTERM, which schedulers and `kill` send, stop the work as Ctrl-C does."""
    raise KeyboardInterrupt
