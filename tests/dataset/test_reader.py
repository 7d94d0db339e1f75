"""What all readers share: the hash of a dataset's content, and the state of its files."""

import hashlib
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from clothseg.dataset import Sample, folder
from clothseg.dataset.fingerprint import EDGE_BYTES, file_states
from clothseg.dataset.reader import Reader
from support.small_datasets import OWN_LABELS, write_own_photos

FROZEN_FINGERPRINT = "71cbc2c21842094490344fa9d78f0f94"


class Files(Reader):
    """Images in any folders, with one file of annotations."""

    def list_samples(self):
        images = sorted(path for path in self.root.rglob("*.jpg"))
        return [Sample(path.stem, path, self.root / "labels.csv") for path in images]

    def read_mask(self, sample):
        raise NotImplementedError


def fingerprint(reader):
    """Fingerprint by its definition, without any shortcut."""
    digest = hashlib.blake2b(repr(reader.names).encode(), digest_size=16)
    counts = Counter(path for sample in reader.samples() for path in reader.files(sample))
    for path, count in counts.items():
        digest.update(os.fsencode(path.relative_to(reader.root)))
        try:
            digest.update(f":{path.stat().st_size}".encode())
            content = path.read_bytes()
            if count > 1:
                digest.update(hashlib.blake2b(content).digest())
            else:
                digest.update(content[:EDGE_BYTES] + content[EDGE_BYTES:][-EDGE_BYTES:])
        except OSError as error:
            digest.update(repr(error.errno).encode())
    return digest.hexdigest()


@pytest.fixture
def files(tmp_path):
    """Files around the sizes at which reading changes, a missing one, a folder, and links."""
    root = tmp_path / "files"
    (root / "sub").mkdir(parents=True)
    random = np.random.default_rng(0)
    for step in (0, 1, EDGE_BYTES - 1, EDGE_BYTES, EDGE_BYTES + 1, 2 * EDGE_BYTES, 3 * EDGE_BYTES):
        (root / "sub" / f"{step}.jpg").write_bytes(random.bytes(step))
    (root / "labels.csv").write_bytes(random.bytes(5 * EDGE_BYTES))
    (root / "folder.jpg").mkdir()
    (root / "broken.jpg").symlink_to("nowhere")
    (root / "linked.jpg").symlink_to(root / "sub" / "1.jpg")
    return root


def test_the_fingerprint_is_that_of_its_definition(files, monkeypatch):
    reader = Files(files, ["a", "b"])
    assert reader.fingerprint() == fingerprint(reader)
    monkeypatch.chdir(files)
    for root in (files, files.relative_to(files)):
        assert Files(root, ["a"]).fingerprint() == fingerprint(Files(root, ["a"]))


def test_the_fingerprint_of_a_frozen_dataset_never_changes(own_photos):
    """Fingerprints are in the signatures of runs."""
    names = [label["name"] for label in OWN_LABELS]
    for path in own_photos.rglob("*.*"):
        if path.suffix in (".jpg", ".png"):
            path.write_bytes(path.name.encode() * 20_000)
    assert folder(root=str(own_photos), names=names).fingerprint() == FROZEN_FINGERPRINT


def states(root):
    reader = Files(root, ["a"])
    return list(file_states(reader.paths(reader.samples())))


def test_a_state_changes_with_size_and_time_of_the_target_of_a_link(files):
    before = states(files)
    assert states(files) == before
    (files / "sub" / "1.jpg").write_bytes(b"longer")
    after = states(files)
    changed = [old for old, new in zip(before, after, strict=True) if old != new]
    assert sorted(Path(state.split(":")[0]).name for state in changed) == ["1.jpg", "linked.jpg"]
    os.utime(files / "sub" / "0.jpg", ns=(5, 5))
    assert sum(old != new for old, new in zip(after, states(files), strict=True)) == 1


def test_a_linked_folder_has_the_states_of_its_target(tmp_path):
    own = write_own_photos(tmp_path / "own")
    (tmp_path / "link").symlink_to(own)
    names = [label["name"] for label in OWN_LABELS]
    plain, linked = (folder(root=str(tmp_path / name), names=names) for name in ("own", "link"))
    assert list(file_states(plain.paths(plain.samples()))) == list(
        file_states(linked.paths(linked.samples()))
    )
    shutil.copytree(own, tmp_path / "copy")
    copied = folder(root=str(tmp_path / "copy"), names=names)
    assert list(file_states(plain.paths(plain.samples()))) != list(
        file_states(copied.paths(copied.samples()))
    )
