"""Boundary IoU: IoU of the bands along the inner edge of each class."""

import cv2
import numpy as np

from clothseg.labels import IGNORE


def boundary_width(height: int, width: int) -> int:
    """Width of the band in pixels: 2 % of the image's diagonal, at least 1."""
    return max(1, round(0.02 * float(np.hypot(height, width))))


def boundary_counts(prediction: np.ndarray, target: np.ndarray, classes: int) -> np.ndarray:
    """Intersection and union of each class's bands in one image.

    Args:
        prediction: class ids uint8 [H,W].
        target: true class ids uint8 [H,W]; pixels of 255 belong to no class of either mask.
        classes: number of classes K.

    Returns:
        Pixels int64 [2,K], to be summed over images; Boundary IoU is their ratio.

    Source: Cheng et al., Boundary IoU (CVPR 2021), with the band width of its reference settings.
    """
    prediction = np.where(target == IGNORE, target, prediction)
    found, truth = inner_band(prediction), inner_band(target)
    count = [
        np.bincount(band.ravel(), minlength=256)[:classes]
        for band in (np.where(found == truth, truth, IGNORE), found, truth)
    ]
    return np.stack([count[0], count[1] + count[2] - count[0]])


def inner_band(mask: np.ndarray) -> np.ndarray:
    """Keep the pixels of each class that are near its edge; the rest becomes 255.

    Eroding every class in turn is the same as asking where the window around a pixel holds one
    value, which takes two filters for all classes together. Outside the image is 255, no class.
    """
    size = 2 * boundary_width(*mask.shape) + 1
    window = np.ones((size, size), np.uint8)
    border = {"borderType": cv2.BORDER_CONSTANT, "borderValue": IGNORE}
    lowest, highest = cv2.erode(mask, window, **border), cv2.dilate(mask, window, **border)
    return np.where(lowest == highest, np.uint8(IGNORE), mask)
