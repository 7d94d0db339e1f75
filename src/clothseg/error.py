"""Errors that a user can fix, each reported as one readable message without a traceback.

Texts in messages that are too long, and lists of things that are too many, are cut.
"""

from collections.abc import Sequence
from pathlib import Path

MAX_VALUE = 200
"""Longest part of a value of the user's, or of a file's, in a message, characters."""
MAX_ITEMS = 3
"""Most items of a list within a sentence."""
MAX_LINES = 20
"""Most lines of a list with one line for each item."""


class UserError(Exception):
    """Base class of errors that the user can fix; commands print them and exit with status 1."""


class ConfigError(UserError):
    """All problems found in a configuration.

    Args:
        problems: one sentence each: the key, its value, what is allowed, and the closest match.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = "\n".join(f"  - {problem}" for problem in listed(problems))
        super().__init__(f"{count} in the configuration:\n{lines}")


class DataError(UserError):
    """File that is missing, unreadable, or violates its dataset's format; names the file."""


class WriteError(DataError):
    """File that cannot be written, or whose folder cannot.

    Args:
        path: the file.
        cause: error raised by the operating system.
    """

    def __init__(self, path: Path, cause: OSError) -> None:
        super().__init__(path, cause)  # the arguments with which pickle recreates the exception
        self.path, self.errno, self.reason = path, cause.errno, cause.strerror or str(cause)

    def __str__(self) -> str:
        """Return the file and the reason."""
        return f"{self.path} cannot be written: {self.reason}"


class DivergedError(UserError):
    """Loss, logits or weights that are not finite, which therefore mean nothing.

    Args:
        where: what is not finite, as the beginning of a sentence.
        images: names of the images for which it is not; may be empty.
    """

    def __init__(self, where: str, images: Sequence[str]) -> None:
        super().__init__(where, images)  # the arguments with which pickle recreates the exception
        self.where, self.images = where, list(images)

    def __str__(self) -> str:
        """Return the place, the images, and what to change."""
        images = f". Images of the batch: {', '.join(self.images)}" if self.images else ""
        return (
            f"{self.where} is not finite (NaN or infinity), so the training diverged; try a lower "
            "optimizer.lr, trainer.gradient_clip_norm=1 or, instead of trainer.precision=16, bf16 "
            f"or 32{images}"
        )


class ClaimedError(UserError):
    """Run that another process is executing at the moment."""


def first_line(error: BaseException) -> str:
    """First line of an exception's message, or the name of its type if it has none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def shortened(text: object, length: int = MAX_VALUE) -> str:
    """Cut the middle out of a text that is too long; both of its ends tell it from others."""
    whole = str(text)
    if len(whole) <= length:
        return whole
    tail = (length - 3) // 3
    return f"{whole[: length - 3 - tail]} … {whole[len(whole) - tail :]}"


def abbreviate(items: Sequence[object]) -> str:
    """Join the first three items for a sentence."""
    shown = ", ".join(map(shortened, items[:MAX_ITEMS]))
    return shown + (" …" if len(items) > MAX_ITEMS else "")


def listed(lines: Sequence[str], length: int = MAX_LINES) -> list[str]:
    """Take the first lines of a list, and count the rest in one more."""
    rest = len(lines) - length
    return [*lines] if rest <= 1 else [*lines[:length], f"… and {rest:,} more"]
