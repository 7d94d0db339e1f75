"""Entry points of all commands, from the command line to the exit status.

Heavy modules are imported only when needed, so that help and errors appear immediately.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

from clothseg import __version__
from clothseg.config.flags import MULTIRUN_FLAGS, QUERY_FLAGS, QUERY_MODIFIERS, split_flags
from clothseg.error import ConfigError, UserError
from clothseg.terminal.signals import interrupt_on_signals
from clothseg.terminal.streams import outlive_readers, print_error


@dataclass(frozen=True)
class Command:
    """Description of a command.

    Args:
        summary: one line for the list of commands.
        config: main configuration, a file in `conf/`.
        flags: flags that it accepts in addition to `--help`; passed to it with the overrides.
    """

    summary: str
    config: str
    flags: tuple[str, ...] = ()


COMMANDS = {
    "train": Command(
        "train one run, or all folds and combinations with -m",
        "config",
        (*MULTIRUN_FLAGS, *QUERY_FLAGS, *QUERY_MODIFIERS),
    ),
    "evaluate": Command("score the best epoch of a recorded run", "evaluate"),
    "predict": Command("segment images with a recorded run", "predict"),
    "export": Command("export the network of a recorded run to ONNX", "export"),
    "score": Command("score a folder of predicted masks", "score"),
    "report": Command("compare recorded runs", "report"),
    "status": Command("show what runs and sweeps are doing", "status"),
    "tables": Command("fill and write the tables and figures of the papers", "tables"),
    "dataset": Command("audit, analyze, convert, crop, draw or download a dataset", "dataset"),
    "benchmark": Command("benchmark clothseg against hand-written code", "benchmark"),
}
"""Commands by name; each is the function `<name>_command` of `clothseg.commands.<name>`."""


def main(name: str, arguments: Sequence[str], program: str | None = None) -> int:
    """Run a command; print a user error as a message without traceback.

    Args:
        name: a key of :data:`COMMANDS`.
        arguments: command line after the name; flags may appear anywhere in it.
        program: words that start the command, if they are not `python <script>`.

    Returns:
        Exit status: 0 on success, 1 after an error or a failed job, 130 after Ctrl-C or SIGTERM.
    """
    outlive_readers()
    command = COMMANDS[name]
    overrides, flags = split_flags(arguments)
    if "--help" in flags or "-h" in flags:
        from clothseg.config.help import help_text

        print(help_text(command.config, program))
        return 0
    interrupt_on_signals()
    try:
        _require_known(flags, command)
        run = getattr(import_module(f"clothseg.commands.{name}"), f"{name}_command")
        status: int = run(overrides, flags) if command.flags else run(overrides)
        return status
    except UserError as error:
        print_error(error)
        return 1
    except OSError as error:
        if error.filename is None:
            raise
        print_error(f"{error.filename}: {error.strerror}")
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def console() -> int:
    """Run `clothseg <command> …`, the console command of an installed package."""
    outlive_readers()
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in COMMANDS:
        return main(name, arguments, program=f"clothseg {name}")
    if name in ("--help", "-h"):
        print("clothseg <command> [group=option …] [key=value …]\n")
        for known, command in COMMANDS.items():
            print(f"  {known:<10} {command.summary}")
        print("\nclothseg <command> --help lists all options of a command.")
        return 0
    if name == "--version":
        print(f"clothseg {__version__}")
        return 0
    from clothseg.config.suggestion import did_you_mean

    print_error(f"{name}: no such command; {did_you_mean(name, COMMANDS)}")
    return 1


def _require_known(flags: Sequence[str], command: Command) -> None:
    """Reject flags that a command does not have, which would otherwise be ignored silently."""
    unknown = [flag for flag in flags if flag.startswith("-") and flag not in command.flags]
    if unknown:
        raise ConfigError([f"{flag}: no such flag; {_advice(flag, command)}" for flag in unknown])


def _advice(flag: str, command: Command) -> str:
    """Advise to drop the dashes of a key; list the flags if there is no such key either."""
    from clothseg.config.command_line import top_level_keys

    text = flag.lstrip("-")
    if "=" in text and text.partition("=")[0].partition(".")[0] in top_level_keys(command.config):
        return f"write keys without dashes: {text}"
    return f"available: {', '.join([*command.flags, '--help'])}"
