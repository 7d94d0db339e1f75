"""First colors of the shipped label spaces, with which signatures are computed.

Colors cannot affect a result, but they have been in signatures since the first release. New colors
of a shipped label space therefore do not move its run folders.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

REFINED15 = (
    "#000000", "#f58231", "#3cb44b", "#e6194b", "#9a6324", "#42d4f4", "#800000", "#ffe119",
    "#4363d8", "#f032e6", "#aaffc3", "#911eb4", "#469990", "#fabed4", "#bfef45",
)  # fmt: skip


def voc_colors(number: int) -> list[str]:
    """Return the first colors of PASCAL VOC, `#rrggbb`.

    The bits of an id are dealt to red, green and blue in turn, the lowest as the highest of red.

    Source: VOClabelcolormap of the development kit of the PASCAL VOC Challenge 2012.
    """
    colors = []
    for index in range(number):
        channels = [
            sum((index >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(8))
            for channel in range(3)
        ]
        colors.append(f"#{bytes(channels).hex()}")
    return colors


def _voc_in_capitals(number: int) -> list[str]:
    return [f"#{color[1:].upper()}" for color in voc_colors(number)]


FIRST: Mapping[str, Callable[[int], Sequence[str]]] = {
    "ccp59": _voc_in_capitals,
    "cfpd23": voc_colors,
    "imaterialist46": voc_colors,
    "modanet13": voc_colors,
    "refined15": lambda number: REFINED15[:number],
}
"""First colors of label spaces that have others now, for a number of classes."""


def first_colors(labels: Mapping[str, Any]) -> list[str]:
    """Return the colors that stand for those of a label space in a signature.

    Args:
        labels: configuration of the label space.
    """
    colors = labels.get("colors", [])
    known = FIRST.get(labels.get("name", ""))
    return list(known(len(colors)) if known else colors)
