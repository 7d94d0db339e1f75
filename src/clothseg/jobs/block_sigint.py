"""Block SIGINT in the fork server of the job processes; preloaded before everything else.

On its own, the server ignores Ctrl-C only after importing all libraries, which takes seconds. A
blocked signal, unlike an ignored one, is still delivered to a freshly forked job process as soon as
that process unblocks it.
"""

import signal

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
