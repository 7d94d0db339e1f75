"""On-disk cache of decoded images: decoded, relabeled and resized once, then memory-mapped.

Images are decoded a few at a time and written sequentially, so memory use does not grow with the
dataset, and an interrupted build resumes.
"""

import errno
import hashlib
import io
import json
import math
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from filelock import FileLock

from clothseg.dataset.near_duplicates import perceptual_hash
from clothseg.dataset.reader import Reader, file_states
from clothseg.dataset.sample import Sample
from clothseg.error import DataError
from clothseg.labels import LabelSpace
from clothseg.screen import progress_bar, say
from clothseg.threads import map_in_order

CACHE_VERSION = 3
"""Increment whenever the same sources yield different arrays."""

ARRAYS = ("images", "masks", "pixels", "instances", "hashes")

Row = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]


@dataclass(frozen=True)
class Cache:
    """Decoded samples of a dataset in one label space at one size, as memory-mapped arrays.

    Args:
        samples: the N decoded samples.
        images: uint8 [N,S,S,3], RGB, area-resized.
        masks: uint8 [N,S,S] of class ids, nearest-resized, 255 = ignore.
        pixels: int64 [N,K], pixels of each class at the image's original size.
        instances: int64 [N,K], annotated objects of each class; for a dataset without objects, 1
            for each class that is present.
        hashes: uint64 [N], perceptual hashes of the original images.
        class_names: names of the classes in id order [K]; empty if not needed.
    """

    samples: list[Sample]
    images: np.ndarray
    masks: np.ndarray
    pixels: np.ndarray
    instances: np.ndarray
    hashes: np.ndarray
    class_names: Sequence[str] = ()

    @cached_property
    def names(self) -> list[str]:
        """Sample names [N]."""
        return [sample.name for sample in self.samples]

    @cached_property
    def index_of(self) -> dict[str, int]:
        """Index of each sample by its name."""
        return {name: index for index, name in enumerate(self.names)}

    @cached_property
    def sources(self) -> np.ndarray:
        """Source dataset of each sample [N]; empty strings if the dataset is not merged."""
        return np.array([sample.source for sample in self.samples])

    @property
    def presence(self) -> np.ndarray:
        """True where a class has at least one pixel in an image, bool [N,K]."""
        return np.asarray(self.pixels > 0)


def open_cache(reader: Reader, labels: LabelSpace, image_size: int, root: Path) -> Cache:
    """Open the cache of a dataset; build it if it is missing, stale or damaged.

    Concurrent processes build the same cache only once. An interrupted build leaves a temporary
    folder, from which the next build resumes.

    Args:
        reader: the dataset.
        labels: the label space of the masks.
        image_size: height and width S in pixels.
        root: folder of all caches.

    Raises:
        DataError: a sample is defective, or the disk is full.
        ConfigError: the label space does not assign a source name.
    """
    samples = reader.samples()
    folder = root / cache_key(samples, reader, labels, image_size)
    with _disk_full_as_data_error(folder):
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not _is_complete(folder):
                _build(folder, samples, reader, labels, image_size)
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS}
    return Cache(samples, **arrays, class_names=labels.names)


def cache_key(samples: list[Sample], reader: Reader, labels: LabelSpace, image_size: int) -> str:
    """Hash of everything that determines the arrays: files, sizes and times, labels, image size."""
    digest = hashlib.blake2b(digest_size=10)
    table = labels.lookup_table(reader.names).tobytes()
    parameters = (CACHE_VERSION, cv2.__version__, image_size, len(labels), table, reader.treatment)
    digest.update(repr(parameters).encode())
    for state in file_states(reader, samples):
        digest.update(state.encode())
    return digest.hexdigest()


