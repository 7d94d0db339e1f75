"""Random search: trial `n` is a function of the seed and of `n`, and equals no earlier one.

Nothing is stored, because the records of the runs tell which trials are done.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from clothseg.config.search_space import Choice, Dimension
from clothseg.jobs.search.study import Ending, Study, Trial

ATTEMPTS = 10_000
"""Draws after which a trial may equal an earlier one, as in a range narrower than its rounding."""


class RandomStudy(Study):
    """Trials that are drawn independently of each other; each start begins them anew.

    Args:
        space: the search space.
        seed: random seed.
    """

    def __init__(self, space: Sequence[Dimension], seed: int) -> None:
        self.space, self.seed = space, seed
        self.capacity = math.prod(part.count or math.inf for part in space)
        self._trials: list[Trial] = []
        self._known: set[tuple[str, ...]] = set()

    @property
    def retry(self) -> str:
        """Nothing but the start."""
        return "rerun this command to try them again"

    def size(self) -> int:
        """Return the number of trials that have begun in this process."""
        return len(self._trials)

    def unfinished(self) -> list[int]:
        """Return the numbers of the trials that have not ended in this process."""
        return [trial.number for trial in self._trials if trial.ending is None]

    def begin(self) -> int:
        """Draw a further trial that no earlier one equals, if one is found; return its number."""
        number = len(self._trials)
        random = np.random.default_rng([self.seed, number])
        for _ in range(ATTEMPTS):
            drawn = self._draw(random)
            if drawn not in self._known:
                break
        self._known.add(drawn)
        keys = [part.key for part in self.space]
        self._trials.append(Trial(number, dict(zip(keys, drawn, strict=True))))
        return number

    def _draw(self, random: np.random.Generator) -> tuple[str, ...]:
        return tuple(_value(part, random.random()) for part in self.space)

    def trial(self, number: int) -> Trial:
        """Return a trial."""
        return self._trials[number]

    def report(self, number: int, scores: Sequence[float]) -> None:
        """Keep the mean of scores of folds."""
        self._trials[number] = replace(
            self._trials[number], value=math.fsum(scores) / len(scores), folds=len(scores)
        )

    def end(self, number: int, ending: Ending, reason: str | None = None) -> None:
        """End a trial as far as this process is concerned."""
        self._trials[number] = replace(self._trials[number], ending=ending, reason=reason)


def _value(dimension: Dimension, uniform: float) -> str:
    """Convert a random number from [0, 1) to the text of a value."""
    if isinstance(dimension, Choice):
        return dimension.texts[int(uniform * dimension.count)]
    low, high, count = dimension.low, dimension.high, dimension.count
    if not dimension.log:
        if count is None or dimension.spacing is None:
            return dimension.text(low + uniform * (high - low))
        return dimension.text(low + dimension.spacing * int(uniform * count))
    if count is None:
        return dimension.text(low * (high / low) ** uniform)
    low, high = low - 0.5, high + 0.5  # every whole number has half a step on both sides
    number = round(low * (high / low) ** uniform)
    return dimension.text(min(max(number, dimension.low), dimension.high))
