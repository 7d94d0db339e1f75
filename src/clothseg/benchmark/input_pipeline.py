"""Training batches from the cache, against images that are decoded in every epoch."""

import itertools
import random
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import cv2
import numpy as np
import scipy.io
import torch
from torch.utils.data import DataLoader, Dataset

from clothseg import build
from clothseg.augmentation import Augmentation
from clothseg.benchmark.comparison import (
    Comparison,
    Goal,
    Side,
    batch_conditions,
    limit_threads,
    measure_alternately,
    training_config,
)
from clothseg.cache import Cache
from clothseg.config.settings import Benchmark
from clothseg.datamodule.sampling import EpochOrder
from clothseg.dataset import Sample

IMAGE_SIZE = 320
"""Height and width in inacio2019, pixels."""
REPETITIONS = 12


class DecodedImages(Dataset[dict[str, Any]]):
    """Hand-written baseline: reads, relabels, resizes and augments on demand.

    Args:
        samples: samples to read.
        table: class id of each source id, uint8 [256].
        image_size: height and width S of the output, pixels.
        augmentation: random transforms, the same as in clothseg.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        table: np.ndarray,
        image_size: int,
        augmentation: Augmentation,
    ) -> None:
        self.samples, self.table, self.augmentation = samples, table, augmentation
        self.size = image_size, image_size

    def __len__(self) -> int:
        """Number of images."""
        return len(self.samples)

    def __getitem__(self, position: int) -> dict[str, Any]:
        """Image uint8 [S,S,3] and mask uint8 [S,S]."""
        sample = self.samples[position]
        image = cv2.cvtColor(cv2.imread(str(sample.image)), cv2.COLOR_BGR2RGB)
        mask = self.table[scipy.io.loadmat(sample.annotation)["groundtruth"]]
        image = cv2.resize(image, self.size, interpolation=cv2.INTER_AREA)
        mask = cv2.resize(mask, self.size, interpolation=cv2.INTER_NEAREST_EXACT)
        image, mask = self.augmentation(image, mask, random.getrandbits(31))
        return {"image": torch.from_numpy(image), "mask": torch.from_numpy(mask)}


def compare(settings: Benchmark) -> list[Comparison]:
    """Compare training images per second with the augmentation of inacio2019."""
    size = settings.image_size or IMAGE_SIZE
    config = training_config(settings, size, ["augmentation=inacio2019", "data.workers=0"])
    reader = build.build_dataset(config)
    cache = build.build_cache(config, reader)
    split = build.build_split(config, cache)
    data = build.build_batches(config, cache, split)
    train = set(split.train)
    samples = [sample for sample in reader.samples() if sample.name in train]
    table = config.labels.lookup_table(reader.names)
    decoded = DecodedImages(samples, table, size, data.augmentation)
    _warm_page_cache(cache, samples)
    loader = DataLoader(decoded, settings.batch_size, shuffle=True, drop_last=True)
    images = settings.batches * settings.batch_size

    def speed(stream: Iterator[dict[str, Any]]) -> float:
        start = time.perf_counter()
        for _ in itertools.islice(stream, settings.batches):
            pass  # the memory of a batch is free for the next one, as in training
        return images / (time.perf_counter() - start)

    sides = [partial(speed, _endless(source)) for source in (data.training_batches(), loader)]
    with limit_threads(settings.threads):
        ours, theirs = measure_alternately(sides, settings.repetitions or REPETITIONS)
    return [
        Comparison(
            title="cached training batches against decoding in every epoch",
            unit="images/s",
            conditions=batch_conditions(settings, size),
            clothseg=Side("SplitBatches, images from the cache", ours),
            rival=Side("Dataset that decodes and resizes every image in every epoch", theirs),
            goal=Goal(">=", 6),
        )
    ]


def _endless(loader: DataLoader[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield batches, epoch after epoch."""
    for epoch in itertools.count():
        if isinstance(loader.sampler, EpochOrder):
            loader.sampler.set_epoch(epoch)
        yield from loader


def _warm_page_cache(cache: Cache, samples: Sequence[Sample]) -> None:
    """Read all files once, so that neither side pays for cold reads."""
    for sample in samples:
        sample.image.read_bytes()
        sample.annotation.read_bytes()
    cache.images.max()
    cache.masks.max()
