"""Log file of a run, with the console messages and the log messages of libraries."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from clothseg.error import UserError, WriteError
from clothseg.terminal import screen as progress
from clothseg.terminal.streams import harmless


class _HarmlessFormatter(logging.Formatter):
    """Formatter that escapes control characters, which names of files and classes may contain."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a message."""
        return harmless(super().format(record))


def log_file(folder: Path) -> Path:
    """Return the log file of a run, after removing a link, a pipe or a device in its place.

    A link would lead to a file that somebody else chose, and a pipe is never opened.

    Raises:
        WriteError: there is a folder in its place, or it cannot be removed.
    """
    path = folder / "log.txt"
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            path.unlink()
    except OSError as error:
        raise WriteError(path, error) from error
    return path


@contextmanager
def run_log(path: Path | None) -> Iterator[Callable[[str], None]]:
    """Redirect log messages of libraries to a file; yield a function that prints and logs a line.

    Args:
        path: log file, opened for appending; None writes no log.
    """
    file = logging.FileHandler(path, encoding="utf-8") if path else logging.NullHandler()
    file.setFormatter(_HarmlessFormatter("%(asctime)s  %(levelname)s  %(name)s  %(message)s"))
    root = logging.getLogger()
    before = root.handlers, root.level
    root.handlers, root.level = [file], logging.INFO
    for name in list(logging.root.manager.loggerDict):
        if name.startswith(("pytorch_lightning", "lightning")):
            library = logging.getLogger(name)
            library.handlers.clear()
            library.propagate = True
    # Lightning's SIGTERM handler logs, which is not reentrant while a message is being written.
    logging.getLogger("pytorch_lightning.trainer.connectors.signal_connector").disabled = True
    logging.captureWarnings(True)

    def say(line: str) -> None:
        progress.say(line)
        logging.getLogger("clothseg").info(line)

    try:
        yield say
    except UserError as error:
        logging.getLogger("clothseg").error(error)
        raise
    finally:
        logging.captureWarnings(False)
        root.handlers, root.level = before
        file.close()
