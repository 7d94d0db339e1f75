"""Image sizes that label pooling covers, checked before heavy libraries are imported."""

from itertools import count

STEP = 32
"""Stride of level 4, pixels."""
SMALLEST = 7 * STEP
"""Smallest side of which levels 5 and 6 have a window, pixels."""
UNCOVERED = 3 * STEP
"""Divisor of the sides whose last 32 pixels are outside all windows of level 5, pixels."""


def pooling_problem(height: int, width: int) -> str | None:
    """Explain why the windows of label pooling do not cover an image; None if they do.

    Each window of level 5 has 3x3 windows of level 4, of 32 x 32 pixels; the first begins outside
    the image, by one of them. Each window of level 6 has 3x3 windows of level 5.

    Args:
        height: height of the image in pixels.
        width: width of the image in pixels.

    Returns:
        The side that does not fit, the condition, and the nearest sides that fit.

    Source: dang2020, Table II, blocks P0 to P5; the paper has images of 224 x 224 pixels only.
    """
    for name, side in (("height", height), ("width", width)):
        if not _fits(side):
            below = next((size for size in range(side, 0, -1) if _fits(size)), None)
            above = next(size for size in count(side) if _fits(size))
            return (
                f"label pooling does not cover a {name} of {side} px; it must be a multiple of "
                f"{STEP}, at least {SMALLEST} and not a multiple of {UNCOVERED}, such as "
                f"{f'{below} or {above}' if below else above}"
            )
    return None


def _fits(side: int) -> bool:
    return side >= SMALLEST and side % STEP == 0 and side % UNCOVERED != 0
