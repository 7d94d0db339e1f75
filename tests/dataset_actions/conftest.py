"""A small dataset without a defect, into which tests plant one."""

import numpy as np
import pytest
import scipy.io
from clean_dataset import stripes, write_photo

from repository import CCP_NAMES, write_mask


@pytest.fixture
def clean_ccp(tmp_path):
    """Three photos in CCP's layout; every mask has all names, as stripes of 80 pixels."""
    root = tmp_path / "clean"
    (root / "photos").mkdir(parents=True)
    (root / "annotations" / "pixel-level").mkdir(parents=True)
    cells = np.empty((1, len(CCP_NAMES)), object)
    cells[0] = CCP_NAMES
    scipy.io.savemat(root / "label_list.mat", {"label_list": cells})
    for number in range(1, 4):
        write_photo(root, number, number)
        write_mask(root, number, stripes(number))
    return root
