"""Run-length encoding of COCO: runs of 0 and 1 in turn, column by column, from a run of 0."""

from collections.abc import Sequence

import numpy as np

BITS = 5
"""Bits of a number in a character; the sixth tells whether another one follows."""
MORE, SIGN, FIRST = 1 << BITS, 1 << (BITS - 1), ord("0")


def decode(counts: str | Sequence[int], height: int, width: int) -> np.ndarray:
    """Decode a mask, bool [H,W].

    Args:
        counts: lengths of the runs, or the text that stands for them.
        height: height of the mask, pixels.
        width: width of the mask, pixels.

    Raises:
        ValueError: the counts are no such text, or their sum is not the number of pixels.
    """
    lengths = _numbers(counts) if isinstance(counts, str) else list(counts)
    if any(length < 0 for length in lengths) or sum(lengths) != height * width:
        raise ValueError(f"the runs do not add up to {width} x {height} pixels")
    values = np.arange(len(lengths)) % 2 == 1
    return np.repeat(values, lengths).reshape(width, height).T


def encode(mask: np.ndarray) -> str:
    """Encode a mask, bool [H,W], as text."""
    flat = np.concatenate([[False], mask.T.ravel(), [not mask.T.ravel()[-1]]])
    ends = np.flatnonzero(flat[1:] != flat[:-1])
    lengths = np.diff(ends, prepend=0).tolist()
    return "".join(_text(n - m) for n, m in zip(lengths, _reference(lengths), strict=True))


def _reference(lengths: Sequence[int]) -> list[int]:
    """Subtrahend of each number: the run of the same value before the last, from the fourth on."""
    return [lengths[i - 2] if i > 2 else 0 for i in range(len(lengths))]


def _text(number: int) -> str:
    """Write a number in groups of five bits, the lowest first."""
    text = ""
    while True:
        group, number = number & (MORE - 1), number >> BITS
        # Complete as soon as the rest is what the sign of this group stands for.
        if number == (-1 if group & SIGN else 0):
            return text + chr(FIRST + group)
        text += chr(FIRST + group + MORE)


def _numbers(text: str) -> list[int]:
    """Read the numbers that a text stands for, and add what was subtracted from them."""
    numbers: list[int] = []
    value = shift = 0
    for character in text:
        group = ord(character) - FIRST
        if not 0 <= group < 2 * MORE:
            raise ValueError(f"`{character}` is no character of run-length encoding")
        value |= (group & (MORE - 1)) << shift
        shift += BITS
        if group & MORE:
            if shift > 60:
                raise ValueError("a run is too long")
            continue
        if group & SIGN:
            value -= 1 << shift
        numbers.append(value + (numbers[-2] if len(numbers) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("the text ends within a number")
    return numbers
