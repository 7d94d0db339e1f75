"""Result types of work done in a process: a value, or a failure to report."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from clothseg.error import ClaimedError, UserError, first_line
from clothseg.run.member import Member

Work = Callable[[Member], Any]
"""Function that each process of a run executes."""


@dataclass(frozen=True)
class Done:
    """Work that completed.

    Args:
        value: the return value.
    """

    value: Any = None


@dataclass(frozen=True)
class Failure:
    """Work that did not complete.

    Args:
        result: `interrupted` by Ctrl-C or by a scheduler, `elsewhere` if another process is
            already doing this work, or `failed`.
        detail: the error message.
        trace: the traceback of an unexpected error.
    """

    result: Literal["failed", "interrupted", "elsewhere"]
    detail: str = ""
    trace: str | None = None


class Killed(Failure):
    """Failure of a process that exited without reporting a result."""


def attempt(work: Callable[[], Any]) -> Done | Failure:
    """Run work in this process and return any exception as a failure; never raises."""
    try:
        return Done(work())
    except KeyboardInterrupt:
        return Failure("interrupted")
    except ClaimedError as error:
        return Failure("elsewhere", str(error))
    except UserError as error:
        return Failure("failed", str(error))
    except Exception as error:
        detail = f"{type(error).__name__}: {first_line(error)}"
        return Failure("failed", detail, traceback.format_exc())
