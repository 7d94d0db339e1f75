"""Opening of censuses and pixels, which are built first if they are missing, stale or damaged."""

from collections.abc import Collection, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from clothseg.cache.census import Census, census_folder, census_store, load_census
from clothseg.cache.checking import check_masks
from clothseg.cache.decoding import fill
from clothseg.cache.listing import Listing
from clothseg.cache.own_aspect import OwnAspectImages
from clothseg.cache.pictures import Pictures, picture_form
from clothseg.cache.pixels import Cache, Form, pixel_store
from clothseg.dataset.reader import Reader
from clothseg.geometry import Frame, OwnAspect
from clothseg.labels import LabelSpace


def open_census(
    reader: Reader, labels: LabelSpace, root: Path, forms: Collection[Form] = ()
) -> Census:
    """List a dataset and open its census; build it if it does not exist.

    Args:
        reader: the dataset.
        labels: the label space of the counts.
        root: folder of all caches.
        forms: forms in which the pixels of all samples will be opened next: those that do not exist
            are written in the same pass over the images.

    Raises:
        DataError: the dataset cannot be listed, a sample is defective, fewer than two classes occur
            in the masks, or the disk is full.
        ConfigError: the label space does not assign a source name.
    """
    samples = reader.samples()
    folder = census_folder(root, samples, reader, labels)
    pixels = [pixel_store(folder, len(samples), form) for form in set(forms)]
    pixels.sort(key=lambda store: store.arrays.path)
    fill([census_store(folder, len(samples), reader, labels), *pixels], samples, reader, labels)
    listing = Listing.of(reader, samples, labels)
    found = check_masks(load_census(folder, listing), reader, labels)
    listing = replace(listing, warnings=[*listing.warnings, *found])
    listing.write(folder)
    return load_census(folder, listing)


def read_census(folder: Path) -> Census:
    """Open a complete census from its folder alone, without access to the dataset.

    Raises:
        DataError: the folder is missing or damaged.
    """
    return load_census(folder, Listing.read(folder))


def open_pixels(
    census: Census,
    reader: Reader,
    labels: LabelSpace,
    frame: Frame,
    names: Collection[str] | None = None,
) -> Cache:
    """Open the decoded images of some samples; decode them if they are not stored.

    Args:
        census: the census of the dataset.
        reader: the dataset, which is not accessed if the images are stored.
        labels: the label space of the masks.
        frame: the network's input.
        names: names of the samples; None for all. The store of all samples is used if it exists.

    Raises:
        DataError: a sample is defective, or the disk is full.
    """
    own = {field.name: getattr(census, field.name) for field in fields(Census)}
    return Cache(**own, frame=frame, **_open_form(census, reader, labels, frame, names))


def open_own_aspect(
    census: Census,
    reader: Reader,
    labels: LabelSpace,
    form: OwnAspect,
    names: Collection[str] | None = None,
) -> OwnAspectImages:
    """Open decoded images at their own aspect; arguments and errors as in :func:`open_pixels`."""
    arrays = _open_form(census, reader, labels, form, names)
    return OwnAspectImages(names=census.names, **arrays)


def open_pictures(
    census: Census,
    reader: Reader,
    labels: LabelSpace,
    longest_side: int,
    kinds: Sequence[str],
    names: Collection[str] | None = None,
) -> Pictures:
    """Open decoded pictures with their people; other arguments as in :func:`open_pixels`.

    Args:
        census: the census of the dataset.
        reader: the dataset, which tells people apart and has all kinds.
        labels: the label space of the classes.
        longest_side: longest side, pixels; larger pictures are reduced to it.
        kinds: names of the characteristics.
        names: names of the samples; None for all.
    """
    form = picture_form(longest_side, kinds)
    own = {field.name: getattr(census, field.name) for field in fields(Census)}
    images = open_own_aspect(census, reader, labels, form, names)
    return Pictures(**own, images=images, kinds=tuple(kinds))


def _open_form(
    census: Census,
    reader: Reader,
    labels: LabelSpace,
    form: Form,
    names: Collection[str] | None,
) -> dict[str, Any]:
    """Open the arrays of a form, and the row of each sample in them, by name."""
    samples, rows = census.samples, None
    store = pixel_store(census.folder, len(samples), form)
    chosen = sorted(census.index_of[name] for name in set(census.names if names is None else names))
    if len(chosen) < len(samples) and not store.arrays.is_complete():
        samples = [census.samples[index] for index in chosen]
        rows = np.full(len(census.samples), -1)
        rows[chosen] = np.arange(len(chosen))
        store = pixel_store(census.folder, len(chosen), form, [sample.name for sample in samples])
    fill([store], samples, reader, labels)
    return {**store.arrays.load(), "rows": rows}


def open_cache(reader: Reader, labels: LabelSpace, frame: Frame, root: Path) -> Cache:
    """Open census and decoded images of all samples; arguments and errors as above."""
    return open_pixels(open_census(reader, labels, root, [frame]), reader, labels, frame)
