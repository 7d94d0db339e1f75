"""Fetches what can be fetched and says where the rest comes from."""

from pathlib import Path

from clothseg.commands.dataset.context import Context
from clothseg.commands.dataset.download.clone import clone
from clothseg.commands.dataset.download.places import PLACES, Place
from clothseg.commands.dataset.download.transfer import fetch
from clothseg.error import DataError
from clothseg.screen import say


def act(context: Context) -> int:
    """Download a dataset, or all that are merged; returns 1 when nothing of one can be.

    Raises:
        DataError: nothing is known about where the dataset comes from, or a download failed.
    """
    roots = {source or context.name: part.root for source, part in context.reader.parts.items()}
    unknown = [name for name in roots if name not in PLACES]
    if unknown:
        raise DataError(
            f"dataset={context.name}: no download is known for {', '.join(unknown)}; there are "
            f"downloads or instructions for {', '.join(PLACES)}"
        )
    fetched = [_fetch_all(name, PLACES[name], root) for name, root in roots.items()]
    return 0 if all(fetched) else 1


def _fetch_all(name: str, place: Place, root: Path) -> bool:
    """Fetch what is open, and say what must be fetched by hand; whether there was anything open."""
    if place.repository:
        clone(place.repository, root)
    for file in place.files:
        fetch(file, root)
    if place.by_hand:
        say(f"{name}: to be fetched by hand")
    for missing in place.by_hand:
        say(f"  {missing.what}\n    from {missing.source}\n    to   {root / missing.path}")
    return bool(place.repository or place.files)
