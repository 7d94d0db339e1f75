"""Command `python train.py`: train one run, or all folds and combinations with `-m`."""

from clothseg.jobs.launch import launch


def train_command(overrides: list[str], flags: list[str]) -> int:
    """Train the runs of a command line; return the exit status.

    Args:
        overrides: arguments of the form key=value.
        flags: arguments that begin with a dash, with their values.

    Raises:
        ConfigError: lists all problems of the command line.
    """
    return launch(overrides, flags)
