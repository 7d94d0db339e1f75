"""Outputs of a perfect network of human parsing, for tests of what is made of them."""

import numpy as np
import torch

from clothseg.metric.names import PARTS
from clothseg.task.people import ImageArea, find_people

CERTAIN = 9.0


def logits_of(ids, classes):
    """Logits [K,H,W] whose largest is that of the ids."""
    return torch.from_numpy(np.where(np.arange(classes)[:, None, None] == ids, CERTAIN, -CERTAIN))


def same_size(height, width):
    return ImageArea((height, width), (height, width), (height, width))


def drawn():
    """Two people side by side with hats and coats, colored."""
    person = np.zeros((8, 12), int)
    person[:, 1:5], person[:, 6:11] = 1, 2
    parts = np.where(person > 0, np.where(np.arange(8)[:, None] < 3, 1, 2), 0)
    color = np.where((person == 1) & (parts == 2), 2, 0)
    color[:2, 6:11] = 1
    return person, parts, color


def people_of(person, parts, color, scores=(0.9, 0.6)):
    masks = torch.stack([logits_of(person == k, 2)[1] for k in (1, 2)])
    chances = torch.tensor([[p, 1 - p] for p in scores]).log()
    maps = {PARTS: logits_of(parts, 3), "color": logits_of(color, 3)}
    return find_people(chances, masks, maps, same_size(*person.shape))
