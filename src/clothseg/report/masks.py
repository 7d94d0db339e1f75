"""Masks as pictures: class colors, flat or laid over the image."""

import cv2
import numpy as np

from clothseg.labels import IGNORE

IGNORED_COLOR = (217, 217, 217)
HATCH_COLOR = (150, 150, 150)
OUTLINE_COLOR = (255, 255, 255)


def color_mask(mask: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """Paint class ids in their colors and ignored pixels in light gray.

    Args:
        mask: class ids uint8 [H,W], 255 = ignore.
        colors: RGB uint8 [K,3].

    Returns:
        RGB uint8 [H,W,3].

    Raises:
        ValueError: the mask contains ids without a color.
    """
    unknown = [int(k) for k in np.unique(mask) if k >= len(colors) and k != IGNORE]
    if unknown:
        raise ValueError(
            f"the mask contains ids {unknown}; only 0 to {len(colors) - 1} have a color"
        )
    table = np.full((256, 3), IGNORED_COLOR, np.uint8)
    table[: len(colors)] = colors
    return np.asarray(table[mask])


def lay_over(image: np.ndarray, mask: np.ndarray, colors: np.ndarray, opacity: float) -> np.ndarray:
    """Lay the classes of a mask over its image and outline them; ignored pixels are hatched gray.

    Args:
        image: RGB uint8 [h,w,3].
        mask: class ids uint8 [H,W], 255 = ignore; resized to the image. The background, class 0, is
            not painted.
        colors: RGB uint8 [K,3].
        opacity: opacity of the colors, (0, 1].
    """
    size = image.shape[1], image.shape[0]
    mask = cv2.resize(np.ascontiguousarray(mask), size, interpolation=cv2.INTER_NEAREST_EXACT)
    painted = cv2.addWeighted(color_mask(mask, colors), opacity, image, 1 - opacity, 0)
    picture = np.where((mask > 0)[..., None], painted, image)
    ignored = mask == IGNORE
    picture[ignored] = IGNORED_COLOR
    picture[ignored & _diagonals(mask.shape)] = HATCH_COLOR
    picture[_outlines(mask)] = OUTLINE_COLOR
    return picture


def with_few_shades(picture: np.ndarray) -> np.ndarray:
    """Round uint8 [H,W,3] to 32 shades per channel, which look the same and halve the file."""
    return np.round(np.round(picture / 255 * 31) / 31 * 255).astype(np.uint8)


def _diagonals(shape: tuple[int, ...]) -> np.ndarray:
    """Parallel diagonal lines, bool [H,W]."""
    height, width = shape
    return np.asarray(np.add.outer(np.arange(height), np.arange(width)) % 8 < 2)


def _outlines(mask: np.ndarray) -> np.ndarray:
    """Pixels whose left or upper neighbor has another class, bool [H,W]."""
    border = np.zeros(mask.shape, bool)
    border[:, 1:] |= mask[:, 1:] != mask[:, :-1]
    border[1:] |= mask[1:] != mask[:-1]
    return border
