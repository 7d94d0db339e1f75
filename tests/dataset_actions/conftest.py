"""A small dataset without a defect, into which tests plant one."""

import pytest
from clean_dataset import stripes, write_photo

from repository import empty_ccp, write_mask


@pytest.fixture
def clean_ccp(tmp_path):
    """Three photos in CCP's layout; every mask has all names, as stripes of 80 pixels."""
    root = empty_ccp(tmp_path / "clean")
    for number in range(1, 4):
        write_photo(root, number, number)
        write_mask(root, number, stripes(number))
    return root
