"""Thumbnails of an image overlay_masks with its mask."""

import base64

import cv2
import numpy as np

from clothseg.commands.dataset.audit.sample import Subject, tiny_components
from clothseg.dataset.reader import examine
from clothseg.labels import IGNORE, LabelSpace

MAX_HEIGHT, MAX_WIDTH = 260, 320
"""Maximum size of a thumbnail, in pixels."""
OPACITY = 0.5
"""Weight of the class color in the overlay."""
UNKNOWN_COLOR = (255, 0, 255)
"""Color of values that are not ids, and of the circles around tiny components."""
CIRCLE_RADIUS = 9
"""Radius of the circles in pixels of the thumbnail."""


def make_thumbnail(subject: Subject, labels: LabelSpace, circled: bool) -> str:
    """Return a JPEG as a data URI; empty if the image cannot be decoded.

    Image and mask are aligned at their top-left corners, so that a mask of another size is visible
    as such. The background is transparent, ignored pixels are white.

    Args:
        subject: the sample.
        labels: label space that provides the colors.
        circled: True to circle tiny components.
    """
    found = examine(subject.reader, subject.sample)
    if found.image is None:
        return ""
    height, width = found.image.shape[:2]
    scale = min(1, MAX_HEIGHT / height, MAX_WIDTH / width)
    size = max(1, round(scale * width)), max(1, round(scale * height))
    overlay = cv2.resize(found.image, size, interpolation=cv2.INTER_AREA)
    if found.mask is not None:
        _paint(overlay, _crop_or_pad(found.mask, height, width), subject, labels)
        if circled:
            _circle_tiny_components(overlay, found.mask, len(subject.reader.names), scale)
    encoded = cv2.imencode(".jpg", overlay[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    return f"data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode()}"


def _crop_or_pad(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """Crop a mask, or pad it with background, to another size."""
    resized = np.zeros((height, width), np.uint8)
    inside = mask[:height, :width]
    resized[: inside.shape[0], : inside.shape[1]] = inside
    return resized


def _paint(overlay: np.ndarray, mask: np.ndarray, subject: Subject, labels: LabelSpace) -> None:
    """Blend the class colors into an image uint8 [h,w,3], in place."""
    size = overlay.shape[1], overlay.shape[0]
    classes = labels.lookup_table(subject.reader.names)[
        cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST_EXACT)
    ]
    colors = np.full((256, 3), UNKNOWN_COLOR, np.uint8)
    colors[: len(labels)] = labels.palette
    colors[IGNORE] = 255
    blend = (1 - OPACITY) * overlay + OPACITY * colors[classes]
    overlay[classes > 0] = blend[classes > 0]


def _circle_tiny_components(
    overlay: np.ndarray, mask: np.ndarray, classes: int, scale: float
) -> None:
    components, tiny = tiny_components(mask, classes)
    component = components.component[components.run]
    for number in tiny:
        y, x = scale * np.argwhere(component == number).mean(0)
        cv2.circle(overlay, (round(x), round(y)), CIRCLE_RADIUS, UNKNOWN_COLOR, 2, cv2.LINE_AA)
