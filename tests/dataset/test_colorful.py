"""CFPD: ground-truth maps, MATLAB's storage conventions, and an error message for each defect."""

import json

import cv2
import h5py
import numpy as np
import pytest
import scipy.io

from clothseg.dataset.listing import complete_samples
from clothseg.dataset.reader import examine
from clothseg.error import DataError
from support.shipped_config import label_space, reader_of
from support.small_datasets import png

FILE = "fashon_parsing_data.mat"
NAMES = reader_of("cfpd", "anywhere").names
COLORS = ["bk", "beige", "black"]
SUPERPIXELS = np.arange(12).reshape(3, 4) // 3
"""Four superpixels in an image of three rows and four columns."""


@pytest.fixture
def fixture(drawn_datasets):
    return drawn_datasets / "cfpd"


def write_cfpd(root, names=NAMES, superpixels=SUPERPIXELS, categories=(1, 7, 18, 23)):
    """Write two records as MATLAB stores them; the first image has the greater number."""
    (root / "image").mkdir(parents=True)
    with h5py.File(root / FILE, "w") as file:
        references = file.create_group("#refs#")

        def cell(items):
            cells = np.empty((len(items), 1), h5py.ref_dtype)
            cells[:, 0] = [item.ref for item in items]
            return cells

        def text(key, letters):
            codes = np.array([[ord(letter)] for letter in letters], np.uint16)
            return references.create_dataset(key, data=codes)

        file["all_category_name"] = cell([text(f"n{i}", name) for i, name in enumerate(names)]).T
        file["all_colors_name"] = cell([text(f"c{i}", name) for i, name in enumerate(COLORS)]).T
        records = []
        for key, number in (("z", 20), ("a", 3)):
            record = references.create_group(key)
            text(f"{key}/img_name", f"{number}.jpg")
            record["segmentation"] = np.asarray(superpixels, np.float32).T
            record["category_label"] = np.array([categories], float)
            record["color_label"] = np.array([[1, 2, 3, 2]], float)
            cv2.imwrite(str(root / "image" / f"{number}.jpg"), np.zeros((3, 4, 3), np.uint8))
            records.append(record)
        file["fashion_dataset"] = cell(records)
    return root


def read_first(root):
    reader = reader_of("cfpd", root)
    return reader.read(reader.samples()[0])


@pytest.mark.parametrize("kind", ["labels23", "refined15", "colors13"])
def test_maps_equal_the_ground_truth(fixture, kind):
    reader = reader_of("cfpd", fixture)
    table = label_space("refined15").lookup_table(reader.names)
    for sample in reader.samples():
        image, mask = reader.read(sample)
        read = {"labels23": mask, "refined15": table[mask], "colors13": reader.read_colors(sample)}
        assert np.array_equal(read[kind], png(fixture / "expected" / kind / f"{sample.name}.png"))
        assert image.shape == (600, 400, 3)


def test_names_and_order_match_the_file(fixture):
    expected = json.loads((fixture / "expected" / "expected.json").read_text())
    reader = reader_of("cfpd", fixture)
    assert [s.image.name for s in reader.samples()] == [i["img_name"] for i in expected["images"]]
    assert reader.names == expected["names"]
    assert reader.color_names == expected["color_names"]
    pixels = sum(np.bincount(reader.read_mask(s).ravel(), minlength=23) for s in reader.samples())
    assert dict(zip(reader.names, pixels.tolist(), strict=True)) == expected["totals_labels23"]


