"""Caches and batches of random images, without files."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from clothseg.augmentation import none
from clothseg.cache import Cache
from clothseg.datamodule.training_data import SegmentationData
from clothseg.dataset import Sample
from clothseg.geometry import Frame
from clothseg.split import kfold

UNCHANGED = np.arange(256, dtype=np.uint8)


def fake_cache(photos, classes=4, seed=0, twins=0):
    """Images with random classes and distant hashes; the last `twins` near-duplicate the first."""
    random = np.random.default_rng(seed)
    hashes = random.integers(0, 2**63, photos, np.uint64)
    hashes[photos - twins :] = hashes[:twins] ^ np.uint64(7)
    thumbnails = np.random.default_rng(seed + 1).integers(0, 256, (photos, 32, 32, 3), np.uint8)
    thumbnails[photos - twins :] = thumbnails[:twins]
    pixels = random.integers(0, 2, (photos, classes))
    empty = np.zeros((photos, 2, 2), np.uint8)
    return Cache(
        samples=[Sample(f"{i:03}", Path(), Path()) for i in range(photos)],
        pixels=pixels,
        instances=pixels,
        areas=pixels,
        annotated=np.zeros(photos, bool),
        sizes=np.full((photos, 2), 2),
        hashes=hashes,
        mirrored_hashes=~hashes,
        thumbnails=thumbnails,
        source_values=np.pad(pixels > 0, ((0, 0), (0, 256 - classes))),
        suspicious=np.zeros(photos, bool),
        frame=Frame.of(2),
        images=empty,
        masks=empty,
    )


def small_data(
    workers=0, augmentation=None, first_epoch=0, batch_size=4, accumulation_steps=1, ignored=0
):
    """Four folds of 24 random images of 16 pixels; no near-duplicates.

    The first `ignored` rows of every third mask are ignored.
    """
    cache = fake_cache(24)
    random = np.random.default_rng(0)
    images = random.integers(0, 255, (24, 16, 16, 3), np.uint8)
    masks = random.integers(0, 4, (24, 16, 16)).astype(np.uint8)
    masks[::3, :ignored] = 255
    cache = replace(cache, frame=Frame.of(16), images=images, masks=masks)
    split = kfold(cache, folds=4, fold=0, validation=0.2, seed=0)
    augmentation = augmentation or none(16, UNCHANGED)
    module = SegmentationData(
        cache,
        split,
        augmentation,
        batch_size,
        workers,
        seed=3,
        accumulation_steps=accumulation_steps,
    )
    module.load_state_dict({"epoch": first_epoch})
    return module
