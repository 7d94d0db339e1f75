"""Small networks and random batches of human parsing."""

import numpy as np
import torch

from clothseg.backbone import Backbone
from clothseg.datamodule.pictures import collate_pictures, sample_of
from clothseg.metric.names import PARTS
from clothseg.metric.parsing.scores import Rules
from clothseg.model import hptr
from clothseg.task.parser import Parser

VALUES = {
    PARTS: ["Background", "Hat", "Pants", "Face"],
    "size": ["none", "Short/small", "Long/large", "Undetermined"],
    "color": ["none", "Red", "Blue"],
}
"""Names of the values of the maps of a small parser."""

SMALL = {
    "queries": 4,
    "features": 16,
    "heads": 2,
    "hidden": 16,
    "layers": 2,
    "dropout": 0.0,
    "lateral_channels": 32,
    "shared_channels": 32,
}


def small_network(frozen="none", backbone="resnet18", **changes):
    """Build a narrow network for :data:`VALUES` with random weights."""
    torch.manual_seed(0)
    sizes = {name: len(names) for name, names in VALUES.items()}
    kinds = [name for name in VALUES if name != PARTS]
    settings = {"characteristics": kinds, "frozen": frozen} | SMALL | changes
    return hptr(Backbone(backbone, None), sizes, **settings)


def small_parser(**changes):
    """Build a narrow network with what its use needs."""
    return Parser(small_network(**changes), VALUES, "imagenet", Rules())


def picture(height, width, people, seed=0):
    """Image of people side by side, and its maps uint8 [4,h,w]."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    person = np.zeros((height, width), np.uint8)
    if people:
        stripe = columns * people // width + 1
        inside = (columns * people % width < 0.8 * width) & (rows > height // 8)
        person = np.where(inside, stripe, 0).astype(np.uint8)
    parts = np.where(person > 0, 1 + rows * 3 // height, 0).astype(np.uint8)
    further = [np.where(person > 0, 1 + (person + k) % 2, 0).astype(np.uint8) for k in (0, 1)]
    image = random.integers(0, 256, (height, width, 3)).astype(np.uint8)
    image[..., 0] = 60 * parts
    return image, np.stack([parts, person, *further])


def picture_batch(*sizes, start=0):
    """Batch of pictures, each of (height, width, people)."""
    samples = []
    for number, (height, width, people) in enumerate(sizes, start):
        image, maps = picture(height, width, people, seed=number)
        shape = torch.tensor([height, width])
        named = {"name": str(number), "index": number, "original": shape}
        samples.append(named | sample_of(image, maps))
    return collate_pictures(samples)
