"""Checks of a search before its first trial: whether its trials could be compared."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from clothseg.config.composition import FOLD
from clothseg.config.flags import SWEEPERS
from clothseg.config.run_config import RunConfig
from clothseg.config.search_space import Dimension, Range
from clothseg.error import ConfigError
from clothseg.extras import require_extra
from clothseg.metric.names import DEFAULT_MONITOR, VALIDATION_LOSS
from clothseg.run.signature import is_irrelevant

MONITOR = "callbacks.checkpoints.monitor"
MIN_CMAES = 2
"""Smallest number of ranges that CMA-ES searches."""


def require_comparable(
    space: Sequence[Dimension], configs: Sequence[RunConfig], settings: Mapping[str, Any]
) -> None:
    """Check that a search has something to find, and chooses by comparable validation scores.

    Args:
        space: the search space.
        configs: configurations with each value of a choice, and the bounds of each range.
        settings: settings of the sweeper.

    Raises:
        ConfigError: lists all reasons against it.
    """
    if "sampler" in settings:
        require_extra("optuna", "hydra/sweeper=optuna")
    problems = [
        *_key_problems([part.key for part in space]),
        *_score_problems([part.key for part in space], configs),
        *_sampler_problems(space, settings.get("sampler")),
    ]
    if problems:
        raise ConfigError(problems)


def _key_problems(keys: Sequence[str]) -> Iterator[str]:
    if not keys:
        yield (
            f"{SWEEPERS}: nothing to search; give a key several values, such as "
            "'optimizer.lr=tag(log,interval(1e-4,1e-1))' or loss=focal,dice"
        )
    for key in keys:
        if key == FOLD:
            yield f"{FOLD}: cannot be searched, because a trial is all of its folds"
        elif is_irrelevant(key):
            yield f"{key}: cannot be searched, because it has no effect on the score"


def _score_problems(keys: Sequence[str], configs: Sequence[RunConfig]) -> Iterator[str]:
    monitors = {config.monitor for config in configs}
    if len(monitors) > 1:
        found = ", ".join(sorted(monitors))
        yield f"{MONITOR}: all trials need the same, because it compares them; found {found}"
    if VALIDATION_LOSS in monitors and any(key.split(".")[0] == "loss" for key in keys):
        yield (
            f"{MONITOR}={VALIDATION_LOSS}: cannot compare trials whose losses differ; choose a "
            f"score, such as {DEFAULT_MONITOR}"
        )
    if any(config.plain["split"].get("validation") == "test" for config in configs):
        yield (
            "split.validation=test: a search would choose by the test part, whose score would be "
            "too good; set a fraction, such as split.validation=0.2"
        )
    if any(config.rerun for config in configs):
        yield "rerun=true: a search goes on from its records, so none of them can be replaced"


def _sampler_problems(space: Sequence[Dimension], sampler: str | None) -> Iterator[str]:
    ranges = [part for part in space if isinstance(part, Range)]
    if sampler == "cmaes" and len(ranges) < MIN_CMAES:
        yield (
            f"hydra.sweeper.sampler=cmaes: needs at least {MIN_CMAES} ranges of numbers, but there "
            f"are {len(ranges)}; use tpe"
        )
    for part in ranges:
        if sampler == "grid" and part.count is None:
            yield (
                f"hydra.sweeper.sampler=grid: {part.key} has endlessly many values; write "
                "range(start,stop,step) or a choice"
            )
