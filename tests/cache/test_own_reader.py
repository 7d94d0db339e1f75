"""Readers of the user's own: what they decode is stored for their source as it is."""

import json

import numpy as np
import pytest

from clothseg import build
from clothseg.config.command_line import check_command
from clothseg.label_file import read_label_file
from support.own_package import OwnPackage
from support.small_datasets import write_own_photos

READER = """
from clothseg.dataset.folder import FolderReader

class Altered(FolderReader):
    def read_mask(self, sample):
        return {expression}

def altered(*, root: str, names: list[str]):
    from pathlib import Path
    return Altered(Path(root), names)
"""


@pytest.fixture
def masks(tmp_path, monkeypatch):
    """Function that returns the masks as a reader with some expression decodes them."""
    root = write_own_photos(tmp_path / "own", photos=4)
    monkeypatch.syspath_prepend(tmp_path)
    package = OwnPackage(tmp_path, "altering")
    overrides = ["dataset=folder", f"dataset.root={root}", "trust=[altering]", "data.image_size=32"]
    overrides += [f"data.cache={tmp_path / 'cache'}", "dataset._target_=altering.reader.altered"]
    names = read_label_file(root / "labels.json").names
    overrides += [f"dataset.names={json.dumps(names)}"]

    def decoded(expression):
        package.write("reader", READER.format(expression=expression))
        (job,) = check_command(overrides)
        reader = build.build_dataset(job.config)
        return np.array(build.build_cache(job.config, reader).masks)

    yield decoded
    package.forget()


def test_an_edited_reader_decodes_again(masks):
    before = masks("super().read_mask(sample)")
    after = masks("1 - super().read_mask(sample).clip(0, 1)")
    assert not np.array_equal(before, after)
    assert np.array_equal(before, masks("super().read_mask(sample)"))
