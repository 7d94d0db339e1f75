"""Loaded first by the server of job processes: Ctrl-C in a terminal is not for it.

By itself it ignores the signal only when it has loaded all libraries, which takes seconds. Held
back and not ignored, it also reaches a job process that has just been forked, once that is ready.
"""

import signal

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