def test_samples_follow_the_order_of_the_records(tmp_path):
    reader = reader_of("cfpd", write_cfpd(tmp_path / "cfpd"))
    assert [sample.name for sample in reader.samples()] == ["20", "3"]
    mask = read_first(tmp_path / "cfpd")[1]
    assert mask.tolist() == [[0, 0, 0, 6], [6, 6, 17, 17], [17, 22, 22, 22]]
    assert reader.read_colors(reader.samples()[0])[0].tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"superpixels": SUPERPIXELS + 1},
            r"record of 20\.jpg: superpixel ids are 1 to 4; only the integers 0 to 3 have a label",
        ),
        ({"superpixels": SUPERPIXELS - 1}, r"record of 20\.jpg: superpixel ids are -1 to 2; only"),
        ({"superpixels": SUPERPIXELS / 2}, r"superpixel ids are 0 to 1\.5; only the integers"),
        (
            {"categories": (1, 24, 0, 2.5)},
            r"record of 20\.jpg: category_label 0, 2\.5, 24 is invalid; the 23 names start at 1",
        ),
        (
            {"names": ["bk", "hut", *NAMES[2:]]},
            r"its names are bk, hut, .*; the configuration has bk",
        ),
        ({"superpixels": SUPERPIXELS[:, :2]}, r"labels are 2x3, but its image .*20\.jpg is 4x3"),
    ],
)
def test_the_error_describes_the_defect(tmp_path, changes, message):
    root = write_cfpd(tmp_path / "cfpd", **changes)
    with pytest.raises(DataError, match=message):
        read_first(root)


def test_labels_without_pixels_are_not_checked(tmp_path):
    root = write_cfpd(tmp_path / "cfpd", categories=(1, 7, 18, 23, 0))
    assert read_first(root)[1].max() == 22


def test_a_missing_image_is_named(tmp_path):
    root = write_cfpd(tmp_path / "cfpd")
    (root / "image" / "3.jpg").unlink()
    with pytest.raises(
        DataError, match=r"1 images of fashon_parsing_data\.mat are missing: .*3\.jpg"
    ):
        read_first(root)


@pytest.mark.parametrize("name", ["all_category_name", "fashion_dataset"])
def test_a_missing_variable_lists_the_existing_ones(tmp_path, name):
    root = write_cfpd(tmp_path / "cfpd")
    with h5py.File(root / FILE, "a") as file:
        del file[name]
    with pytest.raises(DataError, match=rf"has no `{name}`; found #refs#, all_"):
        read_first(root)


def test_a_record_without_labels_raises_the_message_of_the_audit(tmp_path):
    root = write_cfpd(tmp_path / "cfpd")
    with h5py.File(root / FILE, "a") as file:
        del file[file["fashion_dataset"][0, 0]]["segmentation"]
    reader = reader_of("cfpd", root)
    sample = reader.samples()[0]
    with pytest.raises(
        DataError, match=rf"{FILE}: record of 20\.jpg: segmentation is missing"
    ) as raised:
        reader.read(sample)
    assert str(raised.value) == str(examine(reader, sample).defects[0])


def first_record(file):
    return file[file["fashion_dataset"][0, 0]]


def replaced(name, **dataset):
    """Damage: an array of the first record, or of the file, is something else."""

    def damage(file):
        parent = file if name in file else first_record(file)
        del parent[name]
        parent.create_dataset(name, **dataset) if dataset else parent.create_group(name)

    return damage


def linked(link):
    def damage(file):
        record = first_record(file)
        del record["segmentation"]
        record["segmentation"] = link

    return damage


def damaged_chunk(name):
    """Damage: a compressed array of the first record does not decompress."""

    def damage(file):
        record = first_record(file)
        content = record[name][()]
        del record[name]
        record.create_dataset(name, data=content, chunks=content.shape, compression="gzip")
        record[name].id.write_direct_chunk((0, 0), b"not zlib")

    return damage


