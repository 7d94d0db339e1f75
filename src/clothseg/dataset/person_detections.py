"""Common parts of the person detectors: their interface, and the form of their results."""

from typing import Protocol

import numpy as np

Detections = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Boxes float32 [M,4] as left, top, right, bottom in pixels; COCO labels int64 [M]; scores float32
[M] in [0, 1]."""

PERSON = 1
"""Label of a person among torchvision's 91 COCO classes."""

MIN_SCORE = 0.5
"""Minimum score of a detection; dropping the others early saves most of the time."""

DIGEST_LENGTH = 8
"""Hexadecimal digits of SHA-256 that identify a weights file, as in torchvision's file names."""


class Detector(Protocol):
    """Callable that finds objects in images."""

    @property
    def digest(self) -> str:
        """Hash of the weights."""

    def require(self) -> None:
        """Raise an error if the weights are unavailable, or do not belong to the detector."""

    def __call__(self, image: np.ndarray) -> Detections:
        """Return boxes, labels and scores of the objects in an image uint8 [H,W,3]."""
