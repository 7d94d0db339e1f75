"""Per-image counts and their aggregates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clothseg.cache import Census
from clothseg.dataset import Reader, Sample
from clothseg.labels import LabelSpace
from clothseg.split import Split
from clothseg.terminal.screen import progress_bar
from clothseg.threads import map_in_order

INSTANCE_MEANINGS = {
    True: "objects annotated by the dataset",
    False: "one per class and image, because the dataset does not annotate objects",
}
"""Meaning of an instance, by whether the dataset annotates objects."""


SUBSETS = ("train", "validation", "test", "held_out")
"""Subsets of a split, in the order of tables."""


@dataclass(frozen=True)
class Counts:
    """Counts of N images and K classes; the background has no instances.

    Objects may overlap, so that their areas can sum to more than the pixels of the class.

    Args:
        samples: samples of the images.
        sizes: height and width in pixels, int64 [N,2].
        pixels: visible pixels of each class, int64 [N,K].
        instances: objects of each class, int64 [N,K].
        areas: pixels of all objects of each class, int64 [N,K].
        objects: True for images whose dataset annotates objects, bool [N].
    """

    samples: Sequence[Sample]
    sizes: np.ndarray
    pixels: np.ndarray
    instances: np.ndarray
    areas: np.ndarray
    objects: np.ndarray

    @classmethod
    def of(cls, census: Census) -> "Counts":
        """Take the counts from a census."""
        foreground = np.arange(census.pixels.shape[1]) > 0
        instances, areas = census.instances * foreground, census.areas * foreground
        return cls(census.samples, census.sizes, census.pixels, instances, areas, census.annotated)

    def select(self, chosen: np.ndarray) -> "Counts":
        """Return the counts of selected images, bool [N]."""
        samples = [s for s, is_chosen in zip(self.samples, chosen, strict=True) if is_chosen]
        arrays = (self.sizes, self.pixels, self.instances, self.areas, self.objects)
        return Counts(samples, *(array[chosen] for array in arrays))


def count_further_maps(reader: Reader) -> dict[str, list[dict[str, Any]]]:
    """Count pixels and images of each name of further maps, such as colors: rows by kind of map.

    Source: loesch2021, Fig. 2.
    """
    if not reader.further_names:
        return {}
    samples = reader.samples()
    pixels = {kind: np.zeros(256, np.int64) for kind in reader.further_names}
    images = {kind: np.zeros(256, np.int64) for kind in reader.further_names}
    bar = progress_bar("counting further maps", len(samples))
    with bar as advance, map_in_order(reader.further_maps, samples) as read:
        for maps in read:
            for kind, values in maps.items():
                counted = np.bincount(values.ravel(), minlength=256)
                pixels[kind] += counted
                images[kind] += counted > 0
            advance(1)
    return {
        kind: [
            {"id": k, "name": name, "pixels": int(pixels[kind][k]), "images": int(images[kind][k])}
            for k, name in enumerate(names)
        ]
        for kind, names in reader.further_names.items()
    }


def class_rows(counts: Counts, labels: LabelSpace) -> list[dict[str, Any]]:
    """Return one row per class: pixels, images and instances, and fractions from 0 to 1.

    Mean areas are in pixels and in fractions of the image of each object, from 0 to 1; None for
    classes without instances.

    Source: the columns of inacio2019, Fig. 4, and dang2020, Table I.
    """
    pixels, instances = counts.pixels.sum(0), counts.instances.sum(0)
    images = (counts.pixels > 0).sum(0)
    area = counts.areas.sum(0)
    fraction = (counts.areas / counts.sizes.prod(1)[:, None]).sum(0)
    return [
        {
            "id": k,
            "name": name,
            "pixels": int(pixels[k]),
            "pixel_share": float(pixels[k] / max(pixels.sum(), 1)),
            "images": int(images[k]),
            "image_share": float(images[k] / len(counts.samples)),
            "instances": int(instances[k]),
            "mean_area": float(area[k] / instances[k]) if instances[k] else None,
            "mean_area_share": float(fraction[k] / instances[k]) if instances[k] else None,
        }
        for k, name in enumerate(labels.names)
    ]


def image_rows(counts: Counts) -> list[dict[str, Any]]:
    """Return one row per image: its size in pixels and its numbers of classes and instances."""
    classes, instances = classes_per_image(counts), counts.instances.sum(1)
    return [
        {
            "name": sample.name,
            "source": sample.source,
            "part": sample.part,
            "width": int(counts.sizes[i, 1]),
            "height": int(counts.sizes[i, 0]),
            "classes": int(classes[i]),
            "instances": int(instances[i]),
        }
        for i, sample in enumerate(counts.samples)
    ]


def classes_per_image(counts: Counts) -> np.ndarray:
    """Return the number of classes in each image, excluding the background, int64 [N]."""
    return np.asarray((counts.pixels[:, 1:] > 0).sum(1))


def break_down(counts: Counts, split: Split | None = None) -> dict[str, dict[str, Counts]]:
    """Split the counts by source and by part, where the samples have them, and by a run's split.

    Args:
        counts: counts of all images.
        split: subsets of the images of a run, which may be in more than one; None without a run.

    Returns:
        Counts by name for the keys `source`, `part` and `subset`; keys that no sample sets are
        omitted.

    Raises:
        DataError: the dataset lacks images of the split.
    """
    keys = {
        "source": [sample.source for sample in counts.samples],
        "part": [sample.part for sample in counts.samples],
    }
    groups = {
        key: {name: counts.select(np.array(values) == name) for name in dict.fromkeys(values)}
        for key, values in keys.items()
        if any(values)
    }
    return groups if split is None else groups | {"subset": _subsets(counts, split)}


def _subsets(counts: Counts, split: Split) -> dict[str, Counts]:
    """Return the counts of the subsets of a split that have images.

    Source: dang2020, Table I.
    """
    names = [sample.name for sample in counts.samples]
    split.require(names)
    return {
        subset: counts.select(np.isin(names, chosen))
        for subset in SUBSETS
        if (chosen := getattr(split, subset))
    }


def distribution(values: np.ndarray) -> dict[str, Any]:
    """Return minimum, mean, median and maximum of integers [N], and the frequency of each value."""
    numbers, frequencies = np.unique(values, return_counts=True)
    return {
        "min": int(numbers[0]),
        "mean": float(values.mean()),
        "median": float(np.median(values)),
        "max": int(numbers[-1]),
        "images": dict(zip(map(str, numbers.tolist()), frequencies.tolist(), strict=True)),
    }
