"""Trials of a search, and the interface of what chooses them."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Ending = Literal["complete", "pruned", "failed"]


@dataclass(frozen=True)
class Trial:
    """One configuration of a search, with what is known of its folds.

    Args:
        number: its number in the search, from 0.
        parameters: text of the chosen value of each key, in Hydra's grammar.
        ending: how it ended; None as long as it has not.
        value: mean validation score of the folds that finished; None if there is none.
        folds: number of folds that finished.
        reason: why it failed.
    """

    number: int
    parameters: Mapping[str, str]
    ending: Ending | None = None
    value: float | None = None
    folds: int = 0
    reason: str | None = None

    @property
    def overrides(self) -> list[str]:
        """The chosen values as overrides."""
        return [f"{key}={text}" for key, text in self.parameters.items()]


class Study(ABC):
    """Trials of a search; those of earlier starts and of other processes included."""

    prunes = False
    """True if it may end a trial before its last fold, so that folds run one after the other."""
    capacity: float = math.inf
    """Largest number of trials."""

    @property
    @abstractmethod
    def retry(self) -> str:
        """Advice on how to try failed trials again."""

    @abstractmethod
    def size(self) -> int:
        """Return the number of trials that have begun."""

    @abstractmethod
    def unfinished(self) -> list[int]:
        """Return the numbers of the trials that have begun and not ended.

        Like :meth:`begin`, it is called by one process at a time.
        """

    @abstractmethod
    def begin(self) -> int:
        """Choose a further trial; return its number."""

    @abstractmethod
    def trial(self, number: int) -> Trial:
        """Return a trial that has begun."""

    @abstractmethod
    def report(self, number: int, scores: Sequence[float]) -> None:
        """Store the scores of the first folds of a trial."""

    def is_hopeless(self, number: int) -> bool:
        """Return whether a trial should end, after what was reported of it."""
        return False

    @abstractmethod
    def end(self, number: int, ending: Ending, reason: str | None = None) -> None:
        """End a trial, whose value is the mean of what was reported of it.

        Args:
            number: its number.
            ending: how it ended.
            reason: why it failed.
        """

    def trials(self) -> list[Trial]:
        """Return all trials by number."""
        return [self.trial(number) for number in range(self.size())]
