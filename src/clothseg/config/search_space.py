"""Search spaces: the ranges and choices of a command line, in Hydra's grammar.

`interval(1e-4,1e-1)` is a range of numbers, `tag(log,interval(…))` one on a logarithmic scale,
`int(interval(4,16))` one of whole numbers, `range(32,129,32)` one with steps, and `a,b` a choice.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep

from clothseg.config.flags import SWEEPERS
from clothseg.config.grammar import parse_override
from clothseg.config.override import sweep_problem, text_of, values_of
from clothseg.error import shortened
from clothseg.shipped import options

LOG = "log"
"""Tag of an interval that is searched on a logarithmic scale."""
WIDE = 100
"""Ratio of the bounds from which a linear range is pointed out."""
DIGITS = 4
"""Significant digits of a number that is not whole, and of the width of its range, to which numbers
are rounded so that names and commands stay short."""

T = TypeVar("T")


@dataclass(frozen=True)
class Range:
    """Numbers between two bounds, both of which are included.

    Args:
        key: the key or the group.
        low: lower bound; an integer for a range of whole numbers.
        high: upper bound, of the same type.
        log: whether the logarithm is uniform, instead of the number.
        step: difference of successive numbers, counted from `low`; None for all numbers.
    """

    key: str
    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None

    def text(self, number: int | float) -> str:
        """Write a number of the range in Hydra's grammar."""
        if self.step is not None:
            steps = round((number - self.low) / self.step)
            exact = Decimal(repr(self.low)) + steps * Decimal(repr(self.step))
            return repr(type(self.low)(exact))
        if isinstance(self.low, int):
            return repr(int(number))
        width = self.high - self.low
        magnitude = math.floor(math.log10(min(abs(number) or width, width)))
        rounded = round(float(number), DIGITS - 1 - magnitude)
        return repr(min(max(rounded, self.low), self.high))

    def has(self, text: object) -> bool:
        """Return whether a text is that of a number of the range."""
        try:
            number = type(self.low)(text) if isinstance(text, str) else math.nan
            return self.low <= number <= self.high and self.text(number) == text
        except ValueError:  # it is not a number
            return False

    @property
    def bounds(self) -> tuple[str, ...]:
        """Texts of both bounds."""
        return repr(self.low), repr(self.high)

    @property
    def is_lopsided(self) -> bool:
        """True if hardly any number of a linear range has the magnitude of its lower bound."""
        return self.count is None and not self.log and 0 < WIDE * self.low <= self.high

    @property
    def spacing(self) -> int | float | None:
        """Difference of successive numbers; None if every number lies in the range."""
        return 1 if self.step is None and isinstance(self.low, int) else self.step

    @property
    def count(self) -> int | None:
        """Number of numbers in the range; None if they are not countable."""
        if self.spacing is None:
            return None
        return round((self.high - self.low) / self.spacing) + 1


@dataclass(frozen=True)
class Choice:
    """Values without an order, such as the options of a group.

    Args:
        key: as for a range.
        texts: the values in Hydra's grammar.
    """

    key: str
    texts: tuple[str, ...]

    def has(self, text: object) -> bool:
        """Return whether a text is one of the values."""
        return text in self.texts

    @property
    def bounds(self) -> tuple[str, ...]:
        """All values."""
        return self.texts

    @property
    def count(self) -> int:
        """Number of values."""
        return len(self.texts)


Dimension = Range | Choice


def chooses_search(overrides: Iterable[str]) -> bool:
    """Return whether the arguments of a command select a sweeper of `conf/hydra/sweeper`."""
    return any(f"{SWEEPERS}={name}" in overrides for name in options(SWEEPERS))


def search_space(overrides: Iterable[str]) -> tuple[list[Dimension], list[str]]:
    """Separate what a valid command line searches from its overrides with a single value."""
    space, constant = [], []
    for text in overrides:
        found = dimension(parse_override(text))
        if found:
            space.append(found)
        else:
            constant.append(text.removeprefix("++"))
    return space, constant


def dimension(override: Override) -> Dimension | None:
    """Return what an override without problems searches; None if it has a single value."""
    key, value = override.get_key_element().lstrip("+"), override.value()
    if isinstance(value, IntervalSweep) and value.start is not None and value.end is not None:
        return Range(key, value.start, value.end, LOG in value.tags)
    if isinstance(value, RangeSweep):
        numbers = [*value.range()]
        if len(numbers) > 1:
            low, high = min(numbers), max(numbers)
            return Range(key, low, high, step=abs(value.step))
    if not override.is_sweep_override():
        return None
    if isinstance(value, ChoiceSweep | RangeSweep):
        return Choice(key, tuple(override.sweep_string_iterator()))
    return Choice(key, tuple(map(text_of, values_of(override))))


def range_problem(override: Override, is_group: bool) -> str | None:
    """Explain what is wrong with the range or the choice of an override; None if nothing is.

    Args:
        override: a parsed override of a search.
        is_group: whether its key is a config group of the command.
    """
    value, shown = override.value(), shortened(str(override.input_line))
    if not override.is_sweep_override():
        return None
    tags: set[str] = getattr(value, "tags", set())
    if unknown := sorted(tags - {LOG}):
        return f"{shown}: unknown tag {', '.join(unknown)}; the only one of a search is {LOG}"
    if not isinstance(value, IntervalSweep):
        if tags:
            return f"{shown}: only an interval can have a logarithmic scale"
        if getattr(value, "shuffle", False):
            return f"{shown}: shuffle() is of no use in a search, which has no order"
        return sweep_problem(override, is_group)
    low, high = value.start, value.end
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return f"{shown}: the bounds of a range must be finite numbers"
    if low >= high:
        return f"{shown}: the lower bound must be smaller than the upper one"
    if LOG in tags and low <= 0:
        return f"{shown}: a logarithmic scale needs bounds greater than 0"
    return None


def advice(problem: str, overrides: Iterable[Override]) -> str:
    """Add to the problem of a bound of a range how to write a range of whole numbers."""
    for override in overrides:
        key, value = override.key_or_group, override.value()
        if (
            isinstance(value, IntervalSweep)
            and problem.startswith(f"{key}=")
            and problem.endswith("valid integer")
        ):
            written = str(override.input_line).partition("=")[2]
            return f"{problem}; write '{key}=int({written})'"
    return problem


def bounding(override: Override) -> Override:
    """Replace a range by a choice of its two bounds."""
    found = dimension(override)
    if not isinstance(found, Range):
        return override
    return parse_override(f"{found.key}={','.join(found.bounds)}")


def one_at_a_time(*choices: Sequence[T]) -> Iterator[tuple[T, ...]]:
    """Combine the first values of all choices, and each other value with the first of the rest.

    A search cannot try all combinations before it starts, but every value of each key.
    """
    first = tuple(choice[0] for choice in choices)
    yield first
    for place, choice in enumerate(choices):
        for value in itertools.islice(choice, 1, None):
            yield (*first[:place], value, *first[place + 1 :])
