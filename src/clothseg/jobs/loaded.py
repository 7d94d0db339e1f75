"""Last module that the server of the job processes loads, after all libraries.

Job processes, which are forked from it, do not traverse the objects of the libraries when they
collect garbage, and so do not copy their memory.
"""

import gc

gc.freeze()
gc.enable()
