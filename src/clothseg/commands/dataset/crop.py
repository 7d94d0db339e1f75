"""Finds the box of the person in every photo in advance, counts, and shows some of them.

Boxes of a detector are kept, so that trainings with the same dataset and weights find them there.
"""

import numpy as np

from clothseg.commands.dataset.context import Context
from clothseg.dataset.cropped import Cropped, cropped_readers, widen
from clothseg.dataset.image import read_image
from clothseg.dataset.person_boxes import Box
from clothseg.dataset.sample import Sample
from clothseg.error import ConfigError
from clothseg.report.contact_sheet import BoxedPhoto, draw_contact_sheet
from clothseg.screen import say

SHOWN = 24
"""Photos on a contact sheet."""

SHOWN_WHOLE = 4
"""Photos on it without a person, at most: those are the ones to look at."""


def act(context: Context) -> int:
    """Find all boxes, tell how many photos stay whole, and draw a contact sheet of each source.

    Raises:
        ConfigError: no crop is chosen, or a detector's weights cannot be had.
        DataError: a mask or a photo cannot be read.
    """
    parts = cropped_readers(context.reader)
    if not parts:
        raise ConfigError(["dataset.crop=none: choose where boxes come from: mask or detector"])
    for number, part in enumerate(parts):
        part.boxes.require()
        boxes = part.boxes.find_all()
        whole = sum(box is None for box in boxes.values())
        title = f"{part.root.name}, boxes of the {context.settings.dataset['crop']}"
        say(f"{title}: photos cut to a person {len(boxes) - whole}, whole without one {whole}")
        suffix = f"_{number}" if len(parts) > 1 else ""
        path = context.output / f"crop_{context.settings.dataset['crop']}{suffix}.png"
        photos = _shown(part, boxes, np.random.default_rng(context.settings.seed))
        draw_contact_sheet(photos, path, title)
        say(f"written to {path}")
    return 0


def _shown(
    part: Cropped, boxes: dict[str, Box | None], random: np.random.Generator
) -> list[BoxedPhoto]:
    """Photos drawn at random with their boxes, those without a person first."""
    samples = part.samples()
    order: list[Sample] = [samples[i] for i in random.permutation(len(samples))]
    whole = [sample for sample in order if boxes[sample.name] is None][:SHOWN_WHOLE]
    cut = [sample for sample in order if boxes[sample.name] is not None]
    return [_boxed(part, s, boxes[s.name]) for s in [*whole, *cut][:SHOWN]]


def _boxed(part: Cropped, sample: Sample, box: Box | None) -> BoxedPhoto:
    photo = read_image(sample.image)
    return BoxedPhoto(sample.name, photo, box, widen(box, part.margin, *photo.shape[:2]))
