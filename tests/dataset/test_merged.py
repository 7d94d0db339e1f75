"""Merged datasets: union of names, samples with their source, defects in the source's ids."""

import numpy as np
import pytest

from clothseg.build import build_dataset
from clothseg.config.command_line import check_command
from clothseg.dataset import merged
from clothseg.dataset.listing import complete_samples
from clothseg.error import ConfigError, DataError
from support.shipped_config import label_space, reader_of
from support.small_datasets import write_mask, write_own_photos


@pytest.fixture
def parts(small_ccp, tmp_path):
    """CCP, which has no objects, and a custom dataset that shares two names with it."""
    own = write_own_photos(tmp_path / "own")
    labels = (own / "labels.json").read_text()
    for name, other in (("background", "bag"), ("left glove", "gloves"), ("right glove", "veil")):
        labels = labels.replace(name, other)
    (own / "labels.json").write_text(labels)
    return {
        "ccp": reader_of("ccp", small_ccp),
        "own": reader_of("folder", own, names=["bag", "gloves", "veil"]),
    }


def test_names_are_merged_and_samples_record_their_source(parts):
    reader = merged(sources=parts)
    assert reader.names == [*parts["ccp"].names, "veil"]
    samples = reader.samples()
    assert [(sample.name, sample.source) for sample in samples] == [
        *[(f"ccp-{number:04}", "ccp") for number in (1, 2, 3)],
        *[(f"own-{number}", "own") for number in range(3)],
    ]
    native = [sample for part in parts.values() for sample in part.samples()]
    assert [(s.image, s.annotation) for s in samples] == [(s.image, s.annotation) for s in native]


def test_masks_match_the_sources_by_name(parts):
    reader = merged(sources=parts)
    names = np.array(reader.names)
    for sample in reader.samples():
        part = parts[sample.source]
        (native,) = [s for s in part.samples() if s.image == sample.image]
        image, mask = reader.read(sample)
        expected = part.read(native)
        assert np.array_equal(image, expected[0])
        assert np.array_equal(names[mask], np.array(part.names)[expected[1]])
        assert np.array_equal(mask, reader.read_mask(sample))


def test_ignored_pixels_stay_ignored(parts, small_ccp):
    mask = np.full((40, 30), 3, np.uint8)
    mask[0] = 255
    write_mask(small_ccp, 1, mask)
    reader = merged(sources=parts)
    assert np.array_equal(reader.read(reader.samples()[0])[1], mask)


def test_a_label_out_of_range_is_reported_as_an_id_of_its_source(parts, small_ccp):
    write_mask(small_ccp, 2, np.full((40, 30), 59, np.uint8))
    reader = merged(sources=parts)
    with pytest.raises(
        DataError, match=r"0002\.mat: label 59 is out of range; allowed are 0 to 58"
    ):
        reader.read(reader.samples()[1])


def test_objects_are_available_if_the_source_has_them(drawn_datasets, parts):
    people = reader_of("cihp", drawn_datasets / "cihp")
    reader = merged(sources=parts | {"cihp": people})
    samples = reader.samples()
    assert reader.objects(samples[0]) is None
    crowd = next(sample for sample in samples if sample.source == "cihp")
    assert (crowd.name, crowd.part) == ("cihp-0000068", "train")
    expected = people.objects(people.samples()[0])
    found = [(reader.names[source], area) for source, area in reader.objects(crowd)]
    assert found == [(people.names[source], area) for source, area in expected]


def test_files_of_a_sample_are_those_of_its_source(parts):
    reader = merged(sources=parts)
    for sample in reader.samples():
        (native,) = [s for s in parts[sample.source].samples() if s.image == sample.image]
        assert reader.files(sample) == parts[sample.source].files(native)


def test_the_fingerprint_depends_on_source_names_and_contents(parts, small_ccp):
    before = merged(sources=parts).fingerprint()
    assert merged(sources=parts).fingerprint() == before
    assert merged(sources={"other": parts["ccp"], "own": parts["own"]}).fingerprint() != before
    write_mask(small_ccp, 2, np.zeros((40, 30), np.uint8))
    assert merged(sources=parts).fingerprint() != before


def test_warnings_carry_the_name_of_their_source(drawn_datasets, parts):
    street = reader_of("modanet", drawn_datasets / "modanet")
    warnings = merged(sources=parts | {"street": street}).warnings()
    assert "street: 1 images of the annotations are missing: 0204326" in warnings


def test_the_treatment_contains_the_rules_of_all_sources(tmp_path):
    rules = [
        merged(sources={"fashion": reader_of("imaterialist", tmp_path, overlap=overlap)}).treatment
        for overlap in ("small_on_top", "later_wins")
    ]
    assert rules[0] != rules[1]


def test_the_shipped_merged_dataset_is_ccp_and_cfpd_with_refined_classes(drawn_datasets, small_ccp):
    cfpd = drawn_datasets / "cfpd"
    (job,) = check_command(
        [
            "dataset=ccp_cfpd",
            f"dataset.sources.ccp.root={small_ccp}",
            f"dataset.sources.cfpd.root={cfpd}",
        ]
    )
    reader, labels = build_dataset(job.config), job.config.labels
    assert labels.name == "refined15"
    samples = reader.samples()
    assert [sample.name for sample in samples[:4]] == [
        "ccp-0001",
        "ccp-0002",
        "ccp-0003",
        "cfpd-5986",
    ]
    table = labels.lookup_table(reader.names)
    alone = reader_of("cfpd", cfpd)
    own_table = label_space("refined15").lookup_table(alone.names)
    for combined, sample in zip(samples[3:], alone.samples(), strict=True):
        assert np.array_equal(table[reader.read_mask(combined)], own_table[alone.read_mask(sample)])


def test_incomplete_samples_of_all_sources_are_listed(parts, small_ccp, tmp_path):
    (small_ccp / "photos" / "0002.jpg").unlink()
    (tmp_path / "own" / "masks" / "1.png").unlink()
    reader = merged(sources=parts)
    samples, defects = complete_samples(reader)
    assert [(s.name, s.source) for s in samples] == [
        ("ccp-0001", "ccp"),
        ("ccp-0003", "ccp"),
        ("own-0", "own"),
        ("own-2", "own"),
    ]
    assert [defect.value for defect in defects] == ["ccp-0002", "own-1"]
    assert all(not reader.inspect(sample).defects for sample in samples)


def test_a_merged_dataset_is_rejected_as_a_source(parts):
    with pytest.raises(ConfigError, match=r"dataset\.sources\.both: is itself a merged dataset"):
        merged(sources={"both": merged(sources=parts), "own": parts["own"]})
