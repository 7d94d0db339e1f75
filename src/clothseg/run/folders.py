"""Run folders below a folder, and the folders of their configurations."""

import re
from pathlib import Path

from clothseg.run.record import Record

SET_ASIDE = re.compile(r"\.replaced-\d+$")
"""End of the name of a folder that :meth:`clothseg.run.record.Record.set_aside` has renamed."""
FOLD = re.compile(r"fold-\d+")
"""Name of the folder of a fold."""


def records_below(folder: Path, file: str) -> list[Record]:
    """Find the records below a folder that have a file, sorted by path.

    Records that were moved aside by `rerun=true` are left out.

    Args:
        folder: the folder; it may itself be a run folder.
        file: name of a file, such as `status.json`.
    """
    found = [path.parent for path in sorted(folder.rglob(file))]
    return [Record(run) for run in found if not _is_set_aside(run.relative_to(folder))]


def configuration_folder(run: Path) -> Path:
    """Return the folder of a configuration: that of its folds, or of its only run."""
    return run.parent if FOLD.fullmatch(run.name) else run


def group_name(configuration: Path) -> str:
    """Return the name that loggers give to the runs of a configuration.

    It is `<dataset>-<labels>/<model>-<backbone>/<signature>`.

    Args:
        configuration: folder of the configuration.
    """
    return "/".join(configuration.parts[-3:])


def _is_set_aside(folder: Path) -> bool:
    """Return whether a folder, or one that it is in, was moved aside.

    Args:
        folder: relative to the folder that is searched.
    """
    return any(SET_ASIDE.search(part) for part in folder.parts)
