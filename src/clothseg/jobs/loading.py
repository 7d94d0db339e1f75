"""First module that the server of the job processes loads; see :mod:`clothseg.jobs.loaded`.

On its own, the server ignores Ctrl-C only after importing all libraries, which takes seconds. A
blocked signal, unlike an ignored one, is still delivered to a freshly forked job process as soon as
that process unblocks it.
"""

import gc
import signal

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
gc.disable()  # as in clothseg.quick_imports
