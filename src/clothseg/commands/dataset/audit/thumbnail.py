"""Small pictures of a photo under its mask."""

import base64

import cv2
import numpy as np

from clothseg.commands.dataset.audit.photo import Subject, tiny_components
from clothseg.dataset.reader import examine
from clothseg.labels import IGNORE, LabelSpace

HEIGHT, WIDTH = 260, 320
"""Most pixels of a thumbnail."""
OPACITY = 0.5
NO_CLASS = (255, 0, 255)
"""Colour of values that are no id, and of the rings about tiny components."""
RING = 9
"""Radius in pixels of the thumbnail."""


def thumbnail(subject: Subject, labels: LabelSpace, ringed: bool) -> str:
    """A JPEG as a data URI; empty when the photo cannot be decoded.

    The mask lies on the photo from their upper left corners, so that a mask of another size shows
    where it would end. The background is clear, ignored pixels are white.

    Args:
        subject: the sample.
        labels: where the colours come from.
        ringed: whether tiny components have a ring about them.
    """
    found = examine(subject.reader, subject.sample)
    if found.image is None:
        return ""
    height, width = found.image.shape[:2]
    scale = min(1, HEIGHT / height, WIDTH / width)
    size = max(1, round(scale * width)), max(1, round(scale * height))
    picture = cv2.resize(found.image, size, interpolation=cv2.INTER_AREA)
    if found.mask is not None:
        _paint(picture, _placed(found.mask, height, width), subject, labels)
        if ringed:
            _ring(picture, found.mask, len(subject.reader.names), scale)
    encoded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    return f"data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode()}"


def _placed(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """The mask cut and filled up with background to another size."""
    placed = np.zeros((height, width), np.uint8)
    inside = mask[:height, :width]
    placed[: inside.shape[0], : inside.shape[1]] = inside
    return placed


def _paint(picture: np.ndarray, mask: np.ndarray, subject: Subject, labels: LabelSpace) -> None:
    """Blend the classes' colours into a picture uint8 [h,w,3]."""
    size = picture.shape[1], picture.shape[0]
    classes = labels.lookup_table(subject.reader.names)[
        cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
    ]
    colors = np.full((256, 3), NO_CLASS, np.uint8)
    colors[: len(labels)] = labels.palette
    colors[IGNORE] = 255
    blend = (1 - OPACITY) * picture + OPACITY * colors[classes]
    picture[classes > 0] = blend[classes > 0]


def _ring(picture: np.ndarray, mask: np.ndarray, classes: int, scale: float) -> None:
    components, tiny = tiny_components(mask, classes)
    component = components.component[components.run]
    for number in tiny:
        y, x = scale * np.argwhere(component == number).mean(0)
        cv2.circle(picture, (round(x), round(y)), RING, NO_CLASS, 2, cv2.LINE_AA)
