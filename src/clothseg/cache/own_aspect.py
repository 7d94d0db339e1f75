"""Images and their maps at their own aspect, of different sizes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clothseg.cache.arrays import Row
from clothseg.cache.columns import AnyColumn, Column, FlatColumn, FlatRows

COLUMNS: Sequence[AnyColumn] = (Column("shapes", np.int64, (2,)), FlatColumn("pixels"))
"""Height and width of each image; the bytes of the image, then those of its maps."""
PEOPLE = Column("people", np.int64, ())
"""Number of people in each image."""


@dataclass(frozen=True, eq=False, kw_only=True)
class OwnAspectImages:
    """Decoded images at their own aspect, of M of the N samples of a census.

    Args:
        names: names of the samples of the census [N].
        shapes: int64 [M,2], height and width of each image, pixels.
        pixels: image (RGB), mask (class ids, 255 = ignore) and further maps of each sample, one
            after the other.
        rows: row of each sample of the census, int64 [N], -1 if it has none; None if all samples
            have one, in order.
        people: number of people in each image, int64 [M]; None if there is no map of them.
    """

    names: Sequence[str]
    shapes: np.ndarray
    pixels: FlatRows
    rows: np.ndarray | None = None
    people: np.ndarray | None = None

    def image(self, index: int) -> np.ndarray:
        """Image of a sample of the census, uint8 [h,w,3]."""
        height, width, content = self._content(index)
        return content[: 3 * height * width].reshape(height, width, 3)

    def mask(self, index: int) -> np.ndarray:
        """Mask of a sample of the census, uint8 [h,w]."""
        mask: np.ndarray = self.maps(index)[0]
        return mask

    def maps(self, index: int) -> np.ndarray:
        """Mask and further maps of a sample of the census, uint8 [1+M,h,w]."""
        height, width, content = self._content(index)
        return content[3 * height * width :].reshape(-1, height, width)

    def _content(self, index: int) -> tuple[int, int, np.ndarray]:
        row = row_of(index, self.rows, self.names)
        height, width = self.shapes[row].tolist()
        return height, width, np.asarray(self.pixels[row])


def own_aspect_row(image: np.ndarray, maps: Sequence[np.ndarray]) -> Row:
    """Create the row of an image uint8 [h,w,3], its mask and further maps uint8 [h,w]."""
    return image.shape[:2], np.concatenate([image.ravel(), *(values.ravel() for values in maps)])


def row_of(index: int, rows: np.ndarray | None, names: Sequence[str]) -> int:
    """Find the row of a sample in arrays.

    Args:
        index: index of the sample in the census.
        rows: row of each sample, -1 if it has none; None if all have one, in order.
        names: names of the samples.

    Raises:
        KeyError: the sample has no row.
    """
    row = index if rows is None else int(rows[index])
    if row < 0:
        raise KeyError(f"{names[index]} is not among the decoded images")
    return row
