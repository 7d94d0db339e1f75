"""Writers of files and folders shared by all layouts."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from clothseg.shipped import CONF

Advance = Callable[[float], None]
"""Callback that receives the number of photos added."""

JPEG_QUALITY = 92


@contextmanager
def atomic_folder(root: Path) -> Iterator[Path]:
    """Yield a temporary folder next to `root`, renamed to `root` at the end.

    `root` is either complete or does not exist: any failure removes the temporary folder.

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
    """Return the native names of a dataset in id order, from its file in `conf/dataset`."""
    names: list[str] = load_config("dataset", dataset)["names"]
    return names


def load_config(group: str, name: str) -> dict[str, Any]:
    """Load one file of `conf`, without composition."""
    content: dict[str, Any] = yaml.safe_load((CONF / group / f"{name}.yaml").read_text())
    return content


def save_jpeg(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an RGB image."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    _encode(path, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)


def save_png(path: Path, values: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    """Write ids [H,W] as a grayscale image of 8 or 16 bits."""
    _encode(path, values)


def _encode(
    path: Path, values: NDArray[np.uint8] | NDArray[np.uint16], settings: Sequence[int] = ()
) -> None:
    """Write an image in the format of its suffix; OpenCV crashes at paths that are not UTF-8."""
    path.write_bytes(cv2.imencode(path.suffix, values, settings)[1].tobytes())
