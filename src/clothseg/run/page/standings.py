"""Comparison of configurations for a page, in words and rounded numbers."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from clothseg.metric.names import Score
from clothseg.report.mean_curves import factor
from clothseg.report.page.content import Comparison, Interval, Standing
from clothseg.report.tables import counted
from clothseg.run import comparison as tested


def compared(found: tested.Comparison, names: Sequence[str]) -> Comparison:
    """Convert a comparison to what a page shows of it.

    Args:
        found: the comparison.
        names: names of the configurations in the order of the page.
    """
    heading = f"test {found.score.heading}" + (", percent" if found.score.fraction else "")
    standings = [_standing(found, name) for name in names]
    return Comparison(heading, found.rule.lstrip(", "), standings)


def class_test(differences: Mapping[str, tested.Difference], pairs: int) -> str:
    """Describe the tests of classes; empty if there are none.

    Args:
        differences: differences of classes by configuration.
        pairs: number of pairs of configurations for which they are adjusted.
    """
    if not differences:
        return ""
    tests = " and ".join(dict.fromkeys(tested.TESTS[one.method] for one in differences.values()))
    adjusted = f"the classes of {counted(pairs, 'pair')}"
    return f"{tests}, level {100 * tested.ALPHA:g} %, Holm over {adjusted}"


def told_classes(difference: tested.Difference | None) -> np.ndarray | None:
    """Return where a test tells the classes of a configuration from the best, int8 [K].

    Args:
        difference: differences [K], the best minus the configuration; None without a test.

    Returns:
        1 where the configuration is higher, -1 where it is lower, else 0.
    """
    if difference is None:
        return None
    is_told = difference.p <= tested.ALPHA  # False where p is NaN
    return np.where(is_told, -np.sign(np.nan_to_num(difference.value)), 0).astype(np.int8)


def _standing(found: tested.Comparison, name: str) -> Standing:
    one = found.standings[name]
    return Standing(
        score=_interval(one.bounds, found.score),
        difference=_interval(one.difference, found.score),
        p=None if math.isnan(one.p) else one.p,
        verdict=_verdict(found, name),
    )


def _interval(limits: tested.Bounds | tested.Difference | None, score: Score) -> Interval | None:
    if limits is None:
        return None
    scale = factor(score)
    return Interval(*(scale * float(one) for one in (limits.value, limits.low, limits.high)))


def _verdict(found: tested.Comparison, name: str) -> str:
    one = found.standings[name]
    if name == found.best:
        return "best"
    if one.obstacle:
        return f"not tested: {one.obstacle}"
    if one.difference is None:
        return "not tested"
    if not one.is_told:
        return "cannot be told from the best"
    return "worse" if one.is_worse else "better on the test images, worse in validation"
