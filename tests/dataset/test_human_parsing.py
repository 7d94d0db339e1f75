"""CIHP and CCIHP: ground-truth maps, horizontal flips, and an error message for each defect."""

import json
import shutil

import cv2
import numpy as np
import pytest

from clothseg.config.command_line import check_command
from clothseg.error import ConfigError, DataError
from support.shipped_config import label_space, reader_of
from support.small_datasets import png

KINDS = {
    "cihp": ("category", "person", "instance"),
    "ccihp": ("category", "person", "instance", "size", "pattern", "color"),
}
MAPS = [(name, kind) for name, kinds in KINDS.items() for kind in kinds]


def read_expected(root):
    return json.loads((root / "expected" / "expected.json").read_text())


@pytest.fixture(params=["cihp", "ccihp"])
def name(request):
    return request.param


@pytest.fixture
def fixture(drawn_datasets, name):
    return drawn_datasets / name


@pytest.fixture
def dataset_copy(fixture, tmp_path):
    """A copy of the dataset that tests may modify."""
    return shutil.copytree(fixture, tmp_path / "copy")


def write_crowd(part, list_name, number):
    """Write an image of persons 1 and 14, each with one visible arm, in CIHP's layout."""
    instance = np.zeros((4, 6), np.uint16)
    instance[1:3, 0:2] = 14  # left arm of person 1
    instance[1:3, 4:6] = 20 * 13 + 15  # right arm of person 14
    maps = {
        "Category_ids": (instance % 20).astype(np.uint8),
        "Human_ids": np.where(instance > 0, instance // 20 + 1, 0).astype(np.uint8),
        "Instance_ids": instance,
    }
    for folder, values in maps.items():
        (part / folder).mkdir(parents=True)
        cv2.imwrite(str(part / folder / f"{number}.png"), values)
    (part / "Instance_ids" / f"{number}.txt").write_text("14 14 1\n275 15 14")
    (part / "Images").mkdir()
    cv2.imwrite(str(part / "Images" / f"{number}.jpg"), np.zeros((4, 6, 3), np.uint8))
    (part / list_name).write_text(number)


def test_a_small_crowd_is_read_and_flipped(tmp_path):
    write_crowd(tmp_path / "Training", "train_id.txt", "0000001")
    write_crowd(tmp_path / "Validation", "val_id.txt", "0000002")
    reader = reader_of("cihp", tmp_path)
    first, second = reader.samples()
    assert (first.name, first.part) == ("0000001", "train")
    assert (second.name, second.part) == ("0000002", "validation")
    assert reader.objects(first) == [(14, 4), (15, 4)]
    assert reader.warnings() == []
    parsing = reader.read_parsing(first)
    assert parsing.instance[1].tolist() == [14, 14, 0, 0, 275, 275]
    assert parsing.size is parsing.pattern is parsing.color is None
    flipped = parsing.flip(label_space("cihp20").flip_table)
    assert flipped.instance[1].tolist() == [274, 274, 0, 0, 15, 15]
    assert flipped.category[1].tolist() == [14, 14, 0, 0, 15, 15]
    assert flipped.person[1].tolist() == [14, 14, 0, 0, 1, 1]


@pytest.mark.parametrize(("name", "kind"), MAPS)
def test_maps_equal_the_ground_truth(drawn_datasets, name, kind):
    root = drawn_datasets / name
    reader = reader_of(name, root)
    for sample in reader.samples():
        read = getattr(reader.read_parsing(sample), kind)
        assert np.array_equal(read, png(root / "expected" / kind / f"{sample.name}.png"))


def test_samples_follow_the_lists_and_have_their_part(fixture, name):
    splits = read_expected(fixture)["splits"]
    samples = reader_of(name, fixture).samples()
    assert [s.name for s in samples if s.part == "train"] == splits["Training"]["ids"]
    assert [s.name for s in samples if s.part == "validation"] == splits["Validation"]["ids"]
    assert len(samples) == 13


def test_the_mask_is_the_class_map_and_gray_images_are_rgb(fixture, name):
    reader = reader_of(name, fixture)
    gray = {p["id"] for p in read_expected(fixture)["pictures"] if p["jpeg_channels"] == 1}
    assert gray
    for sample in reader.samples():
        image, mask = reader.read(sample)
        assert np.array_equal(mask, png(fixture / f"expected/category/{sample.name}.png"))
        assert image.shape == (*mask.shape, 3)


def test_pixel_and_part_counts_match(fixture, name):
    reader = reader_of(name, fixture)
    for part, split in zip(
        ("train", "validation"), read_expected(fixture)["splits"].values(), strict=True
    ):
        pixels, parts = np.zeros((2, 20), int)
        for sample in reader.samples():
            if sample.part == part:
                pixels += np.bincount(reader.read_mask(sample).ravel(), minlength=20)
                parts += np.bincount([c for c, _ in reader.objects(sample)], minlength=20)
        assert {str(c): n for c, n in enumerate(pixels) if n} == split["pixels_per_class"]
        assert {str(c): n for c, n in enumerate(parts) if n} == split["parts_per_class"]


def test_part_areas_match(fixture, name):
    reader = reader_of(name, fixture)
    pictures = {picture["id"]: picture["people"] for picture in read_expected(fixture)["pictures"]}
    for sample in reader.samples():
        expected = [(p["class"], p["area"]) for h in pictures[sample.name] for p in h["parts"]]
        assert sorted(reader.objects(sample)) == sorted(expected)


def test_values_above_255_are_read(fixture, name):
    reader = reader_of(name, fixture)
    (crowd,) = [s for s in reader.samples() if s.name == "0020426"]
    parsing = reader.read_parsing(crowd)
    assert parsing.instance.dtype == np.uint16
    assert 256 in parsing.instance  # the left leg of person 13
    assert parsing.person.max() == 14


def test_flipped_maps_equal_the_flipped_ground_truth(fixture, name):
    reader = reader_of(name, fixture)
    flip_table = label_space(f"{name}20").flip_table
    folders = sorted((fixture / "expected" / "flipped").iterdir())
    assert len(folders) == 2
    for folder in folders:
        (sample,) = [s for s in reader.samples() if s.name == folder.name]
        parsing = reader.read_parsing(sample)
        flipped = parsing.flip(flip_table)
        for kind in KINDS[name]:
            assert np.array_equal(getattr(flipped, kind), png(folder / f"{kind}.png"))
            twice = getattr(flipped.flip(flip_table), kind)
            assert np.array_equal(twice, getattr(parsing, kind))


def test_flip_pairs_match_the_independent_reference(fixture, name):
    space, expected = label_space(f"{name}20"), read_expected(fixture)
    assert list(space.names) == expected["class_names"]
    pairs = [[space.names.index(side) for side in pair] for pair in space.flip_pairs]
    assert pairs == expected["left_right_pairs"]


def test_a_person_without_parts_is_reported_for_cihp_only(fixture, name):
    reader = reader_of(name, fixture)
    warnings = [text for sample in reader.samples() for text in reader.sample_warnings(sample)]
    if name == "cihp":
        (text,) = warnings
        assert text.endswith("0025618.png: person 2 differs from the union of its parts")
        assert reader.warnings() == []
    else:
        assert warnings == []
        assert reader.warnings() == [
            "size maps are read from Size_ids",
            "pattern maps are read from Pattern_ids",
            "color maps are read from Color_ids",
        ]


BROKEN = {
    "0016413": r"0016413\.png: no pixel has value 33, which \S+0016413\.txt lists$",
    "0016858": r"0016858\.png: \d+ pixels have value {value}, which \S+\.txt does not list",
    "0017220": r"0017220\.txt line \d+: value 34 is class 14 of person 2, .* class 15 of person 2",
    "0033125": r"0033125\.png: no pixel has value 256, 257, 258 …, .* the PNG has 8 bits",
}


@pytest.mark.parametrize("number", BROKEN)
def test_a_list_that_contradicts_its_map_is_rejected_with_file_and_value(fixture, name, number):
    reader = reader_of(name, fixture / "broken")
    values = {broken["id"]: broken["values"] for broken in read_expected(fixture)["broken"]}
    (sample,) = [s for s in reader.samples() if s.name == number]
    message = BROKEN[number].replace("{value}", str(values[number][0]))
    with pytest.raises(DataError, match=message):
        reader.read_parsing(sample)
    with pytest.raises(DataError, match=message):  # called by the cache
        reader.objects(sample)


def test_a_missing_part_is_reported(fixture, name):
    reader = reader_of(name, fixture / "broken")
    assert {sample.part for sample in reader.samples()} == {"train"}
    assert reader.warnings()[0] == f"{fixture / 'broken'} has no Validation"


def test_a_nested_folder_is_found_and_keeps_the_fingerprint(fixture, name, tmp_path):
    nested = tmp_path / "instance-level_human_parsing" / "instance-level_human_parsing"
    shutil.copytree(fixture / "Validation", nested / "Validation")
    shutil.copytree(fixture / "Validation", tmp_path / "plain" / "Validation")
    outer, plain = reader_of(name, nested.parent), reader_of(name, tmp_path / "plain")
    assert len(outer.samples()) == 5
    assert outer.fingerprint() == plain.fingerprint()


def test_two_datasets_in_one_folder_are_ambiguous(drawn_datasets, name):
    with pytest.raises(DataError, match=r"expected Training/ and Validation/ .*; found .*cihp"):
        reader_of(name, drawn_datasets).samples()


def test_every_map_of_a_sample_enters_the_fingerprint(dataset_copy, name):
    reader = reader_of(name, dataset_copy)
    files = reader.files(reader.samples()[0])
    assert len(files) == {"cihp": 5, "ccihp": 8}[name]
    before = reader.fingerprint()
    for path in files[2:]:
        content = path.read_bytes()
        path.write_bytes(content + b"\n")
        assert reader.fingerprint() != before
        path.write_bytes(content)
    assert reader.fingerprint() == before


def test_a_missing_map_is_named(dataset_copy, name):
    (dataset_copy / "Training" / "Human_ids" / "0000068.png").unlink()
    with pytest.raises(DataError, match=r"1 files of .* are missing: .*Human_ids/0000068\.png"):
        reader_of(name, dataset_copy).samples()


def test_a_missing_list_is_named(dataset_copy, name):
    (dataset_copy / "Validation" / "val_id.txt").unlink()
    with pytest.raises(DataError, match=r"val_id\.txt: no such file; it lists the images"):
        reader_of(name, dataset_copy).samples()


def test_an_image_listed_twice_is_named(dataset_copy, name):
    with (dataset_copy / "Training" / "train_id.txt").open("a") as file:
        file.write("0004930\n")
    for folder in (dataset_copy / "Validation").iterdir():
        for path in [folder] if folder.is_file() else folder.glob("0004930.*"):
            shutil.copy(
                path, dataset_copy / "Training" / path.relative_to(dataset_copy / "Validation")
            )
    message = (
        r"Training/train_id\.txt and \S+Validation/val_id\.txt: listed more than once: 0004930"
    )
    with pytest.raises(DataError, match=message):
        reader_of(name, dataset_copy).samples()


def test_maps_of_different_size_are_named(dataset_copy, name):
    path = dataset_copy / "Training" / "Human_ids" / "0000068.png"
    cv2.imwrite(str(path), np.zeros((30, 40), np.uint8))
    reader = reader_of(name, dataset_copy)
    with pytest.raises(
        DataError, match=r"Human_ids/0000068\.png is 40x30, .*0000068\.png is 288x172"
    ):
        reader.read_parsing(reader.samples()[0])


def test_a_malformed_line_is_named(dataset_copy, name):
    path = dataset_copy / "Training" / "Instance_ids" / "0000068.txt"
    path.write_text(path.read_text() + "77 17\n")
    reader = reader_of(name, dataset_copy)
    with pytest.raises(DataError, match=r"0000068\.txt line \d+: `77 17`; expected three integers"):
        reader.objects(reader.samples()[0])


def test_an_rgb_copy_of_a_map_is_rejected(dataset_copy, name):
    path = dataset_copy / "Training" / "Category_ids" / "0000068.png"
    cv2.imwrite(str(path), cv2.imread(str(path), cv2.IMREAD_COLOR))
    reader = reader_of(name, dataset_copy)
    with pytest.raises(DataError, match=r"Category_ids/0000068\.png: 8-bit RGB PNG"):
        reader.read(reader.samples()[0])


def test_a_class_without_a_name_is_named(fixture, name):
    reader = reader_of(name, fixture, names=label_space(f"{name}20").names[:19])
    with pytest.raises(
        DataError, match=r"\.png: value 19 has no name; dataset\.names names 0 to 18"
    ):
        reader.read_parsing(reader.samples()[0])


@pytest.mark.parametrize("name", ["ccihp"])
class TestCharacteristics:
    def test_the_first_folder_present_in_all_parts_is_used(self, dataset_copy, name):
        for part in ("Training", "Validation"):
            (dataset_copy / part / "Size_ids").rename(dataset_copy / part / "size")
        (dataset_copy / "Training" / "Size").mkdir()
        reader = reader_of(name, dataset_copy)
        assert "size maps are read from size" in reader.warnings()
        sample = reader.samples()[0]
        expected = png(dataset_copy / "expected" / "size" / f"{sample.name}.png")
        assert np.array_equal(reader.read_parsing(sample).size, expected)

    def test_without_any_candidate_the_existing_folders_are_listed(self, dataset_copy, name):
        (dataset_copy / "Training" / "Size_ids").rename(dataset_copy / "Training" / "Groesse")
        (dataset_copy / "Training" / ".DS_Store").touch()
        message = (
            "no folder of size maps: tried Size_ids, Size, size_ids, size in Training and "
            r"Validation; found Category_ids, Color_ids, Groesse, .*"
            r"dataset\.size\.folders=\[<folder>\]"
        )
        with pytest.raises(DataError, match=message):
            reader_of(name, dataset_copy).samples()

    def test_a_value_without_a_name_is_named(self, fixture, name):
        reader = reader_of(name, fixture)
        reader.characteristics["color"]["names"] = ["none", "Dark", "Medium"]
        message = r"Color_ids/\d+\.png: value .* has no name; dataset\.color\.names names 0 to 2"
        with pytest.raises(DataError, match=message):
            reader.read_parsing(reader.samples()[0])

    def test_a_mistyped_key_is_reported_before_reading(self, name):
        with pytest.raises(ConfigError, match=r"dataset\.size\.folder"):
            check_command(["dataset=ccihp", "dataset.root=x", "+dataset.size.folder=[Size]"])
