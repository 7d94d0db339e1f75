"""Files and folders as every layout writes them."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from clothseg.shipped import CONF

Advance = Callable[[float], None]
"""Takes the number of photos that have been added."""

JPEG_QUALITY = 92


@contextmanager
def complete_folder(root: Path) -> Iterator[Path]:
    """A temporary folder beside `root`, which takes its name at the end.

    `root` is complete or does not exist: whatever goes wrong removes the temporary folder.

    Raises:
        OSError: `root` exists and is not empty, or cannot be written.
    """
    root.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{root.name}-", dir=root.parent))
    try:
        yield part
        part.chmod(0o755)
        part.replace(root)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def native_names(dataset: str) -> list[str]:
    """A dataset's names in id order, from its file in `conf/dataset`."""
    return configuration("dataset", dataset)["names"]


def configuration(group: str, name: str) -> dict[str, Any]:
    """One file of `conf`, as it stands there."""
    content: dict[str, Any] = yaml.safe_load((CONF / group / f"{name}.yaml").read_text())
    return content


def save_jpeg(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an RGB image; cv2 keeps BGR and reports failure by a value only."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    if not cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality):
        raise OSError(f"{path}: the photo could not be written")


def save_png(path: Path, values: NDArray[np.uint8]) -> None:
    """Write ids [H,W] as a grey picture of 8 bits."""
    if not cv2.imwrite(str(path), values):
        raise OSError(f"{path}: the map could not be written")
