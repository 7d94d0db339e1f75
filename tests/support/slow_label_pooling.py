"""Label pooling by its definition: the set of values in each window of a mask."""

import numpy as np

from clothseg.labels import IGNORE


def window_spans(side):
    """Begin and end of the windows of levels 1 to 6 along a side, pixels.

    A window of level 5 has the cells 3i-1, 3i and 3i+1 of level 4, whose width is 32 pixels; one of
    level 6 has the windows i, i+1 and i+2 of level 5.
    """
    levels = [[(w * i, w * (i + 1)) for i in range(side // w)] for w in (4, 8, 16, 32)]
    cells = len(levels[-1])
    levels.append([(32 * max(i - 1, 0), 32 * min(i + 2, cells)) for i in range(0, cells, 3)])
    fifth = levels[-1]
    levels.append([(fifth[i][0], fifth[i + 2][1]) for i in range(len(fifth) - 2)])
    return levels


def slow_label_pyramid(mask, classes):
    """Presence and validity of each class in each window, bool [B,K,h,w], of levels 1 to 6."""
    batch, height, width = mask.shape
    pyramid = []
    for rows, columns in zip(window_spans(height), window_spans(width), strict=True):
        presence = np.zeros((batch, classes, len(rows), len(columns)), bool)
        valid = np.zeros_like(presence)
        for image in range(batch):
            for y, (top, bottom) in enumerate(rows):
                for x, (left, right) in enumerate(columns):
                    found = set(mask[image, top:bottom, left:right].ravel().tolist())
                    for k in range(classes):
                        presence[image, k, y, x] = k in found
                        valid[image, k, y, x] = k in found or IGNORE not in found
        pyramid.append((presence, valid))
    return pyramid
