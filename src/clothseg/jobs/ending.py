"""How work ended: with a result, or with what people have to be told."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from clothseg.error import ClaimedError, UserError, first_line

Work = Callable[[int], Any]
"""What a process does, given its rank among those that work together."""


@dataclass(frozen=True)
class Done:
    """The work came to its end.

    Args:
        value: what it returned.
    """

    value: Any = None


@dataclass(frozen=True)
class Failure:
    """Why work did not come to its end.

    Args:
        result: `interrupted` by Ctrl-C or by a scheduler, `elsewhere` when another process does
            the same, or `failed`.
        detail: the error.
        trace: the traceback of an unexpected error.
    """

    result: Literal["failed", "interrupted", "elsewhere"]
    detail: str = ""
    trace: str | None = None


class Killed(Failure):
    """A process ended without a word."""


def attempt(work: Callable[[], Any]) -> Done | Failure:
    """Do work in this process; never raises."""
    try:
        return Done(work())
    except KeyboardInterrupt:
        return Failure("interrupted")
    except ClaimedError as error:
        return Failure("elsewhere", str(error))
    except UserError as error:
        return Failure("failed", str(error))
    except Exception as error:
        first = first_line(error)
        return Failure("failed", f"{type(error).__name__}: {first}", traceback.format_exc())
