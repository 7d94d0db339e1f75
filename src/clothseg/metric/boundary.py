"""Boundary IoU: IoU of bands along the inner boundary of each class."""

import cv2
import numpy as np

from clothseg.labels import IGNORE


def boundary_width(height: int, width: int) -> int:
    """Return the width of the band in pixels: 2 % of the image diagonal, at least 1."""
    return max(1, round(0.02 * float(np.hypot(height, width))))


def boundary_counts(prediction: np.ndarray, target: np.ndarray, classes: int) -> np.ndarray:
    """Count intersection and union of the bands of each class in one image.

    Args:
        prediction: class ids uint8 [H,W].
        target: true class ids uint8 [H,W]; pixels of 255 belong to no class in either mask.
        classes: number of classes K.

    Returns:
        Pixels int64 [2,K]; Boundary IoU is the ratio of their sums over images.

    Source: Cheng et al., Boundary IoU (CVPR 2021), with its default band width.
    """
    prediction = np.where(target == IGNORE, target, prediction)
    predicted, true = inner_band(prediction), inner_band(target)
    counts = [
        np.bincount(band.ravel(), minlength=256)[:classes]
        for band in (np.where(predicted == true, true, IGNORE), predicted, true)
    ]
    return np.stack([counts[0], counts[1] + counts[2] - counts[0]])


def inner_band(mask: np.ndarray) -> np.ndarray:
    """Keep the pixels of each class near its boundary and set all others to 255.

    A pixel survives the erosion of its class if the window around it holds a single value, so two
    filters handle all classes. Pixels outside the image are 255 and belong to no class.
    """
    size = 2 * boundary_width(*mask.shape) + 1
    window = np.ones((size, size), np.uint8)
    border = {"borderType": cv2.BORDER_CONSTANT, "borderValue": IGNORE}
    lowest, highest = cv2.erode(mask, window, **border), cv2.dilate(mask, window, **border)
    return np.where(lowest == highest, np.uint8(IGNORE), mask)
