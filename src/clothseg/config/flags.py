"""Flags of a command line, and the Hydra keys that may be set on it."""

from collections.abc import Sequence

from clothseg.config.suggestion import did_you_mean

VALUE_FLAGS = ("--cfg", "-c", "--package", "-p", "--config-dir", "-cd", "--info", "-i")
"""Hydra's flags that are followed by a value."""

HYDRA_HELP = "--hydra-help"
"""Flag of Hydra's text about itself, for which Hydra composes none of our options."""
QUERY_FLAGS = (
    "--cfg",
    "-c",
    "--info",
    "-i",
    HYDRA_HELP,
    "--version",
)
"""Flags that query Hydra without training anything."""
CHOICES = {
    "--cfg": ("job", "hydra", "all"),
    "--info": ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath"),
}
"""Values of Hydra's flags that are not free."""
SHORT = {"-c": "--cfg", "-i": "--info", "-p": "--package"}
"""Flags by their short forms."""
QUERY_MODIFIERS = ("--package", "-p", "--resolve")
"""Flags that control the output of `--cfg`."""
MULTIRUN_FLAGS = ("-m", "--multirun")
"""Flags that run all folds and all combinations."""

SWEEPERS = "hydra/sweeper"
HYDRA_GROUPS = ("hydra/launcher", SWEEPERS)
"""Hydra's own config groups that may be selected on the command line."""
LAUNCHER, SWEEPER = "hydra.launcher.", "hydra.sweeper."
"""Prefixes of Hydra's own keys that may be set on the command line."""


def split_flags(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Separate overrides from flags; Hydra misparses flags in the middle of overrides."""
    overrides: list[str] = []
    flags: list[str] = []
    for argument in arguments:
        flag, equals, text = argument.partition("=")
        if equals and flag in VALUE_FLAGS:
            flags += [flag, text]
            continue
        value = bool(flags) and flags[-1] in VALUE_FLAGS and not argument.startswith("-")
        (flags if argument.startswith("-") or value else overrides).append(argument)
    return overrides, flags


def query_problems(flags: Sequence[str]) -> list[str]:
    """Find the flags whose value is missing or unknown, one sentence each.

    Args:
        flags: the flags of a command line, each followed by its value.
    """
    problems = []
    for flag, following in zip(flags, [*flags[1:], "-"], strict=True):
        name = SHORT.get(flag, flag)
        value = "" if following.startswith("-") else following
        known = CHOICES.get(name, ())
        if value and known and value not in known:
            problems.append(f"{flag} {value}: no such value; {did_you_mean(value, known)}")
        elif not value and name in ("--cfg", "--package"):
            listed = "|".join(known) or "<key>"
            problems.append(f"{flag}: its value is missing; write {flag} {listed}")
    return problems


def is_hydra_key(key: str) -> bool:
    """Return whether a key or a group belongs to Hydra."""
    return key.startswith(("hydra.", "hydra/"))


def hydra_problem(key: str, override: str) -> str | None:
    """Error message for an override of a Hydra key that must not be set, otherwise None.

    Some of Hydra's keys can execute arbitrary code.

    Args:
        key: the key that is set, or the group that an option is selected for.
        override: the override as typed.
    """
    if not is_hydra_key(key) or key in HYDRA_GROUPS:
        return None
    if key.startswith("hydra.sweeper.params"):
        return f"{key}: cannot be set; write sweeps on the command line, as <key>=a,b with -m"
    if key.startswith((LAUNCHER, SWEEPER)) and "_target_" not in override:
        return None
    return f"{key}: cannot be set; of Hydra's keys only hydra.launcher.* and hydra.sweeper.* can"
