"""Images and masks of all samples, or of those of one split, in the network's input.

Images at their own aspect are stored beside them for augmentations that take these.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clothseg.cache.arrays import ArrayFolder, Row
from clothseg.cache.census import Census
from clothseg.cache.columns import AnyColumn, Column
from clothseg.cache.decoding import PERSON, Decoded, Store
from clothseg.cache.own_aspect import (
    COLUMNS,
    PEOPLE,
    OwnAspectImages,
    own_aspect_row,
    row_of,
)
from clothseg.dataset.png import value_counts
from clothseg.geometry import Frame, OwnAspect, Placement

Form = Frame | OwnAspect
"""Form in which pixels are stored: in the network's input, or at the own aspect of each image."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Cache(Census):
    """Census of a dataset with the decoded images of one run, which may be some of its samples.

    Args:
        frame: the network's input, in which the images are placed.
        images: uint8 [M,H,W,3], RGB, of M of the N samples.
        masks: uint8 [M,H,W] of class ids, 255 = ignore.
        rows: row of each sample in `images` and `masks`, int64 [N], -1 if it has none; None if
            all samples have one, in order.
        own_aspect: the training images at their own aspect; None if the augmentation does not take
            them.
    """

    frame: Frame
    images: np.ndarray
    masks: np.ndarray
    rows: np.ndarray | None = None
    own_aspect: OwnAspectImages | None = None

    def image(self, index: int) -> np.ndarray:
        """Image of a sample of the census, uint8 [H,W,3]."""
        return np.asarray(self.images[row_of(index, self.rows, self.names)])

    def mask(self, index: int) -> np.ndarray:
        """Mask of a sample of the census, uint8 [H,W]."""
        return np.asarray(self.masks[row_of(index, self.rows, self.names)])

    def placement(self, index: int) -> Placement:
        """Placement of a sample of the census in the frame."""
        height, width = self.sizes[index].tolist()
        return self.frame.placement(height, width)


def pixel_store(census: Path, count: int, form: Form, names: Sequence[str] | None = None) -> Store:
    """Define the arrays of decoded images, in a folder beside that of their census.

    Args:
        census: folder of the census; its name is part of the name of the folder.
        count: number of samples with pixels.
        form: form of the pixels.
        names: names of the samples; None for all samples of the census.
    """
    content = json.dumps([census.name, _key(form), *([] if names is None else [list(names)])])
    key = hashlib.blake2b(content.encode(), digest_size=10).hexdigest()

    def row(decoded: Decoded) -> Row:
        placement = form.placement(*decoded.mask.shape)
        image, mask = placement.image(decoded.image), placement.mask(decoded.mask)
        if isinstance(form, Frame):
            return image, mask
        further = {kind: placement.mask(decoded.maps[kind]) for kind in form.maps}
        stored = own_aspect_row(image, [mask, *further.values()])
        if PERSON not in further:
            return stored
        return *stored, np.count_nonzero(value_counts(further[PERSON])[1:])

    maps = () if isinstance(form, Frame) else form.maps
    return Store(ArrayFolder(census.with_name(f"pixels-{key}"), _columns(form), count), row, maps)


def _columns(form: Form) -> Sequence[AnyColumn]:
    if isinstance(form, OwnAspect):
        return [*COLUMNS, *([PEOPLE] if PERSON in form.maps else [])]
    images = Column("images", np.uint8, (*form.size, 3))
    return images, Column("masks", np.uint8, form.size)


def _key(form: Form) -> Any:
    """Part of a folder's name; those of earlier versions must not change."""
    if isinstance(form, OwnAspect):
        return ["own aspect", form.longest_side, *form.maps]
    if form.mask_pixel == "corner":
        return form.image_size
    return [*form.size, form.fit, *(["center"] if form.fit == "squeeze" else [])]
