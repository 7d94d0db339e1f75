"""Filters of runs in the language of wandb-workspaces."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from clothseg.logger.wandb_keys import JobType

TRAINED: Sequence[JobType] = ("fold", "run")
"""Runs that were trained; a summary beside its folds would count once more in their mean."""
SUMMARIZED: Sequence[JobType] = ("summary",)
SPECIAL = re.compile(r"[^A-Za-z0-9]")


@dataclass(frozen=True)
class Selected:
    """Groups of runs that are compared, by their names at the service.

    Args:
        complete: configurations with a run that has the mean over all folds.
        others: configurations whose runs stand for themselves.
    """

    complete: Sequence[str]
    others: Sequence[str]

    @property
    def trained(self) -> str:
        """Filter of all runs that were trained."""
        return _filter([*self.complete, *self.others], TRAINED)

    @property
    def configurations(self) -> str:
        """Filter of the runs that stand for a configuration."""
        parts = [
            f"({_filter(groups, types)})"
            for groups, types in ((self.complete, SUMMARIZED), (self.others, TRAINED))
            if groups
        ]
        return " or ".join(parts)


def _filter(groups: Sequence[str], types: Sequence[JobType]) -> str:
    return f"Metric('Group') in {_list(groups)} and Metric('JobType') in {_list(types)}"


def _list(names: Sequence[str]) -> str:
    return f"[{', '.join(map(_quoted, names))}]"


def _quoted(name: str) -> str:
    """Quote a name as a literal of Python, in which the library can see no operator of its own."""
    return "'" + SPECIAL.sub(lambda found: f"\\U{ord(found[0]):08x}", name) + "'"
