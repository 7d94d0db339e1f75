"""Counts of every photo, and what they amount to."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from clothseg.dataset import Reader, Sample
from clothseg.labels import LabelSpace
from clothseg.screen import progress_bar
from clothseg.threads import map_in_order

INSTANCES_ARE = {
    True: "objects that the dataset annotates",
    False: "classes of a photo, one each, because the dataset does not tell objects apart",
}
"""What is counted as an instance, by whether objects are told apart."""


@dataclass(frozen=True)
class Counts:
    """What was counted in N photos of K classes; the background has no instances.

    Objects may cover each other, so that their areas can add up to more than the class's pixels.

    Args:
        samples: the photos.
        sizes: height and width in pixels, int64 [N,2].
        pixels: visible pixels of each class, int64 [N,K].
        instances: objects of each class, int64 [N,K].
        areas: pixels of all objects of each class, int64 [N,K].
        objects: whether the dataset of each photo tells objects apart, bool [N].
    """

    samples: Sequence[Sample]
    sizes: np.ndarray
    pixels: np.ndarray
    instances: np.ndarray
    areas: np.ndarray
    objects: np.ndarray

    def of(self, chosen: np.ndarray) -> "Counts":
        """The counts of some photos, bool [N]."""
        samples = [s for s, is_chosen in zip(self.samples, chosen, strict=True) if is_chosen]
        arrays = (self.sizes, self.pixels, self.instances, self.areas, self.objects)
        return Counts(samples, *(array[chosen] for array in arrays))


def count_photos(reader: Reader, labels: LabelSpace) -> Counts:
    """Read every photo and count.

    Raises:
        DataError: a photo or its annotation is defective, or the dataset has another layout.
        ConfigError: the label space has no place for a source name.
    """
    samples = reader.samples()
    table = labels.lookup_table(reader.names)
    count = partial(_count_photo, reader=reader, table=table, classes=len(labels))
    bar = progress_bar("counting", len(samples))
    rows = []
    with bar as advance, map_in_order(count, samples) as counted:
        for row in counted:
            rows.append(row)
            advance(1)
    return Counts(samples, *(np.array(column) for column in zip(*rows, strict=True)))


def count_further(reader: Reader) -> dict[str, list[dict[str, Any]]]:
    """One row for each name of further maps, such as colours, by kind: its pixels and photos.

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
    """One row per class: pixels, photos and instances, and their shares from 0 to 1.

    Mean areas are in pixels and, as the mean of each object's share of its own photo, from 0 to 1;
    None for a class without instances.

    Source: the columns of inacio2019, Fig. 4, and dang2020, Table I.
    """
    pixels, instances = counts.pixels.sum(0), counts.instances.sum(0)
    images = (counts.pixels > 0).sum(0)
    area = counts.areas.sum(0)
    share = (counts.areas / counts.sizes.prod(1)[:, None]).sum(0)
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
            "mean_area_share": float(share[k] / instances[k]) if instances[k] else None,
        }
        for k, name in enumerate(labels.names)
    ]


def image_rows(counts: Counts) -> list[dict[str, Any]]:
    """One row per photo: its size in pixels, and how many classes and instances it shows."""
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
    """How many classes beside the background each photo shows, int64 [N]."""
    return (counts.pixels[:, 1:] > 0).sum(1)


def breakdowns(counts: Counts) -> dict[str, dict[str, Counts]]:
    """The counts of each source and each part, where the samples have them.

    Returns:
        `source` and `part`, each with the counts by its names; without those that never differ.
    """
    keys = {
        "source": [sample.source for sample in counts.samples],
        "part": [sample.part for sample in counts.samples],
    }
    return {
        key: {name: counts.of(np.array(values) == name) for name in dict.fromkeys(values)}
        for key, values in keys.items()
        if any(values)
    }


def distribution(values: np.ndarray) -> dict[str, Any]:
    """Smallest, mean, median and largest of whole numbers [N], and how often each occurs."""
    numbers, times = np.unique(values, return_counts=True)
    return {
        "min": int(numbers[0]),
        "mean": float(values.mean()),
        "median": float(np.median(values)),
        "max": int(numbers[-1]),
        "images": dict(zip(map(str, numbers.tolist()), times.tolist(), strict=True)),
    }


def _count_photo(
    sample: Sample, reader: Reader, table: np.ndarray, classes: int
) -> tuple[tuple[int, int], np.ndarray, np.ndarray, np.ndarray, bool]:
    """Size, pixels [K], instances [K] and areas [K] of one photo, and whether it has objects."""
    image, source = reader.read(sample)
    pixels = np.bincount(table[source].ravel(), minlength=256)[:classes]
    objects = reader.objects(sample)
    if objects is None:
        instances, areas = (pixels > 0).astype(np.int64), pixels.copy()
    else:
        found = table[[source for source, _ in objects]]
        instances = np.bincount(found, minlength=256)[:classes]
        areas = np.zeros(256, np.int64)
        np.add.at(areas, found, [area for _, area in objects])
        areas = areas[:classes]
    instances[0] = areas[0] = 0
    height, width = image.shape[:2]
    return (height, width), pixels, instances, areas, objects is not None
