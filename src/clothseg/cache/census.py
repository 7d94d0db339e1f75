"""Census of a dataset: classes, objects, size and appearance of every image.

It is all that a split or statistics need, and does not depend on the size of the network's input.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from clothseg.cache.arrays import ArrayFolder, Row
from clothseg.cache.columns import Column
from clothseg.cache.decoding import Decoded, Store
from clothseg.cache.listing import REMEDY, Listing
from clothseg.dataset.defect import SkippedSample
from clothseg.dataset.fingerprint import file_states
from clothseg.dataset.near_duplicates import (
    SIDE,
    Appearance,
    NearDuplicates,
    find_near_duplicates,
)
from clothseg.dataset.reader import Reader
from clothseg.dataset.sample import Sample
from clothseg.error import DataError
from clothseg.labels import LabelSpace

CACHE_VERSION = 5
"""Increment whenever the same sources yield different arrays."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Census:
    """Counts of N images and K classes, as memory-mapped arrays.

    Args:
        samples: the N samples.
        pixels: int64 [N,K], pixels of each class at the image's original size.
        instances: int64 [N,K], annotated objects of each class; for an image without annotated
            objects, 1 for each class that is present.
        areas: int64 [N,K], pixels of all objects of each class. Objects may overlap, so that they
            can exceed `pixels`; equal to `pixels` for an image without annotated objects.
        annotated: bool [N], True for images whose dataset annotates objects.
        sizes: int64 [N,2], original height and width, pixels.
        hashes: uint64 [N], perceptual hashes of the original images.
        mirrored_hashes: uint64 [N], perceptual hashes of their mirror images.
        thumbnails: uint8 [N,32,32,3], RGB, the images without their aspect ratio.
        source_values: bool [N,256], True for source ids in the mask of an image; 255 = ignore.
        suspicious: bool [N], True for images of which the reader has warnings.
        class_names: names of the classes in id order [K]; empty if not needed.
        warnings: anomalies of the dataset's files that are not errors, one sentence each.
        skipped: defective samples that are excluded from `samples`.
        folder: folder of the arrays; its name is a hash of everything that determines them.
    """

    samples: list[Sample]
    pixels: np.ndarray
    instances: np.ndarray
    areas: np.ndarray
    annotated: np.ndarray
    sizes: np.ndarray
    hashes: np.ndarray
    mirrored_hashes: np.ndarray
    thumbnails: np.ndarray
    source_values: np.ndarray
    suspicious: np.ndarray
    class_names: Sequence[str] = ()
    warnings: Sequence[str] = ()
    skipped: Sequence[SkippedSample] = ()
    folder: Path = Path()

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

    @cached_property
    def near_duplicates(self) -> NearDuplicates:
        """Near-duplicate of each image; most images have none."""
        appearance = Appearance(self.hashes, self.mirrored_hashes, self.thumbnails)
        return find_near_duplicates(appearance)


def census_folder(
    root: Path, samples: Sequence[Sample], reader: Reader, labels: LabelSpace
) -> Path:
    """Name the folder of a census after its files, their sizes and times, and the label space.

    Args:
        root: folder of all caches.
        samples: the samples of the reader.
        reader: the dataset.
        labels: the label space of the counts.

    Raises:
        ConfigError: the label space does not assign a source name.
    """
    digest = hashlib.blake2b(digest_size=10)
    table = labels.lookup_table(reader.names).tobytes()
    parameters = (CACHE_VERSION, cv2.__version__, list(labels.names), table, reader.treatment)
    digest.update(repr(parameters).encode())
    for state in file_states(reader.paths(samples)):
        digest.update(os.fsencode(state))
    return root / f"census-{digest.hexdigest()}"


def census_store(folder: Path, count: int, reader: Reader, labels: LabelSpace) -> Store:
    """Define the arrays of a census, and how they are computed.

    Args:
        folder: the folder of the arrays.
        count: number of samples.
        reader: the dataset.
        labels: the label space of the counts.
    """
    classes, table = len(labels), labels.lookup_table(reader.names)

    def row(decoded: Decoded) -> Row:
        pixels = np.bincount(decoded.mask.ravel(), minlength=256)[:classes]
        objects = reader.objects(decoded.sample)
        if objects is None:
            instances, areas = (pixels > 0).astype(np.int64), pixels
        else:
            found = table[[source for source, _ in objects]]
            instances = np.bincount(found, minlength=256)[:classes]
            # Sums of floats are exact up to 2^53 pixels.
            areas = np.bincount(found, [area for _, area in objects], minlength=256)[:classes]
        seen = Appearance.of(decoded.image)
        appearance = seen.hashes, seen.mirrored_hashes, seen.thumbnails
        values = np.bincount(decoded.source.ravel(), minlength=256) > 0
        checked = values, bool(reader.sample_warnings(decoded.sample))
        counted = pixels, instances, areas, objects is not None, decoded.mask.shape
        return *counted, *appearance, *checked

    return Store(ArrayFolder(folder, _columns(classes), count), row)


def load_census(folder: Path, listing: Listing) -> Census:
    """Map the arrays of a complete census into memory.

    Raises:
        DataError: an array is missing, or does not have a row for each sample.
    """
    arrays = ArrayFolder(folder, _columns(len(listing.class_names)), len(listing.samples))
    if not arrays.is_complete():
        raise DataError(f"{folder}: arrays of the census are missing or damaged; {REMEDY}")
    return Census(**vars(listing), **arrays.load(), folder=folder)


def _columns(classes: int) -> list[Column]:
    """Arrays of a census, named like the fields of :class:`Census`."""
    return [
        Column("pixels", np.int64, (classes,)),
        Column("instances", np.int64, (classes,)),
        Column("areas", np.int64, (classes,)),
        Column("annotated", np.bool_),
        Column("sizes", np.int64, (2,)),
        Column("hashes", np.uint64),
        Column("mirrored_hashes", np.uint64),
        Column("thumbnails", np.uint8, (SIDE, SIDE, 3)),
        Column("source_values", np.bool_, (256,)),
        Column("suspicious", np.bool_),
    ]
