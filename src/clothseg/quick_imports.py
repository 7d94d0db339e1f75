"""Imports of large libraries without garbage collection."""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Extension modules report objects that are not collected at exit as leaks.
atexit.register(gc.unfreeze)


@contextmanager
def quick_imports() -> Iterator[None]:
    """Import modules in three quarters of the time.

    Importing PyTorch and the libraries on top of it creates millions of objects that live as long
    as the process. The garbage collector would traverse them again and again, and is told to leave
    them alone from then on.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
