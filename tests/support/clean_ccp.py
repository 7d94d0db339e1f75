"""Content of the small defect-free dataset, and functions that plant defects in it."""

import cv2
import numpy as np
from PIL import Image

from support.shipped_config import CCP_NAMES
from support.small_datasets import write_mask

MASK = "annotations/pixel-level/0002.mat"
PHOTO = "photos/0002.jpg"

SIZE = (118, 40)
"""Height and width in pixels; two rows for each name."""


def write_photo(root, number, seed):
    coarse = np.random.default_rng(seed).integers(0, 255, (9, 6, 3), np.uint8)
    photo = cv2.resize(coarse, SIZE[::-1], interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(root / "photos" / f"{number:04}.jpg"), photo)


def stripes(seed):
    """Ids uint8 [118,40]: each name of CCP fills two rows, in random order."""
    ids = np.random.default_rng(seed).permutation(len(CCP_NAMES)).astype(np.uint8)
    return np.repeat(np.repeat(ids, 2)[:, None], SIZE[1], axis=1)


def truncate(root):
    path = root / PHOTO
    path.write_bytes(path.read_bytes()[:400])


def scramble(root):
    (root / MASK).write_bytes(b"MATLAB 5.0 MAT-file" + bytes(200))


def out_of_range(root):
    mask = stripes(2)
    mask[0, 0], mask[0, 1] = 59, 77
    write_mask(root, 2, mask)


def interpolate(root):
    write_mask(root, 2, stripes(2) / 2)


def blur_towards_ignore(root):
    mask = stripes(2)
    mask[:2], mask[2:4] = 255, 157
    write_mask(root, 2, mask)


def transpose(root):
    write_mask(root, 2, np.ascontiguousarray(stripes(2).T))


def lose_photo(root):
    (root / PHOTO).unlink()


def turn(root):
    path = root / PHOTO
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(path) as photo:
        photo.save(path, exif=exif)


def empty_mask(root):
    write_mask(root, 2, np.zeros((118, 40), np.uint8))


def copy_photo(root):
    (root / "photos/0003.jpg").write_bytes((root / PHOTO).read_bytes())


def brighten_copy(root):
    with Image.open(root / PHOTO) as photo:
        photo.point(lambda value: min(255, value + 3)).save(root / "photos/0003.jpg")


def add_specks(root):
    mask = stripes(2)
    mask[:2, :3], mask[60, 7:9] = mask[40, 0], mask[100, 0]
    write_mask(root, 2, mask)


PLANTED = [
    (truncate, "unreadable image", PHOTO, "400 bytes"),
    (scramble, "unreadable annotation", MASK, ""),
    (out_of_range, "label out of range", MASK, "59, 77"),
    (interpolate, "interpolated label", MASK, None),
    (blur_towards_ignore, "interpolated label", MASK, "157"),
    (transpose, "different sizes", MASK, "118x40 and 40x118"),
    (lose_photo, "missing partner", PHOTO, "0002"),
    (turn, "rotated image", PHOTO, "6"),
]
"""Defects: function that plants it, kind, reported file and reported value (None for any)."""
