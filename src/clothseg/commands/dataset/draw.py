"""`action=draw`: render people in clothes in the layout of a dataset, to try it without a download.

`python scripts/dataset.py action=draw dataset=cihp dataset.root=<new folder> num_images=40`
"""

import shlex
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from clothseg.commands.dataset.context import Context
from clothseg.dataset import Reader
from clothseg.dataset.merged import Merged
from clothseg.dataset.wardrobe import LAYOUTS
from clothseg.dataset.wardrobe.layouts.multi_human import write_ccihp, write_cihp
from clothseg.error import DataError
from clothseg.terminal.screen import progress_bar, say

CROWDS = {"cihp": write_cihp, "ccihp": write_ccihp}
"""Writers of photos of several people."""


def act(context: Context) -> int:
    """Render the dataset into its root; for merged datasets, every source into its own root.

    Raises:
        DataError: the layout of the dataset cannot be rendered, or a root is not empty or cannot be
            written.
    """
    photos, seed = context.settings.num_images, context.settings.seed
    max_people = context.settings.max_people
    targets = {
        key: (_layout_of(key, node), _check_empty(key, reader.root))
        for key, (node, reader) in _sources(context).items()
    }
    roots = [root.resolve() for _, root in targets.values()]
    if len(set(roots)) < len(roots):
        raise DataError(
            f"{' and '.join(f'{key}.root' for key in targets)} must be different folders; nothing "
            "was rendered"
        )
    for index, (layout, root) in enumerate(targets.values()):
        # Each source of a merged dataset has its own seed, so that no person is in two of them.
        _render(layout, root, photos, seed + index, max_people)
        say(f"rendered {photos} photos in the layout of {layout}: {root}")
    overrides = [shlex.quote(f"{key}.root={root}") for key, (_, root) in targets.items()]
    say(f"train on them: python train.py dataset={context.name} {' '.join(overrides)}")
    return 0


def _sources(context: Context) -> dict[str, tuple[Mapping[str, Any], Reader]]:
    """Return the config and reader of every single dataset by its config key."""
    node, reader = context.settings.dataset, context.reader
    if not isinstance(reader, Merged):
        return {"dataset": (node, reader)}
    return {
        f"dataset.sources.{name}": (node["sources"][name], source)
        for name, source in reader.sources.items()
    }


def _layout_of(key: str, node: Mapping[str, Any]) -> str:
    """Return the layout that a dataset is read from: the name of its reader function."""
    target = str(node["_target_"])
    name = target.rpartition(".")[2]
    if name not in LAYOUTS:
        raise DataError(
            f"{key}._target_={target}: its layout cannot be rendered; available layouts: "
            f"{', '.join(sorted(LAYOUTS))}. dataset=synthetic is rendered when it is first read"
        )
    return name


def _check_empty(key: str, root: Path) -> Path:
    """Return the root if it is empty or does not exist; raise DataError otherwise."""
    if root.exists() and not (root.is_dir() and not any(root.iterdir())):
        raise DataError(
            f"{key}.root={root} exists and is not empty; nothing was rendered. Choose a new "
            "folder, or train on the existing one"
        )
    return root


def _render(layout: str, root: Path, photos: int, seed: int, max_people: int) -> None:
    write = LAYOUTS[layout]
    if layout in CROWDS:
        write = partial(CROWDS[layout], max_people=max_people)
    try:
        with progress_bar(f"rendering {layout}", photos) as advance:
            write(root, photos, seed, advance)
    except OSError as error:
        raise DataError(
            f"{root}: the photos could not be written ({error.strerror or error}); nothing was "
            "saved. Free some space there or choose another folder"
        ) from error
