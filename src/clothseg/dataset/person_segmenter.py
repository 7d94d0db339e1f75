"""Person detector by segmentation: MediaPipe's selfie segmentation, run by OpenCV.

Its box is that of the largest connected component of the mask of persons.
"""

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from clothseg.dataset.person_detections import DIGEST_LENGTH, PERSON, Detections
from clothseg.error import ConfigError, first_line
from clothseg.weights.wheel import SELFIE

SIZE = 256
"""Height and width of the network's input, pixels; images are scaled to fit and padded."""

MIN_PROBABILITY = 0.5
"""Minimum probability of a pixel of a person."""

MARK = b"TFL3"
"""Bytes 4 to 7 of a file of TensorFlow Lite."""


class PersonSegmenter:
    """Detects the largest person in an image as a segment.

    Args:
        weights: `selfie`, or the path of a TensorFlow Lite file of the same input and output.
    """

    def __init__(self, weights: str) -> None:
        self.weights = weights

    @property
    def digest(self) -> str:
        """First digits of the file's SHA-256; for `selfie`, known without the file."""
        if self.weights == "selfie":
            return SELFIE.file_hash[:DIGEST_LENGTH]
        return hashlib.sha256(Path(self.weights).read_bytes()).hexdigest()[:DIGEST_LENGTH]

    def require(self) -> None:
        """Raise an error if the weights are missing, or OpenCV cannot run them.

        Raises:
            ConfigError: names the file, and how to get or supply it.
        """
        self.probabilities(np.zeros((SIZE, SIZE, 3), np.uint8))

    def __call__(self, image: np.ndarray) -> Detections:
        """Detect the largest person in an image uint8 [H,W,3], RGB; the score is its mean."""
        height, width = image.shape[:2]
        found = self.probabilities(image)
        count, components, statistics, _ = cv2.connectedComponentsWithStats(
            (found >= MIN_PROBABILITY).astype(np.uint8)
        )
        if count < 2:  # of which the first is the background
            return np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, np.float32)
        largest = 1 + int(statistics[1:, cv2.CC_STAT_AREA].argmax())
        left, top, wide, high = statistics[largest, : cv2.CC_STAT_AREA]
        box = np.array([[left, top, left + wide, top + high]], np.float32)
        scale = np.array([width, height] * 2, np.float32) / (found.shape[::-1] * 2)
        score = found[components == largest].mean(keepdims=True).astype(np.float32)
        return box * scale, np.array([PERSON]), score.reshape(1)

    def probabilities(self, image: np.ndarray) -> np.ndarray:
        """Probability float32 [h,w] of a person in each pixel of a scaled image, max(h, w) = 256.

        Raises:
            ConfigError: the weights are unavailable, or not such a network.
        """
        scale = SIZE / max(image.shape[:2])
        height, width = (max(1, round(size * scale)) for size in image.shape[:2])
        top, left = (SIZE - height) // 2, (SIZE - width) // 2
        inside = slice(top, top + height), slice(left, left + width)
        canvas = np.zeros((SIZE, SIZE, 3), np.float32)
        canvas[inside] = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA) / 255
        try:
            self._network.setInput(canvas.transpose(2, 0, 1)[None])
            mask: np.ndarray = self._network.forward()
        except cv2.error as error:
            raise ConfigError([self._problem(first_line(error))]) from error
        if mask.shape != (1, 1, SIZE, SIZE):
            raise ConfigError([self._problem(f"its output is {list(mask.shape)}")])
        probabilities: np.ndarray = mask[0, 0][inside]
        return probabilities

    @cached_property
    def _network(self) -> Any:
        path = SELFIE.require() if self.weights == "selfie" else Path(self.weights)
        content = np.frombuffer(path.read_bytes(), np.uint8)  # OpenCV takes UTF-8 paths only
        return cv2.dnn.readNetFromTFLite(content)

    def _problem(self, reason: str) -> str:
        return (
            f"dataset.detector={self.weights}: not a network from images [1,3,{SIZE},{SIZE}] to "
            f"masks of persons [1,1,{SIZE},{SIZE}] that OpenCV can run ({reason})"
        )
