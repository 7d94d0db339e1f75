"""`action=crop`: precompute the person box of every image and render contact sheets.

Boxes of a detector are cached for later trainings with the same dataset and weights.
"""

import numpy as np

from clothseg.commands.dataset.context import Context
from clothseg.dataset.cropped import Cropped, cropped_readers, widen
from clothseg.dataset.image import read_image
from clothseg.dataset.person_boxes import Box
from clothseg.dataset.sample import Sample
from clothseg.error import ConfigError
from clothseg.report.contact_sheet import BoxedImage, draw_contact_sheet
from clothseg.terminal.screen import say

MAX_SHOWN = 24
"""Maximum number of images on a contact sheet."""

MAX_SHOWN_UNCROPPED = 4
"""Maximum number of images without a person, which come first on a contact sheet."""


def act(context: Context) -> int:
    """Find all boxes, report how many images stay uncropped, and draw a contact sheet per source.

    Raises:
        ConfigError: no crop is selected, or the weights of the detector are not available.
        DataError: a mask or an image cannot be read.
    """
    parts = cropped_readers(context.reader)
    if not parts:
        raise ConfigError(["dataset.crop=none: choose the source of the boxes: mask or detector"])
    for number, part in enumerate(parts):
        part.boxes.require()
        boxes = part.boxes.find_all()
        uncropped = sum(box is None for box in boxes.values())
        title = f"{part.root.name}, boxes from the {context.settings.dataset['crop']}"
        say(
            f"{title}: {len(boxes) - uncropped} images cropped to a person, {uncropped} uncropped "
            "(no person found)"
        )
        suffix = f"_{number}" if len(parts) > 1 else ""
        path = context.output / f"crop_{context.settings.dataset['crop']}{suffix}.png"
        images = _choose_images(part, boxes, np.random.default_rng(context.settings.seed))
        draw_contact_sheet(images, path, title)
        say(f"written to {path}")
    return 0


def _choose_images(
    part: Cropped, boxes: dict[str, Box | None], random: np.random.Generator
) -> list[BoxedImage]:
    """Sample images with their boxes, those without a person first."""
    samples = part.samples()
    order: list[Sample] = [samples[i] for i in random.permutation(len(samples))]
    uncropped = [sample for sample in order if boxes[sample.name] is None][:MAX_SHOWN_UNCROPPED]
    cropped = [sample for sample in order if boxes[sample.name] is not None]
    return [_with_box(part, s, boxes[s.name]) for s in [*uncropped, *cropped][:MAX_SHOWN]]


def _with_box(part: Cropped, sample: Sample, box: Box | None) -> BoxedImage:
    image = read_image(sample.image)
    return BoxedImage(sample.name, image, box, widen(box, part.margin, *image.shape[:2]))
