"""SQLite file of a study, which may come from a stranger: opened so that nothing in it is run."""

import pickle
import sqlite3
from io import BytesIO
from pathlib import Path
from typing import Any

from clothseg.error import DataError
from clothseg.untrusted import require_file

MAX_BYTES = 1 << 26
"""Largest file, 64 MiB: one of 10,000 trials with ten keys and five folds has 22 MiB."""
MAX_CELL_BYTES = 1 << 22
"""Largest value in it, 4 MiB."""
ENDINGS = ("", "-journal", "-wal", "-shm")
"""Endings of the file and of those that SQLite keeps beside it."""
DENIED = frozenset((sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_RECURSIVE))
"""Actions that Optuna does not need: another file, and a query that may have no end."""

OPTIMIZER = frozenset(
    (
        *(("cmaes._cma", "CMA"), ("numpy", "dtype"), ("numpy", "ndarray")),
        *((f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core")),
        *((f"numpy.{core}.multiarray", "scalar") for core in ("core", "_core")),
        *(("numpy.random._pickle", f"__{name}_ctor") for name in ("randomstate", "bit_generator")),
        ("numpy.random._mt19937", "MT19937"),
    )
)
"""Modules and names of all that the state of CMA-ES consists of."""


class GuardedConnection(sqlite3.Connection):
    """Connection that runs neither views nor triggers of its file, and limits its values."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_CELL_BYTES)
        self.set_authorizer(_authorize)


def _authorize(
    action: int, _first: str | None, _second: str | None, _database: str | None, inner: str | None
) -> int:
    """Allow what a statement does itself; `inner` is the view or the trigger that does it."""
    denied = inner is not None or action in DENIED
    return sqlite3.SQLITE_DENY if denied else sqlite3.SQLITE_OK


def require_study_file(path: Path) -> None:
    """Check the type and the size of a file, if there is one, and of those beside it.

    SQLite would write to the file that a link points to.

    Raises:
        DataError: one of them is a link, no file, or too large.
    """
    for ending in ENDINGS:
        part = path.with_name(path.name + ending)
        if part.is_symlink():
            raise DataError(f"{part}: is a link, not a file")
        if part.exists():
            require_file(part, MAX_BYTES)


def load_optimizer(content: bytes) -> Any:
    """Load the state of CMA-ES, which Optuna stores as a pickle.

    Raises:
        pickle.UnpicklingError: it has anything else.
    """
    return _OptimizerUnpickler(BytesIO(content)).load()


class _OptimizerUnpickler(pickle.Unpickler):
    """Unpickler that imports nothing but the parts of the state."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a class or a function of :data:`OPTIMIZER`."""
        if (module, name) not in OPTIMIZER:
            raise pickle.UnpicklingError(f"the state of CMA-ES has no {module}.{name}")
        return super().find_class(module, name)
