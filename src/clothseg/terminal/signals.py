"""Signals that end a command like Ctrl-C."""

import signal
import threading
from types import FrameType

_received = threading.Event()


def termination_signals() -> list[signal.Signals]:
    """Signals that end a command like Ctrl-C: that of `kill`, and that of a closed terminal.

    A command that was started with `nohup` outlives its terminal.
    """
    hang_up = getattr(signal, "SIGHUP", None)  # Windows has none
    if hang_up is None or signal.getsignal(hang_up) == signal.SIG_IGN:
        return [signal.SIGTERM]
    return [signal.SIGTERM, hang_up]


def interrupt_on_signals() -> None:
    """Make these signals and Ctrl-C raise KeyboardInterrupt in the main thread."""
    for number in termination_signals():
        signal.signal(number, _interrupt)
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:  # else it is ignored
        signal.signal(signal.SIGINT, _interrupt)


def raise_if_interrupted() -> None:
    """Raise the KeyboardInterrupt of a signal that Python has swallowed.

    That happens to exceptions in callbacks of the garbage collector and of its import locks.
    """
    if _received.is_set():
        raise KeyboardInterrupt


def _interrupt(number: int, frame: FrameType | None) -> None:
    _received.set()
    raise KeyboardInterrupt
