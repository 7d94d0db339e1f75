"""`python train.py`: train one run, or with `-m` all folds and all combinations."""

from clothseg.jobs.launch import launch


def train_command(overrides: list[str], flags: list[str]) -> int:
    """Train what the command line asks for; returns the exit status.

    Args:
        overrides: arguments of the form key=value.
        flags: arguments that begin with a dash, with their values.

    Raises:
        ConfigError: every problem of the command line.
    """
    return launch(overrides, flags)
