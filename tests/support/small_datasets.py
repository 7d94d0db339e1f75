"""Small datasets in the layouts of `dataset=folder` and `dataset=ccp`."""

import json

import cv2
import numpy as np
import scipy.io
from PIL import Image

from support.shipped_config import CCP_NAMES

OWN_LABELS = [
    {"id": 0, "name": "background", "color": "#000000"},
    {"id": 1, "name": "left glove", "color": "#ff8000", "flip": "right glove"},
    {"id": 2, "name": "right glove", "color": "#0080ff"},
]


def png(path):
    """Raw values of a PNG."""
    return np.asarray(Image.open(path))


def write_own_photos(root, photos=3, size=(40, 30)):
    """Write random images with id masks of three classes, in the layout of `dataset=folder`."""
    random = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for number in range(photos):
        image = random.integers(0, 255, (*size, 3), np.uint8)
        mask = random.integers(0, 3, size).astype(np.uint8)
        cv2.imwrite(str(root / "images" / f"{number}.jpg"), image)
        cv2.imwrite(str(root / "masks" / f"{number}.png"), mask)
    (root / "labels.json").write_text(json.dumps(OWN_LABELS))
    return root


def write_mask(root, number, mask):
    path = root / "annotations" / "pixel-level" / f"{number:04}.mat"
    scipy.io.savemat(path, {"groundtruth": mask})


def empty_ccp(root):
    """Write CCP's folders and label names, without images."""
    (root / "photos").mkdir(parents=True)
    (root / "annotations" / "pixel-level").mkdir(parents=True)
    cells = np.empty((1, len(CCP_NAMES)), object)
    cells[0] = CCP_NAMES
    scipy.io.savemat(root / "label_list.mat", {"label_list": cells})
    return root
