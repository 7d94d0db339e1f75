"""Images and masks in the network's input, of all samples or of those of one split."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clothseg.cache.arrays import ArrayFolder, Column, Row
from clothseg.cache.census import Census
from clothseg.cache.decoding import Decoded, Store
from clothseg.geometry import Frame, Placement


@dataclass(frozen=True, eq=False, kw_only=True)
class Cache(Census):
    """Census of a dataset with the decoded images of one run, which may be some of its samples.

    Args:
        frame: the network's input, in which the images are placed.
        images: uint8 [M,H,W,3], RGB, of M of the N samples.
        masks: uint8 [M,H,W] of class ids, 255 = ignore.
        rows: row of each sample in `images` and `masks`, int64 [N], -1 if it has none; None if
            all samples have one, in order.
    """

    frame: Frame
    images: np.ndarray
    masks: np.ndarray
    rows: np.ndarray | None = None

    def image(self, index: int) -> np.ndarray:
        """Image of a sample of the census, uint8 [H,W,3]."""
        return np.asarray(self.images[self._row(index)])

    def mask(self, index: int) -> np.ndarray:
        """Mask of a sample of the census, uint8 [H,W]."""
        return np.asarray(self.masks[self._row(index)])

    def placement(self, index: int) -> Placement:
        """Placement of a sample of the census in the frame."""
        height, width = self.sizes[index].tolist()
        return self.frame.placement(height, width)

    def _row(self, index: int) -> int:
        row = index if self.rows is None else int(self.rows[index])
        if row < 0:
            raise KeyError(f"{self.names[index]} is not among the decoded images")
        return row


def pixel_store(
    census: Path, count: int, frame: Frame, names: Sequence[str] | None = None
) -> Store:
    """Define the arrays of decoded images, in a folder beside that of their census.

    Args:
        census: folder of the census; its name is part of the name of the folder.
        count: number of samples with pixels.
        frame: the network's input.
        names: names of the samples; None for all samples of the census.
    """
    # Folders of squares into which images are squeezed have the names of earlier versions.
    squeezed = frame.fit == "squeeze"
    form = frame.image_size if squeezed else [*frame.size, frame.fit]
    content = json.dumps([census.name, form, *([] if names is None else [list(names)])])
    key = hashlib.blake2b(content.encode(), digest_size=10).hexdigest()
    columns = [
        Column("images", np.uint8, (*frame.size, 3)),
        Column("masks", np.uint8, frame.size),
    ]

    def row(decoded: Decoded) -> Row:
        placement = frame.placement(*decoded.mask.shape)
        return placement.image(decoded.image), placement.mask(decoded.mask)

    return Store(ArrayFolder(census.with_name(f"pixels-{key}"), columns, count), row)
