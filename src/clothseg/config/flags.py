"""Flags of a command line, and the keys of Hydra's own that a command may set."""

from collections.abc import Sequence

TAKES_VALUE = ("--cfg", "-c", "--package", "-p", "--config-dir", "-cd", "--info", "-i")
"""Hydra's flags that are followed by a value."""

QUERY_FLAGS = (
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
QUERY_MODIFIERS = ("--package", "-p", "--resolve")
"""Flags that say what of a configuration is shown."""
MULTIRUN_FLAGS = ("-m", "--multirun")
"""Flags for all folds and all combinations."""

HYDRA_GROUPS = ("hydra/launcher", "hydra/sweeper")
"""Groups of Hydra's own that a command may choose."""
LAUNCHER, SWEEPER = "hydra.launcher.", "hydra.sweeper."
"""What keys of Hydra's own begin with that a command may set."""


def split_flags(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
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


def is_hydra_key(key: str) -> bool:
    """Whether a key or a group is Hydra's own."""
    return key.startswith(("hydra.", "hydra/"))


def hydra_problem(key: str, override: str) -> str | None:
    """What is wrong with an override of Hydra's own keys; several can have any code executed.

    Args:
        key: that is set, or the group of which an option is chosen.
        override: as it was typed.
    """
    if not is_hydra_key(key) or key in HYDRA_GROUPS:
        return None
    if key.startswith("hydra.sweeper.params"):
        return f"{key}: a sweep is written on the command line: sweep with <key>=a,b and -m"
    if key.startswith((LAUNCHER, SWEEPER)) and "_target_" not in override:
        return None
    return f"{key}: of Hydra's own keys a command may set those of hydra.launcher and hydra.sweeper"
