"""Implementation of `scripts/score.py`: score predictions from any source, one module per task.

Each module `<task>` defines ``score(settings: Score) -> int``, which writes and prints the scores
and returns the exit status.
"""

from importlib import import_module

from clothseg.config.command_line import check_settings
from clothseg.config.settings import Score


def score_command(overrides: list[str]) -> int:
    """Score a folder of predictions; return the exit status.

    Raises:
        ConfigError: the command line is invalid.
        DataError: the files are invalid.
    """
    settings = check_settings(overrides, "score", Score)
    status: int = import_module(f"clothseg.commands.score.{settings.task}").score(settings)
    return status
