"""Images and masks at the size of the network's input, of all samples or of those of one split."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from clothseg.cache.arrays import ArrayFolder, Column, Row
from clothseg.cache.census import Census
from clothseg.cache.decoding import Decoded, Store


@dataclass(frozen=True, eq=False, kw_only=True)
class Cache(Census):
    """Census of a dataset with the decoded images of one run, which may be some of its samples.

    Args:
        images: uint8 [M,S,S,3], RGB, area-resized, of M of the N samples.
        masks: uint8 [M,S,S] of class ids, nearest-resized, 255 = ignore.
        rows: row of each sample in `images` and `masks`, int64 [N], -1 if it has none; None if
            all samples have one, in order.
    """

    images: np.ndarray
    masks: np.ndarray
    rows: np.ndarray | None = None

    def image(self, index: int) -> np.ndarray:
        """Image of a sample of the census, uint8 [S,S,3]."""
        return np.asarray(self.images[self._row(index)])

    def mask(self, index: int) -> np.ndarray:
        """Mask of a sample of the census, uint8 [S,S]."""
        return np.asarray(self.masks[self._row(index)])

    def _row(self, index: int) -> int:
        row = index if self.rows is None else int(self.rows[index])
        if row < 0:
            raise KeyError(f"{self.names[index]} is not among the decoded images")
        return row


def pixel_store(census: Path, count: int, size: int, names: Sequence[str] | None = None) -> Store:
    """Define the arrays of decoded images, in a folder beside that of their census.

    Args:
        census: folder of the census; its name is part of the name of the folder.
        count: number of samples with pixels.
        size: height and width S in pixels.
        names: names of the samples; None for all samples of the census.
    """
    content = json.dumps([census.name, size, *([] if names is None else [list(names)])])
    key = hashlib.blake2b(content.encode(), digest_size=10).hexdigest()
    columns = [Column("images", np.uint8, (size, size, 3)), Column("masks", np.uint8, (size, size))]

    def row(decoded: Decoded) -> Row:
        return (
            cv2.resize(decoded.image, (size, size), interpolation=cv2.INTER_AREA),
            cv2.resize(decoded.mask, (size, size), interpolation=cv2.INTER_NEAREST),
        )

    return Store(ArrayFolder(census.with_name(f"pixels-{key}"), columns, count), row)
