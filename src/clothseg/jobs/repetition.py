"""Repetition of a recorded run, unchanged or with other keys."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clothseg.config.command_line import check_command, constant_keys
from clothseg.config.composition import FOLD, Composed
from clothseg.config.consistency import contradictions
from clothseg.config.flags import is_hydra_key
from clothseg.config.override import parse
from clothseg.config.run_config import RunConfig
from clothseg.error import ConfigError
from clothseg.run.record import Record
from clothseg.run.restore import recorded_reader, warn_if_code_changed
from clothseg.run.signature import is_irrelevant

OF_THE_COMMAND = frozenset({"trust", "output", "logger", "data.cache"})
"""Keys that a repeated run takes from its command. A record, which may be a stranger's, must not
decide which modules are trusted, where files are written, or to whom results are sent."""


@dataclass(frozen=True)
class _Command:
    """Command that repeats a run.

    Args:
        overrides: its arguments.
        recorded: arguments of the recorded command that these do not replace.
    """

    overrides: Sequence[str]
    recorded: Sequence[str]

    @property
    def keys(self) -> set[str]:
        """Keys that the command sets."""
        return set(constant_keys(self.overrides))

    @property
    def changes(self) -> bool:
        """True if the command sets a key that can affect the result."""
        return any(not is_irrelevant(key) for key in self.keys)

    def composed(self, every_fold: bool) -> Composed[RunConfig]:
        """Compose the command; if it changes something, on top of the recorded one."""
        recorded = self._relevant() if self.changes else []
        composed = check_command([*recorded, *self.overrides], every_fold)
        if len(composed) > 1:
            raise ConfigError(["rerun_from repeats a single run, not several"])
        return composed[0]

    def original(self, folder: Path) -> Composed[RunConfig]:
        """Compose the recorded command as the current version does.

        Raises:
            ConfigError: it has options or keys that the version does not know.
        """
        own = [o for o in self.overrides if is_irrelevant(_key(o))]
        try:
            return check_command([*self._relevant(), *own])[0]
        except ConfigError as error:
            raise ConfigError(
                [
                    f"rerun_from: other keys cannot be set, because the command of {folder} is not "
                    f"valid any more: {problem}"
                    for problem in error.problems
                ]
            ) from error

    def _relevant(self) -> list[str]:
        # A dataset may require its folder, which is not taken from here.
        texts = [
            o for o in self.recorded if _is_relevant(_key(o)) or _key(o).startswith("dataset.")
        ]
        if problems := [
            f"rerun_from: other keys cannot be set, because the record has {text}, which refers to "
            "another key"
            for text in texts
            if "${" in text
        ]:
            raise ConfigError(problems)
        return texts


def origin(overrides: Sequence[str]) -> Path | None:
    """Return the run folder that a command repeats; None for a new run."""
    for override in parse(overrides, []):
        if override.key_or_group == "rerun_from" and not override.is_sweep_override():
            return Path(str(override.value())) if override.value() else None
    return None


def repetition(folder: Path, overrides: Sequence[str], every_fold: bool) -> Composed[RunConfig]:
    """Build the configuration of a run that repeats another; the original record remains.

    Keys of the command replace those of the record, and with them what follows from them: what the
    composition of both commands differs in. The new record names its origin as `rerun_from`.

    Args:
        folder: run folder of the original.
        overrides: arguments of the command of the form key=value.
        every_fold: the command asks for all folds, which is refused.

    Raises:
        ConfigError: the command is invalid, or there is no such run.
        DataError: the record is damaged.
    """
    original = Record(folder)
    recorded = original.config
    replaced = {_key(text) for text in overrides}
    remaining = [text for text in recorded["overrides"] if not _is_replaced(_key(text), replaced)]
    command = _Command(overrides, remaining)
    if FOLD in command.keys:
        raise ConfigError([f"rerun_from repeats the fold of a run, so {FOLD} cannot be set"])
    before = command.original(folder) if command.changes else None
    composed = command.composed(every_fold)
    plain, choices = copy.deepcopy(recorded["config"]), dict(recorded["choices"])
    if before:
        _change(before.config.plain, composed.config.plain, plain)
        _change(before.choices, composed.choices, choices)
    for key in {key for key in command.keys if is_irrelevant(key)} | OF_THE_COMMAND:
        _copy_key(composed.config.plain, plain, key)
    again = composed.config.rerun or not command.changes
    config = RunConfig.of({**plain, "rerun": again})
    if problems := contradictions(config.plain, choices):
        raise ConfigError(problems)
    warn_if_code_changed(original, config)
    if "dataset.root" not in command.keys:
        recorded_reader(config, "dataset.root")
    return Composed(config, choices, {}, [*remaining, *overrides])


def _key(text: str) -> str:
    return text.lstrip("+~").partition("=")[0]


def _is_relevant(key: str) -> bool:
    return not is_irrelevant(key) and not is_hydra_key(key)


def _is_replaced(key: str, replaced: set[str]) -> bool:
    """Return whether a command sets a key, or selects another option of its group."""
    return any(key == other or key.startswith(f"{other}.") for other in replaced)


def _change(before: Mapping[str, Any], after: Mapping[str, Any], target: dict[str, Any]) -> None:
    """Apply the difference of two configurations to a third."""
    for key in {**before, **after}:
        old, new = before.get(key), after.get(key)
        if old == new and (key in before) == (key in after):
            continue
        nodes = [node for node in (old, new, target.get(key)) if isinstance(node, dict)]
        if len(nodes) == 3 and len({node.get("_target_") for node in nodes}) == 1:
            _change(*nodes)
        elif key in after:
            target[key] = copy.deepcopy(new)
        else:
            target.pop(key, None)


def _copy_key(source: Mapping[str, Any], target: dict[str, Any], key: str) -> None:
    """Copy the value of a dotted key, or its absence."""
    *groups, last = key.split(".")
    for group in groups:
        source, target = source.get(group, {}), target.setdefault(group, {})
    if last in source:
        target[last] = source[last]
    else:
        target.pop(last, None)
