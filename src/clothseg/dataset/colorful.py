"""Colorful-Fashion Parsing Data (CFPD): 2,682 images with superpixel labels of 23 names."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from clothseg.dataset import colorful_file
from clothseg.dataset.defect import Defect
from clothseg.dataset.listing import existing_samples, layout_error, listed_path
from clothseg.dataset.reader import Reader
from clothseg.dataset.sample import Sample
from clothseg.extras import require_extra
from clothseg.isolated import call_isolated

FILE = "fashon_parsing_data.mat"
"""File name as misspelled in the release."""
LAYOUT = f"{FILE} and image/<number>.jpg"


class ColorfulFashion(Reader):
    """CFPD in the layout of its archive.

    Images are segmented into superpixels with 0-based ids; a record has one 1-based class per
    superpixel.

    License: not stated in the release.
    Source: Liu et al., Fashion parsing with weak color-category labels, IEEE Transactions on
        Multimedia 2014.
    """

    def list_samples(self) -> list[Sample]:
        """Images in the order of the file's records."""
        images = [self.root / "image" / name for name in self._records]
        samples = [Sample(image.stem, image, self.root / FILE) for image in images]
        unusable = self._listed[1]
        return existing_samples(samples, FILE, "error", self.root / "image", unusable)

    def read_mask(self, sample: Sample) -> np.ndarray:
        """Ids uint8 [H,W]: the class of each pixel's superpixel."""
        return self._read(sample, "category_label", "names", len(self.names))

    def read_colors(self, sample: Sample) -> np.ndarray:
        """Color ids uint8 [H,W] in the order of the file's `all_colors_name`, 0 = background."""
        return self._read(sample, "color_label", "colors", len(self.color_names))

    @cached_property
    def color_names(self) -> list[str]:
        """Color names in id order."""
        return call_isolated(colorful_file.color_names, self._file)

    @property
    def _records(self) -> dict[str, int]:
        """Index into the file's records of each image's record."""
        return self._listed[0]

    @cached_property
    def _listed(self) -> tuple[dict[str, int], list[Defect]]:
        """Records of the images by file name, and defects of those that cannot be used."""
        path = self._file
        found, defects = call_isolated(colorful_file.image_names, path, self.names)
        records = {}
        for name, indices in found.items():
            try:
                listed_path(self.root / "image", name, path)
                if len(indices) > 1:
                    message = f"{path}: {len(indices)} records have the img_name {name}"
                    raise Defect("unreadable annotation", path, Path(name).stem, message)
            except Defect as defect:
                defects.append(defect)
            else:
                records[name] = indices[0]
        return records, defects

    def _read(self, sample: Sample, kind: str, meaning: str, count: int) -> np.ndarray:
        index = self._records[sample.image.name]
        return call_isolated(
            colorful_file.label_map, self._file, sample, index, kind, meaning, count
        )

    @property
    def _file(self) -> Path:
        path = self.root / FILE
        if not path.exists():
            raise layout_error(self.root, LAYOUT)
        return path


def cfpd(*, root: str, names: Sequence[str]) -> ColorfulFashion:
    """Build the reader of Colorful-Fashion Parsing Data.

    Args:
        root: folder of the unpacked archive.
        names: the 23 names in id order.

    Raises:
        ConfigError: the library that reads the file is not installed.
    """
    require_extra("cfpd", "dataset=cfpd")
    return ColorfulFashion(Path(root), names)
