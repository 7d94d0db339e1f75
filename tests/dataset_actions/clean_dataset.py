"""What the small dataset without a defect is made of."""

import cv2
import numpy as np

from repository import CCP_NAMES

SIZE = (118, 40)
"""Height and width in pixels: two rows for every name."""


def write_photo(root, number, seed):
    coarse = np.random.default_rng(seed).integers(0, 255, (9, 6, 3), np.uint8)
    photo = cv2.resize(coarse, SIZE[::-1], interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(root / "photos" / f"{number:04}.jpg"), photo)


def stripes(seed):
    """Ids uint8 [118,40]: every name of CCP in two whole rows, in a random order."""
    ids = np.random.default_rng(seed).permutation(len(CCP_NAMES)).astype(np.uint8)
    return np.repeat(np.repeat(ids, 2)[:, None], SIZE[1], axis=1)
