"""List of a census's samples: what is written is read, wherever the process runs."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clothseg.cache.listing import FILE, Listing
from clothseg.dataset import Sample
from clothseg.dataset.defect import SkippedSample
from clothseg.error import DataError

TEXTS = st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=8).filter(
    lambda text: text not in (".", "..")
)
PATHS = st.builds(lambda parts: Path("/", *parts), st.lists(TEXTS, min_size=1, max_size=3))
SAMPLES = st.builds(Sample, TEXTS, PATHS, PATHS, TEXTS, st.sampled_from(["", "train", "test"]))
SKIPPED = st.builds(SkippedSample, *[TEXTS] * 5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    samples=st.lists(SAMPLES, max_size=4),
    names=st.lists(TEXTS, max_size=3),
    warnings=st.lists(TEXTS, max_size=2),
    skipped=st.lists(SKIPPED, max_size=2),
)
def test_a_listing_round_trips(samples, names, warnings, skipped, tmp_path):
    listing = Listing(samples, names, warnings, skipped)
    listing.write(tmp_path)
    assert Listing.read(tmp_path) == listing


def test_file_names_that_are_not_utf8_round_trip(tmp_path):
    image = Path(os.fsdecode(b"/photos/caf\xe9.jpg"))
    listing = Listing([Sample("cafe", image, image)], [], [], [])
    listing.write(tmp_path)
    assert Listing.read(tmp_path) == listing


def test_relative_paths_are_those_of_the_process_that_wrote_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Listing([Sample("a", Path("../a.jpg"), Path("/b.png"))], [], [], []).write(tmp_path)
    monkeypatch.chdir("/")
    (sample,) = Listing.read(tmp_path).samples
    assert (sample.image, sample.annotation) == (tmp_path / ".." / "a.jpg", Path("/b.png"))


def test_an_equal_listing_is_not_written_again(tmp_path):
    listing = Listing([Sample("a", Path("/a.jpg"), Path("/a.png"))], ["x"], [], [])
    listing.write(tmp_path)
    os.utime(tmp_path / FILE, ns=(5, 5))
    listing.write(tmp_path)
    assert (tmp_path / FILE).stat().st_mtime_ns == 5
    Listing(listing.samples, ["x"], ["a warning"], []).write(tmp_path)
    assert (tmp_path / FILE).stat().st_mtime_ns != 5


@pytest.mark.parametrize("damage", ["missing", "truncated", "a list", "a column", "other fields"])
def test_a_damaged_listing_is_an_error(damage, tmp_path):
    Listing([Sample("a", Path("/a"), Path("/b"))] * 2, ["x"], [], []).write(tmp_path)
    path = tmp_path / FILE
    content = json.loads(path.read_text())
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_text(path.read_text()[:-9])
    elif damage == "a list":
        path.write_text("[1]")
    elif damage == "a column":
        path.write_text(json.dumps(content | {"source": [""]}))
    else:
        path.write_text(json.dumps(content | {"skipped": [{"sample": "c"}]}))
    with pytest.raises(DataError, match=r"samples\.json is missing or damaged .*; repeat the"):
        Listing.read(tmp_path)
