"""Decoded pictures with people: every reader keeps the maps, crowds are counted."""

import cv2
import numpy as np
import pytest

from clothseg.cache import open_census, open_pictures
from clothseg.dataset.cropped import Cropped, crop_to_persons
from clothseg.dataset.merged import Merged
from clothseg.dataset.skip_defects import WithoutDefects
from clothseg.labels import IGNORE
from support.shipped_config import label_space, reader_of
from support.small_datasets import write_own_photos

KINDS = ["size", "pattern", "color"]


@pytest.fixture(scope="module")
def reader(drawn_datasets):
    return reader_of("ccihp", drawn_datasets / "ccihp")


def opened(reader, folder, longest_side=64, kinds=KINDS):
    labels = label_space("ccihp20")
    census = open_census(reader, labels, folder)
    return open_pictures(census, reader, labels, longest_side, kinds)


def test_maps_are_those_of_the_reader_at_the_reduced_size(reader, tmp_path):
    pictures = opened(reader, tmp_path)
    for index, sample in enumerate(pictures.samples):
        image, source = reader.read(sample)
        further = reader.further_maps(sample)
        person = reader.person_map(sample)
        height, width = pictures.images.image(index).shape[:2]
        assert max(height, width) == min(64, max(image.shape[:2]))
        expected = [
            cv2.resize(values, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
            for values in (source, person, *(further[kind] for kind in KINDS))
        ]
        assert np.array_equal(pictures.images.maps(index), np.stack(expected))
        assert np.array_equal(pictures.images.mask(index), expected[0])
        assert pictures.images.people[index] == len(np.unique(expected[1])) - 1


def test_crowds_are_counted(reader, tmp_path):
    pictures = opened(reader, tmp_path)
    people = pictures.images.people
    assert pictures.crowds(pictures.names, 0) == (np.count_nonzero(people > 0), people.max())
    assert pictures.crowds(pictures.names, int(people.max())) == (0, people.max())
    assert pictures.crowds(pictures.names[:1], 0) == (int(people[0] > 0), people[0])


def test_other_kinds_are_stored_elsewhere(reader, tmp_path):
    first, second = opened(reader, tmp_path), opened(reader, tmp_path, kinds=["color"])
    assert second.images.maps(0).shape[0] == 3
    assert np.array_equal(second.images.maps(0)[2], first.images.maps(0)[4])


WRAPPERS = {
    "skip": lambda reader, folder: WithoutDefects(reader, {}, folder),
    "merged": lambda reader, folder: Merged({"a": reader, "b": reader}),
    "merged and cropped": lambda reader, folder: crop_to_persons(
        Merged({"a": reader, "b": reader}), "mask", 0.1, "coco", folder
    ),
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS.keys())
def test_wrappers_keep_people_and_further_maps(wrap, reader, tmp_path):
    wrapped = wrap(reader, tmp_path)
    assert wrapped.has_people
    assert wrapped.further_names == reader.further_names
    for sample in wrapped.samples():
        image, mask = wrapped.read(sample)
        maps = {"person": wrapped.person_map(sample), **wrapped.further_maps(sample)}
        assert maps.keys() == {"person", *KINDS}
        for values in maps.values():
            assert values.shape == mask.shape == image.shape[:2]
        # Clothes have a size, a pattern and a color, and all of them are on people.
        assert (maps["person"][mask > 0] > 0).all()


def test_a_crop_cuts_the_same_window_out_of_every_map(reader, tmp_path):
    cropped = crop_to_persons(reader, "mask", 0.0, "coco", tmp_path)
    assert isinstance(cropped, Cropped)
    sample = reader.samples()[0]
    rows, columns = np.nonzero(reader.read_mask(sample) % IGNORE)
    window = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
    assert np.array_equal(cropped.person_map(sample), reader.person_map(sample)[window])
    for kind, values in cropped.further_maps(sample).items():
        assert np.array_equal(values, reader.further_maps(sample)[kind][window])


def test_a_merged_dataset_has_what_all_of_its_sources_have(reader, drawn_datasets):
    other = reader_of("cihp", drawn_datasets / "cihp")
    merged = Merged({"a": reader, "b": other})
    assert merged.has_people
    assert merged.further_names == {}
    assert merged.further_maps(merged.samples()[0]) == {}


def test_datasets_without_people_say_so(tmp_path):
    own = reader_of("folder", write_own_photos(tmp_path / "own"), names=["BG", "Hat"])
    assert not own.has_people
    with pytest.raises(NotImplementedError, match="does not tell people apart"):
        own.person_map(None)
