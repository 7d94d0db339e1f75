"""Download the public files of a dataset and list what must be downloaded manually."""

from pathlib import Path

from clothseg.commands.dataset.context import Context
from clothseg.commands.dataset.download.clone import clone
from clothseg.commands.dataset.download.sources import SOURCES, DatasetSource
from clothseg.commands.dataset.download.transfer import fetch
from clothseg.error import DataError
from clothseg.terminal.screen import say


def act(context: Context) -> int:
    """Download a dataset, or all merged ones; return 1 if one of them has no public files.

    Raises:
        DataError: no download of the dataset is known, or a download failed.
    """
    roots = {source or context.name: part.root for source, part in context.reader.parts.items()}
    unknown = [name for name in roots if name not in SOURCES]
    if unknown:
        raise DataError(
            f"dataset={context.name}: no download is known for {', '.join(unknown)}; downloads or "
            f"instructions are available for {', '.join(SOURCES)}"
        )
    fetched = [_fetch_all(name, SOURCES[name], root) for name, root in roots.items()]
    return 0 if all(fetched) else 1


def _fetch_all(name: str, source: DatasetSource, root: Path) -> bool:
    """Fetch public files and list the manual downloads; return True if there are public files."""
    if source.repository:
        clone(source.repository, root)
    for file in source.files:
        fetch(file, root)
    if source.manual:
        say(f"{name}: to be downloaded manually")
    for download in source.manual:
        say(f"  {download.what}\n    from {download.source}\n    to   {root / download.path}")
    return bool(source.repository or source.files)
