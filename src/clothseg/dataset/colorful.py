"""Colorful-Fashion Parsing Data (CFPD): 2,682 images with superpixel labels of 23 names."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from clothseg.dataset import matlab_hdf5
from clothseg.dataset.declared_size import require_declared_size
from clothseg.dataset.defect import Defect, DefectKind
from clothseg.dataset.image import MAX_PIXELS
from clothseg.dataset.listing import existing_samples, layout_error, listed_path
from clothseg.dataset.reader import Reader
from clothseg.dataset.sample import Sample
from clothseg.error import DataError, abbreviate, shortened
from clothseg.extras import require_extra

FILE = "fashon_parsing_data.mat"
"""File name as misspelled in the release."""
RECORDS = "fashion_dataset"
"""Cell array of the records."""
MAX_SUPERPIXELS = 1 << 20
"""Most labels of an image."""
LAYOUT = f"{FILE} and image/<number>.jpg"


class ColorfulFashion(Reader):
    """CFPD in the layout of its archive.

    Images are segmented into superpixels with 0-based ids; a record has one 1-based class per
    superpixel. The file is MATLAB v7.3, that is HDF5, in which MATLAB's arrays appear transposed.

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
        with self._open() as file:
            return matlab_hdf5.texts(file, "all_colors_name")

    @property
    def _records(self) -> dict[str, int]:
        """Index into `fashion_dataset` of each image's record."""
        return self._listed[0]

    @cached_property
    def _listed(self) -> tuple[dict[str, int], list[Defect]]:
        """Records of the images by file name, and defects of those that cannot be used."""
        path = self.root / FILE
        defects: list[Defect] = []
        with self._open() as file:
            stored = matlab_hdf5.texts(file, "all_category_name")
            if stored != self.names:
                raise DataError(
                    f"{path}: its names are {shortened(', '.join(stored))}; the configuration "
                    f"has {', '.join(self.names)}"
                )
            found: dict[str, list[int]] = {}
            cells = matlab_hdf5.cells(file, RECORDS)
            for index, reference in enumerate(matlab_hdf5.references(cells)):
                place = f"{path}: record {index + 1}"
                try:
                    record = matlab_hdf5.record(file, reference, place)
                    letters = matlab_hdf5.member(record, "img_name", place)
                    name = matlab_hdf5.text(letters, f"{place}: img_name")
                except DataError as error:
                    number = f"record {index + 1}"
                    defects.append(Defect("unreadable annotation", path, number, str(error)))
                else:
                    found.setdefault(name, []).append(index)
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
        location = f"{self.root / FILE}: record of {sample.image.name}"
        with self._open() as file:
            cells = matlab_hdf5.cells(file, RECORDS)
            record = matlab_hdf5.record_at(cells, self._records[sample.image.name], location)
            segments = matlab_hdf5.member(record, "segmentation", location)
            if segments.ndim != 2:
                message = f"{location}: segmentation has {segments.ndim} dimensions; expected 2"
                raise Defect("unreadable annotation", sample.annotation, "", message)
            require_declared_size(sample, *segments.shape[::-1])
            superpixels = matlab_hdf5.values(segments, MAX_PIXELS, f"{location}: segmentation").T
            labels = matlab_hdf5.member(record, kind, location)
            values = matlab_hdf5.values(labels, MAX_SUPERPIXELS, f"{location}: {kind}").ravel()
        with np.errstate(invalid="ignore"):  # what is not a number differs from its integer
            ids = superpixels.astype(np.int64)
        if not np.array_equal(ids, superpixels) or ids.min() < 0 or ids.max() >= len(values):
            found = f"{superpixels.min():g} to {superpixels.max():g}"
            message = (
                f"{location}: superpixel ids are {found}; only the integers 0 to {len(values) - 1} "
                "have a label"
            )
            raise Defect("unreadable annotation", sample.annotation, found, message)
        invalid = sorted({float(v) for v in values[np.unique(ids)] if v not in range(1, count + 1)})
        if invalid:
            found = abbreviate([f"{value:g}" for value in invalid])
            message = f"{location}: {kind} {found} is invalid; the {count} {meaning} start at 1"
            integers = all(value.is_integer() for value in invalid)
            defect: DefectKind = "label out of range" if integers else "interpolated label"
            raise Defect(defect, sample.annotation, found, message)
        return (values - 1).clip(0).astype(np.uint8)[ids]

    def _open(self) -> AbstractContextManager[Any]:
        path = self.root / FILE
        if not path.exists():
            raise layout_error(self.root, LAYOUT)
        return matlab_hdf5.opened(path)


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
