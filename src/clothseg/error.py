"""Errors that a user can fix, each reported as one readable message without a traceback."""

from collections.abc import Sequence
from pathlib import Path

MAX_SHOWN = 80
"""Longest part of an invalid value in a message, characters."""


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
        lines = "\n".join(f"  - {problem}" for problem in problems)
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


def shown(value: object) -> str:
    """Text of a value for a message; what is longer than a line is cut off, and shown to be."""
    text = str(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]} …"


def first_line(error: BaseException) -> str:
    """First line of an exception's message, or the name of its type if it has none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
