"""Draws people in clothes in the layout of a dataset, so that it can be tried without a download.

`python scripts/dataset.py action=draw dataset=cihp dataset.root=<new folder> num_images=40`
"""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clothseg.commands.dataset.context import Context
from clothseg.dataset import Reader
from clothseg.dataset.merged import Merged
from clothseg.dataset.wardrobe import LAYOUTS
from clothseg.error import DataError
from clothseg.screen import progress_bar, say


def act(context: Context) -> int:
    """Draw the dataset into its root; of a mixture, every source into its own.

    Raises:
        DataError: the dataset has no layout that can be drawn, a root holds something already, or
            it cannot be written.
    """
    photos, seed = context.settings.num_images, context.settings.seed
    drawings = {
        key: (_layout(key, node), _free(key, reader.root))
        for key, (node, reader) in _sources(context).items()
    }
    roots = [root.resolve() for _, root in drawings.values()]
    if len(set(roots)) < len(roots):
        raise DataError(
            f"{' and '.join(f'{key}.root' for key in drawings)} must be different folders; nothing "
            "was drawn"
        )
    for place, (layout, root) in enumerate(drawings.values()):
        # Sources of a mixture have seeds of their own: nobody is in two of them.
        _draw(layout, root, photos, seed + place)
        say(f"drew {photos} photos in the layout of {layout}: {root}")
    places = [shlex.quote(f"{key}.root={root}") for key, (_, root) in drawings.items()]
    say(f"train on them: python train.py dataset={context.name} {' '.join(places)}")
    return 0


def _sources(context: Context) -> dict[str, tuple[Mapping[str, Any], Reader]]:
    """Configuration and reader of every single dataset, by the key that configures it."""
    node, reader = context.settings.dataset, context.reader
    if not isinstance(reader, Merged):
        return {"dataset": (node, reader)}
    return {
        f"dataset.sources.{name}": (node["sources"][name], source)
        for name, source in reader.sources.items()
    }


def _layout(key: str, node: Mapping[str, Any]) -> str:
    """The layout that a dataset is read from: the name of its reader."""
    target = str(node["_target_"])
    name = target.rpartition(".")[2]
    if name not in LAYOUTS:
        raise DataError(
            f"{key}._target_={target}: its layout cannot be drawn; these can: "
            f"{', '.join(sorted(LAYOUTS))}. dataset=synthetic draws itself when it is first read"
        )
    return name


def _free(key: str, root: Path) -> Path:
    """The root, which has nothing in it yet."""
    if root.exists() and not (root.is_dir() and not any(root.iterdir())):
        raise DataError(
            f"{key}.root={root} exists and is not empty; nothing was drawn. Choose a new folder, "
            "or train on what is there"
        )
    return root


def _draw(layout: str, root: Path, photos: int, seed: int) -> None:
    try:
        with progress_bar(f"drawing {layout}", photos) as advance:
            LAYOUTS[layout](root, photos, seed, advance)
    except OSError as error:
        raise DataError(
            f"photos could not be drawn into {root} ({error.strerror or error}); nothing was kept. "
            "Free some space there or choose another folder"
        ) from error
