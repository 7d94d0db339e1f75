"""Near-duplicate images: perceptual hashes, and groups of images whose hashes are close."""

import cv2
import numpy as np

MAX_HASH_DISTANCE = 8
"""Maximum Hamming distance of the perceptual hashes of near-duplicates, which stay in the same part
of a split. On CCP, 8 bits find the five real pairs; 10 bits add a false one."""


def perceptual_hash(image: np.ndarray) -> int:
    """64-bit hash of an image uint8 [H,W,3]: signs of its 8x8 lowest frequencies about the median.

    Images of the same scene differ in few bits (Hamming distance).
    """
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(gray, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:8, :8].ravel()
    return int(np.packbits(low > np.median(low)).view(">u8")[0])


def near_duplicate_groups(hashes: np.ndarray) -> np.ndarray:
    """Assign each image to a group of near-duplicates, int [N]; most groups have one image.

    Args:
        hashes: perceptual hashes uint64 [N].
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first, second = near_duplicate_pairs(hashes)
    graph = coo_array((np.ones(len(first), bool), (first, second)), shape=(len(hashes),) * 2)
    groups: np.ndarray = connected_components(graph, directed=False)[1]
    return groups


def near_duplicate_pairs(hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find all pairs of near-duplicates: indices first < second, both int [P].

    Args:
        hashes: perceptual hashes uint64 [N].
    """
    found = []
    for index, value in enumerate(hashes):
        distances = np.bitwise_count(hashes[index + 1 :] ^ value)
        near = index + 1 + np.flatnonzero(distances <= MAX_HASH_DISTANCE)
        found.append(np.stack([np.full(len(near), index), near]))
    first, second = np.concatenate([np.empty((2, 0), int), *found], axis=1)
    return first, second
