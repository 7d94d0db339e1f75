"""The log of a run: what is said on the screen, and what libraries say, in one file."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from clothseg import screen as progress


@contextmanager
def run_log(path: Path | None) -> Iterator[Callable[[str], None]]:
    """Send messages of libraries to a file only; yields a function that says a line in both.

    Args:
        path: the file, lines are appended; None keeps no log.
    """
    file = logging.FileHandler(path) if path else logging.NullHandler()
    file.setFormatter(logging.Formatter("%(asctime)s  %(levelname)s  %(name)s  %(message)s"))
    root = logging.getLogger()
    before = root.handlers, root.level
    root.handlers, root.level = [file], logging.INFO
    for name in list(logging.root.manager.loggerDict):
        if name.startswith(("pytorch_lightning", "lightning")):
            library = logging.getLogger(name)
            library.handlers.clear()
            library.propagate = True
    # Lightning's handler of SIGTERM logs, and a log that is being written cannot be entered.
    logging.getLogger("pytorch_lightning.trainer.connectors.signal_connector").disabled = True
    logging.captureWarnings(True)

    def say(line: str) -> None:
        progress.say(line)
        logging.getLogger("clothseg").info(line)

    try:
        yield say
    finally:
        logging.captureWarnings(False)
        root.handlers, root.level = before
        file.close()
