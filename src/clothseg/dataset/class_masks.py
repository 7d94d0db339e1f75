"""Mask files of the classes in a `labels.json`: ids, indices of a palette, or colors."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from clothseg.dataset.defect import Defect
from clothseg.dataset.png import (
    PALETTE,
    RGB,
    decode_png,
    palette_colors,
    png_format,
    read_ids,
    used_palette,
)
from clothseg.error import DataError
from clothseg.label_file import LABEL_FILE, LabelFile
from clothseg.labels import IGNORE, class_ids, file_ids


class ClassMasks:
    """Decoder of masks, which are PNGs of 8-bit ids, palette indices, or RGB colors.

    Palette indices are ids, unless the colors that occur are those of other classes.

    Args:
        classes: content of the `labels.json`.
        file: the `labels.json`, for messages.
    """

    def __init__(self, classes: LabelFile, file: Path) -> None:
        self.classes, self.file = classes, file
        count, background = len(classes.names), classes.background_id
        self._class_ids = class_ids(count, background)
        self._file_ids = file_ids(count, background)

    def read(self, path: Path) -> np.ndarray:
        """Read class ids uint8 [H,W]; the background is 0, and 255 is ignored.

        Raises:
            DataError: the file is not such a PNG, or has a color of no class.
        """
        depth, color_type = png_format(path)
        if (depth, color_type) == (8, RGB):
            return self._ids_of_colors(path)
        ids = read_ids(path)
        if color_type == PALETTE and (colors := self._class_of_palette_color(path)):
            table = np.arange(256, dtype=np.uint8)
            table[list(colors)] = list(colors.values())
            return np.asarray(table[ids])
        return np.asarray(self._class_ids[ids])

    def warnings(self, path: Path) -> list[str]:
        """Describe a palette whose colors belong to other classes than its indices."""
        if png_format(path)[1] != PALETTE:
            return []
        if colors := self._class_of_palette_color(path):
            pairs = ", ".join(f"{i} is {self.classes.names[k]}" for i, k in colors.items())
            return [
                f"{path}: read by the colors of its palette, which are those of {LABEL_FILE}, and "
                f"not by its indices, which are not the ids: {pairs}"
            ]
        return [
            f"{path}: palette index {index} has the color of {names}, but is read as "
            f"{self.classes.names[self._class_ids[index]]}: a palette with colors of no class, "
            "or that several classes or indices share, is ambiguous; save the mask as ids"
            for index, names in self._ambiguous(path).items()
        ]

    def _class_of_palette_color(self, path: Path) -> dict[int, int]:
        """Class of each used palette index, by its color; empty if indices are to be read as ids.

        That is the case if a color belongs to no class or to several, if several of the first K
        indices share a color, as in a palette that was never set, or if the indices are the ids.
        """
        used = _used(path)
        first = palette_colors(path)[: len(self._colors)]
        if any(first.count(color) > 1 for color in used.values()):
            return {}
        found = {index: self._classes_of(color) for index, color in used.items()}
        classes = [names[0] for names in found.values() if len(names) == 1]
        if len(classes) < len(used) or len(set(classes)) < len(used):
            return {}
        if all(self._file_ids[k] == index for index, k in zip(used, classes, strict=True)):
            return {}
        return dict(zip(used, classes, strict=True))

    def _ambiguous(self, path: Path) -> dict[int, str]:
        """Names of the classes with the color of each used index that is not the index of one."""
        return {
            index: " and ".join(self.classes.names[k] for k in classes)
            for index, color in _used(path).items()
            if index < len(self._colors)
            and (classes := self._classes_of(color))
            and int(self._class_ids[index]) not in classes
        }

    def _classes_of(self, color: str) -> list[int]:
        return [k for k, own in enumerate(self._colors) if own == color]

    def _ids_of_colors(self, path: Path) -> np.ndarray:
        image = decode_png(path)
        codes: np.ndarray = image @ np.array([1 << 16, 1 << 8, 1])  # one integer per color
        order = np.argsort(self._codes)
        # The last code is excluded so that greater values map to it instead of past the end.
        ids = order[np.searchsorted(self._codes[order[:-1]], codes)]
        unknown = self._codes[ids] != codes
        if unknown.any():
            y, x = np.argwhere(unknown)[0].tolist()
            message = (
                f"{path}: color #{codes[y, x]:06x} at x={x}, y={y} belongs to no class in "
                f"{LABEL_FILE} ({unknown.sum()} such pixels); colors must be exact, without "
                "antialiasing"
            )
            raise Defect("label out of range", path, f"#{codes[y, x]:06x}", message)
        return ids.astype(np.uint8)

    @cached_property
    def _colors(self) -> Sequence[str]:
        return [color.lower() for color in self.classes.colors]

    @cached_property
    def _codes(self) -> np.ndarray:
        """Color of each class as one integer, int [K]."""
        pairs = zip(self.classes.names, self._colors, strict=True)
        shared = [name for name, color in pairs if self._colors.count(color) > 1]
        if shared:
            raise DataError(
                f"{self.file}: {', '.join(shared)} have the same color, so RGB masks are ambiguous"
            )
        return np.array([int(color[1:], 16) for color in self._colors])


def _used(path: Path) -> Mapping[int, str]:
    """Color of each palette index that occurs, except that of ignored pixels."""
    return {index: color for index, color in used_palette(path).items() if index != IGNORE}
