"""Tasks: training, evaluation and use of networks.

A task is chosen by the network: its option of the group `model` selects that of the group `task`.
The functions of this module return the settings of a task.
"""

from dataclasses import dataclass
from typing import Literal

from clothseg.metric.parsing.instances import Absent, Matching
from clothseg.metric.parsing.scores import Rules

Characterized = Literal["cut", "majority"]


@dataclass(frozen=True)
class Semantic:
    """Semantic segmentation: one class for every pixel."""


@dataclass(frozen=True)
class Parsing:
    """Human parsing: people, their parts, and characteristics of these.

    Args:
        rules: choices between definitions of scores.
    """

    rules: Rules


Task = Semantic | Parsing


def semantic() -> Semantic:
    """One class for every pixel."""
    return Semantic()


def parsing(
    *, matching: Matching, absent: Absent, characterized: Characterized, empty_people: bool
) -> Parsing:
    """People, their parts, and size, pattern and color of these.

    Args:
        matching: whether several predicted parts may hit the same true one.
        absent: whether classes that are predicted but do not exist are left out of means.
        characterized: how a characteristic divides a part.
        empty_people: whether true people without any part count.
    """
    return Parsing(Rules(matching, absent, characterized, empty_people))
