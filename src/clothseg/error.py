"""The mistakes a person can make, each told in one readable message without a traceback."""

from collections.abc import Sequence


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


class ClaimedError(UserError):
    """Another process does the same run at the moment."""