def _build(
    folder: Path, samples: list[Sample], reader: Reader, labels: LabelSpace, size: int
) -> None:
    """Write all arrays to a temporary folder and rename it."""
    reader.prepare()  # before threads start, which Ctrl-C does not interrupt
    temporary = folder.with_name(f"{folder.name}.building")
    shutil.rmtree(folder, ignore_errors=True)
    temporary.mkdir(exist_ok=True)
    table = labels.lookup_table(reader.names)
    shapes = ((size, size, 3), (size, size), (len(labels),), (len(labels),), ())
    dtypes = [np.dtype(dtype) for dtype in (np.uint8, np.uint8, np.int64, np.int64, np.uint64)]
    try:
        with ExitStack() as stack:
            files = [stack.enter_context(_open_for_update(temporary / f"{n}.npy")) for n in ARRAYS]
            headers = [_header((len(samples), *s), d) for s, d in zip(shapes, dtypes, strict=True)]
            strides = [math.prod(s) * d.itemsize for s, d in zip(shapes, dtypes, strict=True)]
            done = _truncate_to_complete_rows(files, headers, strides)
            say(f"decoding {len(samples)} images" + (f", {done} already done" if done else ""))
            advance = stack.enter_context(progress_bar("decoding", len(samples)))
            advance(done)
            decode = partial(_decode, reader=reader, table=table, classes=len(labels), size=size)
            for row in stack.enter_context(map_in_order(decode, samples[done:])):
                for file, values, dtype in zip(files, row, dtypes, strict=True):
                    file.write(np.asarray(values, dtype).tobytes())
                advance(1)
        sizes = {name: (temporary / f"{name}.npy").stat().st_size for name in ARRAYS}
        (temporary / "manifest.json").write_text(json.dumps(sizes))
        temporary.rename(folder)
    except Exception:  # excludes Ctrl-C, after which the next build resumes
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _open_for_update(path: Path) -> BinaryIO:
    """Open a file for reading and writing without truncating it."""
    path.touch()
    return path.open("r+b")


def _truncate_to_complete_rows(
    files: Sequence[BinaryIO], headers: Sequence[bytes], strides: Sequence[int]
) -> int:
    """Truncate all files to the rows that all of them contain; return the number of rows."""
    sizes = [os.fstat(file.fileno()).st_size for file in files]
    rows = [(n - len(h)) // stride for n, h, stride in zip(sizes, headers, strides, strict=True)]
    done = max(0, min(rows))
    for file, header, stride in zip(files, headers, strides, strict=True):
        if done == 0:
            file.write(header)
        file.truncate(len(header) + done * stride)
        file.seek(0, os.SEEK_END)
    return done


def _decode(sample: Sample, reader: Reader, table: np.ndarray, classes: int, size: int) -> Row:
    """Compute one sample's rows: image, mask, pixels and objects per class, perceptual hash."""
    image, source = reader.read(sample)
    mask = table[source]
    pixels = np.bincount(mask.ravel(), minlength=256)[:classes]
    objects = reader.objects(sample)
    if objects is None:
        instances = (pixels > 0).astype(np.int64)
    else:
        found = table[[source for source, _ in objects]]
        instances = np.bincount(found, minlength=256)[:classes]
    small = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    small_mask = cv2.resize(mask, (size, size), interpolation=cv2.INTER_NEAREST)
    return small, small_mask, pixels, instances, perceptual_hash(image)


def _header(shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    """Return the header of a `.npy` file."""
    fields = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, fields)
    return file.getvalue()


def _is_complete(folder: Path) -> bool:
    """Return whether every array exists and has the size in the manifest."""
    try:
        sizes = json.loads((folder / "manifest.json").read_text())
        return all((folder / f"{name}.npy").stat().st_size == sizes[name] for name in ARRAYS)
    except (OSError, ValueError, KeyError):
        return False


@contextmanager
def _disk_full_as_data_error(folder: Path) -> Iterator[None]:
    """Convert the system error of a full disk to a DataError."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise DataError(
            f"no space left while caching decoded images in {folder.parent}; no partial data is "
            "left behind. Free some space there or choose another folder with data.cache=<folder>"
        ) from error
