"""`action=label_scales`: draw what nearest neighbors and label pooling keep of a mask."""

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from clothseg.cache import open_census
from clothseg.commands.dataset.context import Context
from clothseg.config.suggestion import did_you_mean
from clothseg.dataset import Sample
from clothseg.error import ConfigError
from clothseg.geometry import Frame
from clothseg.loss.pooling_sizes import pooling_problem
from clothseg.terminal.screen import console


def act(context: Context) -> int:
    """Draw the mask of an image at the scales of the auxiliary losses.

    Source: dang2020, Fig. 3.

    Raises:
        ConfigError: there is no such image, or label pooling does not cover its size.
        DataError: a sample is defective, or the file cannot be written.
    """
    import torch

    from clothseg.loss.label_pooling import label_pyramid
    from clothseg.report.label_scales import draw_label_scales

    size, labels = context.settings.image_size, context.labels
    if problem := pooling_problem(size, size):
        raise ConfigError([f"image_size={size}: {problem}"])
    sample = _sample(context)
    _, source = context.reader.read(sample)
    placement = Frame.of(size).placement(*source.shape)
    mask = placement.mask(labels.lookup_table(context.reader.names)[source])
    whole = np.arange(len(labels))[:, None, None] == mask
    pyramid = label_pyramid(torch.from_numpy(mask).long()[None], len(labels))
    pooled = [whole, *(level.presence[0].numpy() for level in pyramid)]
    nearest = [mask]
    for _, smaller in pairwise(pooled):
        nearest.append(_nearest(nearest[-1], smaller.shape[-2:]))
    path = context.output / f"label_scales_{sample.name.replace('/', '_')}.png"
    title = f"Mask of {sample.name} at the scales of label pooling"
    draw_label_scales(nearest, pooled, labels.names, labels.palette, path, title)
    console.print(f"written to {path}", soft_wrap=True, markup=False)
    return 0


def _sample(context: Context) -> Sample:
    """Select the image of the settings, or the first one with the most classes."""
    name, samples = context.settings.image, context.reader.samples()
    if name is None:
        census = open_census(context.reader, context.labels, Path(context.settings.data.cache))
        return census.samples[int((census.pixels[:, 1:] > 0).sum(1).argmax())]
    by_name = {sample.name: sample for sample in samples}
    if name not in by_name:
        raise ConfigError([f"image={name}: no such image; {did_you_mean(name, list(by_name))}"])
    return by_name[name]


def _nearest(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Scale a mask uint8 [H,W] down to the nearest pixels of a height and width."""
    height, width = shape
    scaled: np.ndarray = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    return scaled
