"""Loaded first by the server of job processes: Ctrl-C in a terminal is not for it.

By itself it ignores the signal only when it has loaded all libraries, which takes seconds.
"""

import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)
