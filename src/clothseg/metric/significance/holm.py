"""Several tests at once."""

import numpy as np


def holm(p_values: np.ndarray, tests: int | None = None) -> np.ndarray:
    """Adjust p-values so that one or more false findings among all have at most the level alpha.

    It holds for tests that depend on each other in any way.

    Args:
        p_values: p-values 0 to 1 of any shape; undefined ones (NaN) are no tests.
        tests: number of tests that could have been selected, if these are some of them only; the
            others count as if their p-values were 1.

    Returns:
        Adjusted p-values 0 to 1 of the same shape, to be compared with alpha; NaN stays NaN.

    Source: Holm (1979), A simple sequentially rejective multiple test procedure.
    """
    adjusted = np.full(p_values.shape, np.nan)
    defined = ~np.isnan(p_values)
    found = p_values[defined]
    order = np.argsort(found)
    counted = len(found) if tests is None else tests
    stepped = np.maximum.accumulate(found[order] * (counted - np.arange(len(found))))
    inverse = np.argsort(order)
    adjusted[defined] = np.minimum(stepped, 1.0)[inverse]
    return adjusted
