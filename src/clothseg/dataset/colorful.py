"""Colorful-Fashion Parsing Data (CFPD): 2,682 images with superpixel labels of 23 names."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clothseg.dataset.declared_size import require_declared_size
from clothseg.dataset.defect import Defect, DefectKind
from clothseg.dataset.image import MAX_PIXELS
from clothseg.dataset.listing import existing_samples, layout_error, listed_path
from clothseg.dataset.reader import Reader
from clothseg.dataset.sample import Sample
from clothseg.error import DataError, abbreviate, first_line
from clothseg.extras import require_extra
from clothseg.untrusted import MAX_TABLE_BYTES, require_file

if TYPE_CHECKING:
    import h5py

FILE = "fashon_parsing_data.mat"
"""File name as misspelled in the release."""
MAX_RECORDS, MAX_CHARACTERS, MAX_SUPERPIXELS = 1 << 20, 1 << 10, 1 << 20
"""Largest arrays of references, of characters of a name, and of labels of an image."""
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
            return self._names(file, "all_colors_name")

    @property
    def _records(self) -> dict[str, int]:
        """Index into `fashion_dataset` of each image's record."""
        return self._listed[0]

    @cached_property
    def _listed(self) -> tuple[dict[str, int], list[Defect]]:
        """Records of the images by file name, and defects of those that cannot be used."""
        path = self.root / FILE
        with self._open() as file:
            stored = self._names(file, "all_category_name")
            if stored != self.names:
                raise DataError(
                    f"{path}: its names are {', '.join(stored)}; the configuration "
                    f"has {', '.join(self.names)}"
                )
            found: dict[str, list[int]] = {}
            for index, record in enumerate(_cells(file, "fashion_dataset")):
                try:
                    name = _text(_member(file[record], "img_name"))
                except Exception as error:  # HDF5 raises many types for damaged files
                    message = f"{path}: record {index + 1} has no img_name ({first_line(error)})"
                    raise DataError(message) from error
                found.setdefault(name, []).append(index)
        records, defects = {}, []
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

    def _names(self, file: "h5py.File", name: str) -> list[str]:
        """Read a MATLAB cell array of names."""
        try:
            return [_text(file[reference]) for reference in _cells(file, name)]
        except DataError:
            raise
        except Exception as error:  # HDF5 raises many types for damaged files
            raise DataError(
                f"{self.root / FILE}: `{name}` cannot be read ({first_line(error)})"
            ) from error

    def _read(self, sample: Sample, kind: str, meaning: str, count: int) -> np.ndarray:
        with self._open() as file:
            record: Any = file[file["fashion_dataset"][self._records[sample.image.name], 0]]
            segments = _member(record, "segmentation")
            if segments.ndim == 2:
                require_declared_size(sample, *segments.shape[::-1])
            superpixels = _values(segments, MAX_PIXELS).T
            values = _values(_member(record, kind), MAX_SUPERPIXELS).ravel()
        location = f"{self.root / FILE}: record of {sample.image.name}"
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
            shown = abbreviate([f"{value:g}" for value in invalid])
            message = f"{location}: {kind} {shown} is invalid; the {count} {meaning} start at 1"
            integers = all(value.is_integer() for value in invalid)
            defect: DefectKind = "label out of range" if integers else "interpolated label"
            raise Defect(defect, sample.annotation, shown, message)
        return (values - 1).clip(0).astype(np.uint8)[ids]

    def _open(self) -> "h5py.File":
        import h5py

        path = self.root / FILE
        if not path.exists():
            raise layout_error(self.root, LAYOUT)
        require_file(path, MAX_TABLE_BYTES)
        try:
            return h5py.File(path)
        except OSError as error:
            raise DataError(f"{path}: cannot be read as HDF5 (MATLAB v7.3): {error}") from error


def _cells(file: "h5py.File", name: str) -> Sequence[Any]:
    """Return the references in a MATLAB cell array, in order."""
    if name not in file:
        raise DataError(f"{file.filename}: has no `{name}`; found {abbreviate(list(file))}")
    return _values(_member(file, name), MAX_RECORDS).ravel().tolist()


def _text(characters: Any) -> str:
    """Decode a MATLAB string, which HDF5 stores as character codes."""
    return "".join(map(chr, _values(characters, MAX_CHARACTERS).ravel()))


def _member(group: Any, name: str) -> Any:
    """Return an item of a group; HDF5 follows links to other files, and these could be any.

    Raises:
        ValueError: the item is in another file.
    """
    item = group[name]
    if item.file.filename != group.file.filename:
        raise ValueError(f"{name} is a link to another file")
    return item


def _values(array: Any, most: int) -> np.ndarray:
    """Read an array.

    Raises:
        ValueError: it has more than `most` values, or they are in another file.
    """
    if array.size > most:
        raise ValueError(f"{array.size} values; at most {most} are expected")
    if array.external or array.is_virtual:
        raise ValueError("the values are in another file")
    return np.array(array)


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
