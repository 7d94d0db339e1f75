"""Decoded photos on disk: each is decoded, relabelled and resized once, then mapped."""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from filelock import FileLock

from clothseg.dataset.reader import Reader, Sample
from clothseg.error import DataError
from clothseg.labels import LabelSpace
from clothseg.report.progress import progress_bar, say

CACHE_VERSION = 1
"""Raised when the same sources would give other arrays."""

ARRAYS = ("images", "masks", "pixels", "hashes")


@dataclass(frozen=True)
class Cache:
    """The decoded samples of one dataset in one label space at one size; arrays are memory-mapped.

    Args:
        names: sample names [N].
        images: uint8 [N,S,S,3], RGB, area-resized.
        masks: uint8 [N,S,S] of class ids, nearest-resized, 255 = ignore.
        pixels: int64 [N,K], pixels of each class at the photo's original size.
        hashes: uint64 [N], perceptual hashes of the original photos.
    """

    names: list[str]
    images: np.ndarray
    masks: np.ndarray
    pixels: np.ndarray
    hashes: np.ndarray

    @property
    def presence(self) -> np.ndarray:
        """Whether a class has at least one pixel in a photo, bool [N,K]."""
        return np.asarray(self.pixels > 0)


def open_cache(reader: Reader, labels: LabelSpace, image_size: int, root: Path) -> Cache:
    """The cache of a dataset, built when it is missing, stale or damaged.

    Two processes that ask for the same cache at once build it once. A build that is cut off
    leaves only a temporary folder, which the next build removes.

    Args:
        reader: the dataset.
        labels: the label space of the masks.
        image_size: height and width S in pixels.
        root: folder of all caches.

    Raises:
        DataError: a sample is defective, or the disk is full.
        ConfigError: the label space has no place for a source name.
    """
    samples = reader.samples()
    folder = root / cache_key(samples, reader, labels, image_size)
    with _free_space_errors(folder):
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not _is_complete(folder):
                _build(folder, samples, reader, labels, image_size)
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS}
    return Cache([sample.name for sample in samples], **arrays)


def cache_key(samples: list[Sample], reader: Reader, labels: LabelSpace, image_size: int) -> str:
    """Hash of all that decides the arrays: files, their sizes and times, labels, image size."""
    digest = hashlib.blake2b(digest_size=10)
    table = labels.lookup_table(reader.names).tobytes()
    digest.update(repr((CACHE_VERSION, cv2.__version__, image_size, len(labels), table)).encode())
    for sample in samples:
        for path in (sample.image, sample.annotation):
            state = path.stat()
            digest.update(f"{path.resolve()}:{state.st_size}:{state.st_mtime_ns}".encode())
    return digest.hexdigest()


def perceptual_hash(image: np.ndarray) -> int:
    """64-bit hash of a photo uint8 [H,W,3]: signs of its 8x8 lowest frequencies about the median.

    Photos of one scene differ in few bits (Hamming distance).
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:8, :8].ravel()
    return int(np.packbits(low > np.median(low)).view(">u8")[0])


def _build(
    folder: Path, samples: list[Sample], reader: Reader, labels: LabelSpace, size: int
) -> None:
    """Write all arrays into a temporary folder and rename it."""
    temporary = folder.with_name(f"{folder.name}.building")
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    temporary.mkdir()
    table = labels.lookup_table(reader.names)
    shapes = ((size, size, 3), (size, size), (len(labels),), ())
    kinds = (np.uint8, np.uint8, np.int64, np.uint64)
    try:
        with ExitStack() as stack:
            pool = stack.enter_context(ThreadPoolExecutor(os.cpu_count()))
            stack.callback(pool.shutdown, cancel_futures=True)
            say(f"decoding {len(samples)} photos")
            advance = stack.enter_context(progress_bar("decoding", len(samples)))
            files = []
            for name, shape, kind in zip(ARRAYS, shapes, kinds, strict=True):
                file = stack.enter_context((temporary / f"{name}.npy").open("wb"))
                _write_header(file, (len(samples), *shape), np.dtype(kind))
                files.append(file)
            for rows in pool.map(
                lambda sample: _decode(sample, reader, table, len(labels), size), samples
            ):
                for file, row, kind in zip(files, rows, kinds, strict=True):
                    file.write(np.asarray(row, kind).tobytes())
                advance(1)
        sizes = {name: (temporary / f"{name}.npy").stat().st_size for name in ARRAYS}
        (temporary / "manifest.json").write_text(json.dumps(sizes))
        temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _decode(
    sample: Sample, reader: Reader, table: np.ndarray, classes: int, size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """The four rows of one sample: image, mask, pixels per class, perceptual hash."""
    image, source = reader.read(sample)
    mask = table[source]
    pixels = np.bincount(mask.ravel(), minlength=256)[:classes]
    small = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    small_mask = cv2.resize(mask, (size, size), interpolation=cv2.INTER_NEAREST)
    return small, small_mask, pixels, perceptual_hash(image)


def _write_header(file: BinaryIO, shape: tuple[int, ...], kind: np.dtype) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _is_complete(folder: Path) -> bool:
    """Whether every array is there with the size that the build noted."""
    try:
        sizes = json.loads((folder / "manifest.json").read_text())
        return all((folder / f"{name}.npy").stat().st_size == sizes[name] for name in ARRAYS)
    except (OSError, ValueError, KeyError):
        return False


@contextmanager
def _free_space_errors(folder: Path) -> Iterator[None]:
    """Tell a full disk apart from other system errors."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise DataError(
            f"no space left while caching decoded photos in {folder.parent}; nothing was kept. "
            "Free some space there or choose another folder with data.cache=<folder>"
        ) from error
