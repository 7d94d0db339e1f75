"""The mistakes a person can make, each told in one readable message without a traceback."""

from collections.abc import Sequence
from pathlib import Path


class UserError(Exception):
    """Something the user can put right; commands print it and exit with status 1."""


class ConfigError(UserError):
    """Every problem found in one configuration, listed together.

    Args:
        problems: one sentence each: the key, its value, what is allowed and the closest match.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"{count} in the configuration:\n{lines}")


class DataError(UserError):
    """A file that is missing, unreadable or contradicts its dataset's format; names the file."""


class WriteError(DataError):
    """A file or its folder that cannot be written.

    Args:
        path: the file.
        cause: the operating system's error.
    """

    def __init__(self, path: Path, cause: OSError) -> None:
        super().__init__(path, cause)  # as pickle calls it in another process
        self.path, self.errno, self.reason = path, cause.errno, cause.strerror or str(cause)

    def __str__(self) -> str:
        """The file and the reason."""
        return f"{self.path} cannot be written: {self.reason}"


class ClaimedError(UserError):
    """Another process does the same run at the moment."""


def first_line(error: BaseException) -> str:
    """First line of an error's message; the name of its type when it has none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
