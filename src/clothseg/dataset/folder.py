"""Custom datasets: a folder of images, a folder of masks, and a list of the classes."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from clothseg.dataset.defect import Defect, missing_partners_error
from clothseg.dataset.listing import describe_others, layout_error, list_files, other_files
from clothseg.dataset.png import RGB, decode_png, png_format, read_ids, used_palette
from clothseg.dataset.reader import Reader
from clothseg.dataset.sample import Sample
from clothseg.error import DataError
from clothseg.label_file import LABEL_FILE, LabelFile, read_label_file
from clothseg.labels import IGNORE

LAYOUT = f"images/, masks/ and {LABEL_FILE}"
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
MASK_SUFFIXES = frozenset({".png"})


class FolderReader(Reader):
    """Images in `images/`, masks of the same names in `masks/`, classes in `labels.json`.

    A mask is a PNG of ids (8 bits, or the indices of a palette; 255 = ignore), or an RGB image
    in exactly the colors of `labels.json`, which has no color for ignore.
    """

    def list_samples(self) -> list[Sample]:
        """Images by name."""
        folders = self.root / "images", self.root / "masks"
        if not all(folder.is_dir() for folder in folders):
            raise layout_error(self.root, LAYOUT)
        if self._classes.names != self.names:
            raise DataError(
                f"{self.root / LABEL_FILE}: its names are {', '.join(self._classes.names)}; the "
                f"configuration has {', '.join(self.names)}"
            )
        images, masks = _by_stem(folders[0], IMAGE_SUFFIXES), _by_stem(folders[1], MASK_SUFFIXES)
        pairs = sorted(images.keys() & masks.keys())
        samples = [Sample(stem, images[stem], masks[stem]) for stem in pairs]
        unpaired: dict[Path, str] = {}
        problems = []
        for files, (own, other) in ((images, folders), (masks, folders[::-1])):
            stems = sorted(files.keys() - set(pairs))
            text = f"no partner in {other}"
            unpaired |= {files[stem]: text for stem in stems}
            if stems:
                problems.append(f"{len(stems)} files in {own} have {text}")
        if problems:
            message = f"{' and '.join(problems)} (an image and its PNG mask must share a stem)"
            raise missing_partners_error(samples, unpaired, message)
        if not images:
            raise DataError(
                f"{folders[0]}: no images; expected {', '.join(sorted(IMAGE_SUFFIXES))}"
            )
        return samples

    def read_mask(self, sample: Sample) -> np.ndarray:
        """Ids uint8 [H,W].

        Raises:
            DataError: the file is not such a PNG, or has a color of no class.
        """
        if png_format(sample.annotation) == (8, RGB):
            return self._ids_of_colors(sample.annotation)
        return read_ids(sample.annotation)

    def warnings(self) -> list[str]:
        """Files that are neither images nor masks."""
        kinds = (("images", IMAGE_SUFFIXES), ("masks", MASK_SUFFIXES))
        return [
            f"{self.root / name}: {describe_others(others, suffixes)}"
            for name, suffixes in kinds
            if (others := other_files(self.root / name, suffixes))
        ]

    def sample_warnings(self, sample: Sample) -> list[str]:
        """Warn of a palette that has the colors of the classes at indices other than their ids."""
        file = sample.annotation
        used = {index: color for index, color in used_palette(file).items() if index != IGNORE}
        colors = [color.lower() for color in self._classes.colors]
        if not set(used.values()) <= set(colors):
            return []
        return [
            f"{file}: palette index {index} is {color}, the color of "
            f"{self.names[colors.index(color)]}, but is read as {self.names[index]}: indices are "
            "class ids; save the mask as RGB if its colors are intended"
            for index, color in used.items()
            if index < len(colors) and colors[index] != color
        ]

    def files(self, sample: Sample) -> list[Path]:
        """Image, mask, and the list of the classes."""
        return [sample.image, sample.annotation, self.root / LABEL_FILE]

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
    def _codes(self) -> np.ndarray:
        """Color of each class as one integer, int [K]."""
        colors = [color.lower() for color in self._classes.colors]
        shared = [name for name, c in zip(self.names, colors, strict=True) if colors.count(c) > 1]
        if shared:
            raise DataError(
                f"{self.root / LABEL_FILE}: {', '.join(shared)} have the same color, so RGB masks "
                "are ambiguous"
            )
        return np.array([int(color[1:], 16) for color in colors])

    @cached_property
    def _classes(self) -> LabelFile:
        return read_label_file(self.root / LABEL_FILE)


def _by_stem(folder: Path, suffixes: frozenset[str]) -> dict[str, Path]:
    """Files with one of some suffixes, by stem."""
    found: dict[str, Path] = {}
    for path in list_files(folder, suffixes):
        try:
            path.name.encode()
        except UnicodeEncodeError:
            name = ascii(path.name)
            raise DataError(f"{folder}: file name {name} is not UTF-8; rename the file") from None
        if path.stem in found:
            raise DataError(f"{folder}: {found[path.stem].name} and {path.name} have the same stem")
        found[path.stem] = path
    return found


def folder(*, root: str, names: Sequence[str]) -> FolderReader:
    """Build the reader of a custom dataset.

    Args:
        root: folder with `images/`, `masks/` and `labels.json`.
        names: those in `labels.json`, in id order.
    """
    return FolderReader(Path(root), names)
