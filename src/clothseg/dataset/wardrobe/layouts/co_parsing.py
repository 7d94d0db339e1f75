"""Clothing Co-Parsing: one MATLAB file of ids per photo."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clothseg.dataset.wardrobe.layouts.files import Advance, atomic_folder, save_jpeg
from clothseg.dataset.wardrobe.names import CCP_NAMES
from clothseg.dataset.wardrobe.photo import draw_photo


def write_ccp(root: Path, photos: int, seed: int, advance: Advance) -> None:
    """Render photos and write them in the layout of Clothing Co-Parsing."""
    with atomic_folder(root) as part:
        labels = part / "annotations" / "pixel-level"
        labels.mkdir(parents=True)
        (part / "photos").mkdir()
        cell = np.empty((1, len(CCP_NAMES)), object)
        cell[0] = CCP_NAMES
        _save_mat(part / "label_list.mat", label_list=cell)
        for index in range(photos):
            image, mask = draw_photo(seed, index)
            name = f"{index + 1:04d}"
            save_jpeg(part / "photos" / f"{name}.jpg", image)
            _save_mat(labels / f"{name}.mat", groundtruth=mask)
            advance(1)


def _save_mat(path: Path, **variables: NDArray[np.generic]) -> None:
    """Write a compressed MATLAB v5 file without a date in its header, for reproducible bytes."""
    from scipy.io import savemat  # imported here because it takes half a second

    savemat(path, variables, do_compression=True)
    with path.open("r+b") as file:
        file.write(b"MATLAB 5.0 MAT-file, clothseg wardrobe".ljust(116))
