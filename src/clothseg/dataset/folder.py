"""Anyone's own photos: folders of photos and masks, and a list of the classes."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from clothseg.dataset.defect import Defect, missing_partners
from clothseg.dataset.listing import files_of, other_layout
from clothseg.dataset.png import RGB, decoded_png, png_format, read_ids, used_palette
from clothseg.dataset.reader import Reader
from clothseg.dataset.sample import Sample
from clothseg.error import DataError
from clothseg.label_file import LABEL_FILE, LabelFile, read_label_file
from clothseg.labels import IGNORE

LAYOUT = f"images/, masks/ and {LABEL_FILE}"
PHOTOS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
MASKS = frozenset({".png"})


class OwnPhotos(Reader):
    """Photos in `images/`, masks of the same names in `masks/`, classes in `labels.json`.

    A mask is a PNG of ids (8 bits, or the indices of a palette; 255 = ignore), or an RGB picture
    in the very colours of `labels.json`, which has no colour for ignore.
    """

    def samples(self) -> list[Sample]:
        """Photos by name."""
        folders = self.root / "images", self.root / "masks"
        if not all(folder.is_dir() for folder in folders):
            raise other_layout(self.root, LAYOUT)
        if self._classes.names != self.names:
            raise DataError(
                f"{self.root / LABEL_FILE}: its names are {', '.join(self._classes.names)}; the "
                f"configuration has {', '.join(self.names)}"
            )
        photos, masks = _by_stem(folders[0], PHOTOS), _by_stem(folders[1], MASKS)
        pairs = sorted(photos.keys() & masks.keys())
        samples = [Sample(stem, photos[stem], masks[stem]) for stem in pairs]
        alone: dict[Path, str] = {}
        problems = []
        for files, (here, other) in ((photos, folders), (masks, folders[::-1])):
            lonely = sorted(files.keys() - set(pairs))
            text = f"no partner in {other}"
            alone |= {files[stem]: text for stem in lonely}
            if lonely:
                problems.append(f"{len(lonely)} files of {here} have {text}")
        if problems:
            message = f"{' and '.join(problems)} (a photo and its PNG mask share a name)"
            raise missing_partners(samples, alone, message)
        if not photos:
            raise DataError(f"{folders[0]}: has no photo; expected {', '.join(sorted(PHOTOS))}")
        return samples

    def read_mask(self, sample: Sample) -> np.ndarray:
        """Ids uint8 [H,W].

        Raises:
            DataError: the file is no such PNG, or has a colour that no class has.
        """
        if png_format(sample.annotation) == (8, RGB):
            return self._ids_of_colors(sample.annotation)
        return read_ids(sample.annotation)

    def sample_warnings(self, sample: Sample) -> list[str]:
        """A palette with the colours of the classes, but at other indices than their ids."""
        file = sample.annotation
        used = {index: color for index, color in used_palette(file).items() if index != IGNORE}
        colors = [color.lower() for color in self._classes.colors]
        if not set(used.values()) <= set(colors):
            return []
        return [
            f"{file}: index {index} of its palette has {color}, the colour of "
            f"{self.names[colors.index(color)]}, but stands for {self.names[index]}: indices are "
            "ids; write the mask in RGB if its colours are meant"
            for index, color in used.items()
            if index < len(colors) and colors[index] != color
        ]

    def files(self, sample: Sample) -> list[Path]:
        """Photo, mask, and the list of the classes."""
        return [sample.image, sample.annotation, self.root / LABEL_FILE]

    def _ids_of_colors(self, path: Path) -> np.ndarray:
        picture = decoded_png(path)
        codes = picture @ np.array([1 << 16, 1 << 8, 1])  # one number for each colour
        order = np.argsort(self._codes)
        # The last place is left out, so that greater numbers find it as well.
        ids = order[np.searchsorted(self._codes[order[:-1]], codes)]
        unknown = self._codes[ids] != codes
        if unknown.any():
            y, x = np.argwhere(unknown)[0].tolist()
            message = (
                f"{path}: colour #{codes[y, x]:06x} at x={x}, y={y} is of no class in {LABEL_FILE} "
                f"({unknown.sum()} such pixels); colours must be exact, without smoothed edges"
            )
            raise Defect("label out of range", path, f"#{codes[y, x]:06x}", message)
        return ids.astype(np.uint8)

    @cached_property
    def _codes(self) -> np.ndarray:
        """The colour of every class as one number, int [K]."""
        colors = [color.lower() for color in self._classes.colors]
        twice = [name for name, c in zip(self.names, colors, strict=True) if colors.count(c) > 1]
        if twice:
            raise DataError(
                f"{self.root / LABEL_FILE}: {', '.join(twice)} share a colour, so that masks in "
                "colours cannot be told apart"
            )
        return np.array([int(color[1:], 16) for color in colors])

    @cached_property
    def _classes(self) -> LabelFile:
        return read_label_file(self.root / LABEL_FILE)


def _by_stem(folder: Path, endings: frozenset[str]) -> dict[str, Path]:
    """Files of some kinds by their names without the ending."""
    found: dict[str, Path] = {}
    for path in files_of(folder, endings):
        try:
            path.name.encode()
        except UnicodeEncodeError:
            name = ascii(path.name)
            raise DataError(f"{folder}: the name {name} is not UTF-8; rename the file") from None
        if path.stem in found:
            raise DataError(f"{folder}: {found[path.stem].name} and {path.name} share a name")
        found[path.stem] = path
    return found


def folder(*, root: str, names: Sequence[str]) -> OwnPhotos:
    """Your own photos.

    Args:
        root: folder with `images/`, `masks/` and `labels.json`.
        names: those of `labels.json`, in id order.
    """
    return OwnPhotos(Path(root), names)
