"""Near-duplicate images: similar perceptual hashes, confirmed by the pixels of thumbnails."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

MAX_HASH_DISTANCE = 8
"""Maximum Hamming distance of the perceptual hashes of near-duplicates. On CCP, 8 bits find the
real pairs; 10 bits add a false one."""

MIN_CORRELATION = 0.85
"""Minimum correlation of their thumbnails. The pairs of CCP have 0.94 or more, also if the people
are cut out on white; different people cut out on white have at most 0.82."""

MIN_GRAY_CORRELATION = 0.95
"""Minimum correlation of the brightness if one of the images has no color. It distinguishes less:
different people cut out on white have up to 0.88, and the pairs of CCP 0.92 or more."""

MAX_GRAY_CHROMA = 8
"""Maximum feature of a color in a gray image."""

SIDE = 32
"""Height and width of a thumbnail, pixels."""

MAX_SHIFT = 3
"""Maximum displacement of two near-duplicates, pixels of a thumbnail: a tenth of the image."""

MAX_COMPARED = 16
"""Maximum number of representatives whose thumbnails are compared with an image, those with the
closest hashes. It limits the time for thousands of people in the same pose on white."""

CACHED_FEATURES = 8192
"""Number of images whose features are kept in memory, 12 KB each."""


@dataclass(frozen=True)
class Appearance:
    """Hashes and thumbnails by which images are compared: arrays of N images, or values of one.

    Args:
        hashes: perceptual hashes, uint64 [N].
        mirrored_hashes: perceptual hashes of the horizontally flipped images, uint64 [N].
        thumbnails: the images reduced to uint8 [N,32,32,3], RGB.
    """

    hashes: np.ndarray
    mirrored_hashes: np.ndarray
    thumbnails: np.ndarray

    @classmethod
    def of(cls, image: np.ndarray) -> "Appearance":
        """Describe an image uint8 [H,W,3]; the fields lack the dimension N."""
        gray = _reduce(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
        hashes = [np.uint64(_hash(side)) for side in (gray, gray[:, ::-1])]
        return cls(np.asarray(hashes[0]), np.asarray(hashes[1]), _reduce(image))

    @classmethod
    def stack(cls, images: Sequence["Appearance"]) -> "Appearance":
        """Join the descriptions of N >= 1 single images."""
        return cls(
            np.stack([image.hashes for image in images]),
            np.stack([image.mirrored_hashes for image in images]),
            np.stack([image.thumbnails for image in images]),
        )


@dataclass(frozen=True)
class NearDuplicates:
    """Groups of near-duplicates of N images, each of which has one representative.

    Args:
        representatives: index of the representative of each image's group, int [N]; the image
            itself if it is similar to no earlier representative.
        distances: Hamming distance of the hashes of the image and its representative, int [N].
        mirrored: True if the image resembles its representative's mirror image, bool [N].
    """

    representatives: np.ndarray
    distances: np.ndarray
    mirrored: np.ndarray

    @property
    def groups(self) -> np.ndarray:
        """Number of each image's group, int [N], in the order of their first images."""
        return np.asarray(np.unique(self.representatives, return_inverse=True)[1])


def find_near_duplicates(images: Appearance) -> NearDuplicates:
    """Group N images, in order, each with the most similar representative or as a new one.

    Every image of a group is similar to its representative. Groups that merely connect similar
    images would chain: people cut out on white are all similar to some other person, so that
    almost half of them would be one group.
    """
    count = len(images.hashes)
    hashes, mirrored_hashes = np.asarray(images.hashes), np.asarray(images.mirrored_hashes)
    found = np.arange(count)
    distances, mirrored = np.zeros(count, int), np.zeros(count, bool)
    features = lru_cache(CACHED_FEATURES)(lambda index: _features(images.thumbnails[index]))
    representatives, known = np.empty(count, int), 0
    searched = np.empty((count, 2), np.uint64)  # both orientations of each representative
    for index in range(count):
        bits = np.bitwise_count(searched[:known].ravel() ^ hashes[index])
        near = np.flatnonzero(bits <= MAX_HASH_DISTANCE)
        for candidate in near[np.argsort(bits[near], kind="stable")][:MAX_COMPARED]:
            other, side = representatives[candidate // 2], bool(candidate % 2)
            if _is_confirmed(features(other), features(index), side):
                found[index], distances[index], mirrored[index] = other, bits[candidate], side
                break
        else:
            representatives[known] = index
            searched[known] = hashes[index], mirrored_hashes[index]
            known += 1
    return NearDuplicates(found, distances, mirrored)


def _reduce(image: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA))


def _hash(gray: np.ndarray) -> int:
    """64-bit hash of a thumbnail uint8 [32,32]: signs of its 8x8 lowest frequencies.

    The signs are relative to their median, so that half of the bits are set.
    """
    low = cv2.dct(gray.astype(np.float32))[:8, :8].ravel()
    return int(np.packbits(low > np.median(low)).view(">u8")[0])


def _features(thumbnail: np.ndarray) -> np.ndarray:
    """Band-passed brightness and doubled relative chroma of a thumbnail, float32 [32,32,3].

    They are independent of exposure, and of the large bright and dark areas that images of a person
    on white have in common; colors distinguish garments of the same outline.
    """
    channels = cv2.cvtColor(thumbnail, cv2.COLOR_RGB2YCrCb).astype(np.float32)
    channels[..., 0] -= cv2.GaussianBlur(channels[..., 0], (0, 0), 2)
    channels[..., 1:] = 2 * (channels[..., 1:] - channels[..., 1:].mean((0, 1)))
    return np.asarray(cv2.GaussianBlur(channels, (0, 0), 1))


def _is_confirmed(first: np.ndarray, second: np.ndarray, mirrored: bool) -> bool:
    """Return whether the features of two images correlate, at any small displacement."""
    other = np.ascontiguousarray(second[:, ::-1]) if mirrored else second
    if np.array_equal(first, other):  # also without any features, such as two blank images
        return True
    if min(np.abs(features[..., 1:]).max() for features in (first, other)) <= MAX_GRAY_CHROMA:
        return _correlation(first[..., 0], other[..., 0]) >= MIN_GRAY_CORRELATION
    return _correlation(first, other) >= MIN_CORRELATION


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Maximum of the normalized correlation over all displacements; 0 without any features."""
    inside = np.ascontiguousarray(second[MAX_SHIFT:-MAX_SHIFT, MAX_SHIFT:-MAX_SHIFT])
    whole = np.ascontiguousarray(first)
    return float(cv2.matchTemplate(whole, inside, cv2.TM_CCORR_NORMED).max())