def nowhere(file):
    cells = file["fashion_dataset"][()]
    cells[0, 0] = h5py.Reference()
    file["fashion_dataset"][...] = cells


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (replaced("fashion_dataset"), "`fashion_dataset` is not an array"),
        (replaced("fashion_dataset", data=np.eye(2)), "`fashion_dataset` is not a cell array"),
        (replaced("fashion_dataset", data=b"text"), "`fashion_dataset` is not a cell array"),
        (
            replaced("fashion_dataset", shape=(0, 1), dtype=h5py.ref_dtype),
            "`fashion_dataset` has no values",
        ),
        (replaced("all_category_name"), "`all_category_name` is not an array"),
        (
            replaced("all_category_name", shape=(300, 1), dtype=h5py.ref_dtype),
            "`all_category_name` has 300 values; at most 256 are expected",
        ),
        (
            replaced("all_category_name", shape=(23, 1), dtype=h5py.ref_dtype),
            "`all_category_name` cannot be read, as the file is damaged",
        ),
        (nowhere, "record 1 cannot be read, as the file is damaged"),
        (replaced("img_name"), "record 1: img_name is not an array"),
        (replaced("img_name", data=[0.5]), "img_name has values of type float64; expected char"),
        (replaced("img_name", data=[-1]), "record 1: img_name cannot be read"),
        (replaced("img_name", data=[0xD800]), "it contains halves of characters"),
        (replaced("img_name", data=[97] * 300), "it has 300 bytes; file names have at most 255"),
        (damaged_chunk("img_name"), "record 1: img_name cannot be read"),
    ],
)
def test_a_damaged_list_is_one_sentence(tmp_path, damage, problem):
    root = write_cfpd(tmp_path / "cfpd")
    with h5py.File(root / FILE, "a") as file:
        damage(file)
    with pytest.raises(DataError) as raised:
        reader_of("cfpd", root).samples()
    assert f"{FILE}: " in str(raised.value)
    assert problem in str(raised.value)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (replaced("segmentation"), "segmentation is not an array"),
        (replaced("segmentation", data=1.0), "segmentation has 0 dimensions; expected 2"),
        (replaced("segmentation", data=np.ones((2, 2, 2))), "has 3 dimensions; expected 2"),
        (
            replaced("segmentation", data=np.full((4, 3), b"a")),
            "segmentation has values of type |S1; expected numbers",
        ),
        (
            replaced(
                "segmentation",
                data=np.ones((4, 3), np.uint8),
                chunks=(1 << 14, 1 << 14),
                maxshape=(None,) * 2,
            ),
            "segmentation has 268,435,456 values; at most",
        ),
        (
            replaced("segmentation", shape=(4, 3), dtype="f4", external="other.bin"),
            "segmentation: the values are in another file",
        ),
        (linked(h5py.ExternalLink("other.h5", "/a")), "segmentation is a link"),
        (linked(h5py.SoftLink("/nowhere")), "segmentation is a link"),
        (damaged_chunk("segmentation"), "segmentation cannot be read, as the file is damaged"),
        (replaced("category_label"), "category_label is not an array"),
        (replaced("category_label", data=h5py.Empty("f8")), "category_label has no values"),
        (replaced("category_label", data=np.ones(2, complex)), "of type complex128; expected num"),
        (damaged_chunk("category_label"), "category_label cannot be read"),
    ],
)
def test_a_damaged_record_is_one_sentence(tmp_path, damage, problem):
    root = write_cfpd(tmp_path / "cfpd")
    with h5py.File(root / FILE, "a") as file:
        damage(file)
    reader = reader_of("cfpd", root)
    damaged, intact = reader.samples()
    (defect,) = examine(reader, damaged).defects
    assert defect.message.startswith(f"{root / FILE}: record of 20.jpg: ")
    assert problem in defect.message
    assert not examine(reader, intact).defects


def test_a_record_without_a_name_is_left_out(tmp_path):
    root = write_cfpd(tmp_path / "cfpd")
    with h5py.File(root / FILE, "a") as file:
        replaced("img_name")(file)
    samples, defects = complete_samples(reader_of("cfpd", root))
    assert [sample.name for sample in samples] == ["3"]
    assert [defect.value for defect in defects] == ["record 1", "20"]


def test_other_matlab_versions_are_rejected(tmp_path):
    scipy.io.savemat(tmp_path / FILE, {"fashion_dataset": np.zeros(3)})
    with pytest.raises(DataError, match=r"cannot be read as HDF5 \(MATLAB v7\.3\)"):
        read_first(tmp_path)


def test_an_unexpected_layout_lists_what_was_expected_and_found(tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(DataError, match=r"expected fashon_parsing_data\.mat and .*found photos"):
        read_first(tmp_path)
