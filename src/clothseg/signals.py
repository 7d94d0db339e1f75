"""Signals that end a command."""

import signal


def termination_signals() -> list[signal.Signals]:
    """Signals that end a command like Ctrl-C: that of `kill`, and that of a closed terminal.

    A command that was started with `nohup` outlives its terminal.
    """
    hang_up = getattr(signal, "SIGHUP", None)  # Windows has none
    if hang_up is None or signal.getsignal(hang_up) == signal.SIG_IGN:
        return [signal.SIGTERM]
    return [signal.SIGTERM, hang_up]
