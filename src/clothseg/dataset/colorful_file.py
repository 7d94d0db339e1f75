"""The one annotation file of CFPD: a record of each image, with its superpixels and their labels.

It is MATLAB v7.3, that is HDF5, in which MATLAB's arrays appear transposed. HDF5's library crashes
on some damaged files, so that readers call these functions through :mod:`clothseg.isolated`.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from clothseg.dataset import matlab_hdf5
from clothseg.dataset.declared_size import require_declared_size
from clothseg.dataset.defect import Defect, DefectKind
from clothseg.dataset.image import MAX_PIXELS
from clothseg.dataset.sample import Sample
from clothseg.error import DataError, abbreviate, shortened

RECORDS = "fashion_dataset"
"""Cell array of the records."""
MAX_SUPERPIXELS = 1 << 20
"""Most labels of an image."""


def color_names(path: Path) -> list[str]:
    """Read the color names in id order.

    Raises:
        DataError: the file is damaged, or has none.
    """
    with matlab_hdf5.opened(path) as file:
        return matlab_hdf5.texts(file, "all_colors_name")


def image_names(
    path: Path, class_names: Sequence[str]
) -> tuple[dict[str, list[int]], list[Defect]]:
    """Read which records have the name of an image.

    Args:
        path: the file.
        class_names: names that it has to state, in id order.

    Returns:
        Indices of the records by the name that they state, and defects of those without a name.

    Raises:
        DataError: the file is damaged, or has other class names.
    """
    defects: list[Defect] = []
    found: dict[str, list[int]] = {}
    with matlab_hdf5.opened(path) as file:
        stored = matlab_hdf5.texts(file, "all_category_name")
        if stored != list(class_names):
            raise DataError(
                f"{path}: its names are {shortened(', '.join(stored))}; the configuration "
                f"has {', '.join(class_names)}"
            )
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
    return found, defects


def label_map(
    path: Path, sample: Sample, index: int, kind: str, meaning: str, count: int
) -> np.ndarray:
    """Read the labels of an image, uint8 [H,W], from 0.

    Args:
        path: the file.
        sample: the image.
        index: of its record.
        kind: member of the record with the labels of the superpixels, which count from 1.
        meaning: what the labels are, in the plural.
        count: number of different labels.

    Raises:
        DataError: the record is damaged.
        Defect: superpixels or labels are invalid, or of an image of another size.
    """
    location = f"{path}: record of {sample.image.name}"
    with matlab_hdf5.opened(path) as file:
        record = matlab_hdf5.record_at(matlab_hdf5.cells(file, RECORDS), index, location)
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
