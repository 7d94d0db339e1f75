"""Custom datasets: a folder of images, a folder of masks, and a list of the classes."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from clothseg.dataset.class_masks import ClassMasks
from clothseg.dataset.defect import missing_partners_error
from clothseg.dataset.listing import describe_others, layout_error, list_files, other_files
from clothseg.dataset.reader import Reader
from clothseg.dataset.sample import Sample
from clothseg.error import DataError
from clothseg.label_file import LABEL_FILE, LabelFile, read_label_file

LAYOUT = f"images/, masks/ and {LABEL_FILE}"
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
MASK_SUFFIXES = frozenset({".png"})


class FolderReader(Reader):
    """Images in `images/`, masks of the same names in `masks/`, classes in `labels.json`.

    A mask is a PNG of ids (8 bits, or the indices of a palette; 255 = ignore), or an image in
    exactly the colors of `labels.json`, which has no color for ignore; see :class:`ClassMasks`.
    """

    @property
    def background_id(self) -> int:
        """Id of the background in the masks."""
        return self._classes.background_id

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
        return self._masks.read(sample.annotation)

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
        return self._masks.warnings(sample.annotation)

    def files(self, sample: Sample) -> list[Path]:
        """Image, mask, and the list of the classes."""
        return [sample.image, sample.annotation, self.root / LABEL_FILE]

    @cached_property
    def _classes(self) -> LabelFile:
        return read_label_file(self.root / LABEL_FILE)

    @cached_property
    def _masks(self) -> ClassMasks:
        return ClassMasks(self._classes, self.root / LABEL_FILE)


def _by_stem(folder: Path, suffixes: frozenset[str]) -> dict[str, Path]:
    """Files with one of some suffixes, by stem."""
    found: dict[str, Path] = {}
    for path in list_files(folder, suffixes):
        if path.stem in found:
            raise DataError(f"{folder}: {found[path.stem].name} and {path.name} have the same stem")
        found[path.stem] = path
    return found


def folder(*, root: str, names: Sequence[str]) -> FolderReader:
    """Build the reader of a custom dataset.

    Args:
        root: folder with `images/`, `masks/` and `labels.json`.
        names: those in `labels.json`, the background first.
    """
    return FolderReader(Path(root), names)
