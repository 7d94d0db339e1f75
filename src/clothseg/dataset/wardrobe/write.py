"""One photo with its mask, and a folder of them in the layout of Clothing Co-Parsing."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from clothseg.dataset.wardrobe.canvas import Array, Canvas, ellipse, floats
from clothseg.dataset.wardrobe.figure import Figure, pose
from clothseg.dataset.wardrobe.names import CCP_NAMES
from clothseg.dataset.wardrobe.outfit import choose_outfit, dress_figure
from clothseg.dataset.wardrobe.scene import draw_scene

WARDROBE_VERSION = 1
"""Raised with every change that alters a pixel."""

HEIGHT, WIDTH = 384, 256
JPEG_QUALITY = 92


def draw_photo(seed: int, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw one photo; it depends on nothing but the two arguments.

    Args:
        seed: of the whole wardrobe.
        index: of the photo, from 0.

    Returns:
        The photo, uint8 [H,W,3] RGB, and its mask, uint8 [H,W] of CCP ids (0 is background).
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0, index]))
    outfit = choose_outfit(seed, index, rng)
    figure = pose(rng, outfit.crop, HEIGHT, WIDTH)
    angle = rng.uniform(-2.6, -0.5)
    light = floats([np.cos(angle), np.sin(angle)])
    canvas = Canvas(draw_scene(rng, HEIGHT, WIDTH), np.zeros((HEIGHT, WIDTH), np.uint8), light)
    _cast_shadow(canvas, figure)
    dress_figure(canvas, figure, outfit, rng)
    return _expose(rng, canvas.image), canvas.mask


def _cast_shadow(canvas: Canvas, figure: Figure) -> None:
    """Darken the ground around the feet."""
    unit = figure.unit
    shade = np.zeros(canvas.mask.shape, np.float32)
    for leg in figure.legs:
        foot = leg[3] + floats([-0.5 * canvas.light[0] * unit, 0.12 * unit])
        cv2.fillPoly(shade, [np.int32(ellipse(foot, 0.75 * unit, 0.16 * unit))], 1.0)
    soft = cv2.GaussianBlur(shade, (0, 0), 0.12 * unit)
    canvas.image *= (1 - 0.5 * soft)[..., None]


def _expose(rng: np.random.Generator, image: Array) -> NDArray[np.uint8]:
    """Take the photo: white balance, exposure, vignette and sensor noise."""
    height, width = image.shape[:2]
    balance = floats(rng.uniform(0.93, 1.07, 3) * rng.uniform(0.85, 1.12))
    y, x = np.mgrid[:height, :width].astype(np.float32)
    radius = np.hypot(x / width - 0.5, y / height - 0.5)
    lit = image * balance * (1 - 0.25 * radius**2)[..., None]
    grain = rng.uniform(1, 4) * rng.standard_normal(image.shape, np.float32)
    exposed: NDArray[np.uint8] = np.clip(np.rint(lit + grain), 0, 255).astype(np.uint8)
    return exposed


def write_wardrobe(
    root: Path, photos: int, seed: int, progress: Callable[[int], None] | None = None
) -> None:
    """Draw photos and write them as Clothing Co-Parsing comes.

    Everything goes to a temporary folder beside `root`, which takes its name at the end: `root`
    is complete or does not exist. Equal arguments give equal bytes on one machine.

    Args:
        root: the folder to make; it must not exist or be empty.
        photos: how many.
        seed: of the wardrobe.
        progress: called with the number of photos written so far.

    Raises:
        OSError: `root` exists and is not empty, or cannot be written.
    """
    root.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{root.name}-", dir=root.parent))
    try:
        (part / "photos").mkdir()
        (part / "annotations" / "pixel-level").mkdir(parents=True)
        cell = np.empty((1, len(CCP_NAMES)), object)
        cell[0] = CCP_NAMES
        _save_mat(part / "label_list.mat", label_list=cell)
        for index in range(photos):
            image, mask = draw_photo(seed, index)
            name = f"{index + 1:04d}"
            _save_jpeg(part / "photos" / f"{name}.jpg", image)
            _save_mat(part / "annotations" / "pixel-level" / f"{name}.mat", groundtruth=mask)
            if progress is not None:
                progress(index + 1)
        part.chmod(0o755)
        part.replace(root)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _save_jpeg(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an RGB image; cv2 keeps BGR and reports failure by a value only."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    if not cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality):
        raise OSError(f"{path}: the photo could not be written")


def _save_mat(path: Path, **variables: NDArray) -> None:
    """Write a compressed MATLAB v5 file whose header carries no date, so that bytes repeat."""
    from scipy.io import savemat  # takes half a second, which a mistyped command should not

    savemat(path, variables, do_compression=True)
    with path.open("r+b") as file:
        file.write(b"MATLAB 5.0 MAT-file, clothseg wardrobe".ljust(116))
