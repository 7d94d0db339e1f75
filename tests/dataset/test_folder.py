"""Custom datasets: each kind of mask, classes from labels.json, an error message per defect."""

import json
import os
import shutil

import cv2
import numpy as np
import pytest
from PIL import Image

from clothseg.build import build_dataset
from clothseg.config.command_line import check_command
from clothseg.dataset import folder
from clothseg.dataset.skip_defects import WithoutDefects
from clothseg.error import ConfigError, DataError
from clothseg.label_file import read_label_file
from support.command_line import records
from support.small_datasets import OWN_LABELS, write_own_photos

NAMES = [row["name"] for row in OWN_LABELS]
COLORS = np.array([[0, 0, 0], [255, 128, 0], [0, 128, 255]], np.uint8)


def stored(root, name="0"):
    return np.asarray(Image.open(root / "masks" / f"{name}.png"))


def read_all(root, names=NAMES):
    reader = folder(root=str(root), names=names)
    return {sample.name: reader.read(sample)[1] for sample in reader.samples()}


def compose(root, *overrides):
    (job,) = check_command(["dataset=folder", f"dataset.root={root}", *overrides])
    return job.config


def rows(*names):
    return [{"id": id, "name": name, "color": "#000000"} for id, name in enumerate(names)]


def rewrite(root, rows):
    (root / "labels.json").write_text(json.dumps(rows))


def test_id_masks_are_read_unchanged(own_photos):
    ids = stored(own_photos).copy()
    ids[3, 4] = 255
    cv2.imwrite(str(own_photos / "masks" / "0.png"), ids)
    masks = read_all(own_photos)
    assert list(masks) == ["0", "1", "2"]
    assert np.array_equal(masks["0"], ids)


@pytest.mark.parametrize("kind", ["palette", "RGB"])
def test_palette_and_rgb_masks_yield_the_same_ids(own_photos, kind):
    ids = stored(own_photos).copy()
    if kind == "palette":
        picture = Image.fromarray(ids)
        # The palette's colors differ from those of labels.json: the indices are the ids.
        picture.putpalette(np.arange(9, dtype=np.uint8).tobytes())
        assert picture.mode == "P"
    else:
        picture = Image.fromarray(COLORS[ids])
    picture.save(own_photos / "masks" / "0.png")
    assert np.array_equal(read_all(own_photos)["0"], ids)


def test_an_unknown_color_is_reported_with_its_position(own_photos):
    picture = COLORS[stored(own_photos)]
    picture[7, 5] = (255, 129, 0)
    picture[8:10, 0] = (255, 255, 255)
    Image.fromarray(picture).save(own_photos / "masks" / "0.png")
    message = r"0\.png: color #ff8100 at x=5, y=7 belongs to no class in labels\.json \(3 such"
    with pytest.raises(DataError, match=message):
        read_all(own_photos)


def test_rgb_masks_need_distinct_class_colors(own_photos):
    rewrite(own_photos, [OWN_LABELS[0], *[row | {"color": "#FF8000"} for row in OWN_LABELS[1:]]])
    assert len(read_all(own_photos)) == 3  # id masks need no colors
    Image.fromarray(COLORS[stored(own_photos)]).save(own_photos / "masks" / "0.png")
    with pytest.raises(
        DataError, match=r"labels\.json: left glove, right glove have the same color"
    ):
        read_all(own_photos)


@pytest.mark.parametrize("suffix", ["jpeg", "JPG", "png", "webp", "bmp", "tif"])
def test_images_of_common_formats_are_paired_by_stem(own_photos, suffix):
    image = cv2.imread(str(own_photos / "images" / "1.jpg"))
    (own_photos / "images" / "1.jpg").unlink()
    cv2.imwrite(str(own_photos / "images" / f"1.{suffix}"), image)
    (own_photos / "images" / "Thumbs.db").write_text("not an image")
    assert list(read_all(own_photos)) == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda root: (root / "masks" / "1.png").unlink(),
            r"1 files in \S+images have no partner in \S+masks \(.* share a stem\): \S+1\.jpg",
        ),
        (
            lambda root: (root / "images" / "2.jpg").unlink(),
            r"1 files in \S+masks have no partner in \S+images \(.*\): \S+2\.png",
        ),
        (
            lambda root: shutil.copy(root / "images" / "1.jpg", root / "images" / "1.png"),
            r"images: 1\.jpg and 1\.png have the same stem",
        ),
        (lambda root: shutil.rmtree(root / "masks"), r"expected images/, masks/ and labels\.json"),
        (
            lambda root: [path.unlink() for path in root.glob("*/?.*")],
            r"images: no images; expected \.bmp, \.jpeg",
        ),
        (
            lambda root: cv2.imwrite(str(root / "masks/0.png"), np.full((40, 30), 3, np.uint8)),
            r"0\.png: label 3 is out of range; allowed are 0 to 2 and 255",
        ),
        (
            lambda root: cv2.imwrite(str(root / "masks/0.png"), np.zeros((30, 40), np.uint8)),
            r"0\.png: labels are 40x30, but its image .* is 30x40",
        ),
        (
            lambda root: cv2.imwrite(str(root / "masks/0.png"), np.zeros((40, 30, 4), np.uint8)),
            r"0\.png: 8-bit RGBA PNG",
        ),
        (
            lambda root: cv2.imwrite(str(root / "masks/0.png"), np.zeros((40, 30), np.uint16)),
            r"0\.png: 16-bit gray PNG",
        ),
    ],
)
def test_the_error_describes_the_defect(own_photos, damage, message):
    damage(own_photos)
    with pytest.raises(DataError, match=message):
        read_all(own_photos)


def test_names_that_differ_from_the_label_file_are_rejected(own_photos):
    with pytest.raises(DataError, match=r"its names are background, .*; the configuration has sky"):
        read_all(own_photos, ["sky"])


def test_the_label_file_enters_the_fingerprint(own_photos):
    before = folder(root=str(own_photos), names=NAMES).fingerprint()
    rewrite(own_photos, [row | {"color": f"#00000{row['id']}"} for row in OWN_LABELS])
    assert folder(root=str(own_photos), names=NAMES).fingerprint() != before


def test_the_folder_alone_defines_dataset_and_labels(own_photos):
    config = compose(own_photos)
    assert config.plain["dataset"]["names"] == NAMES
    assert config.plain["labels"] == {
        "name": "folder",
        "names": NAMES,
        "colors": ["#000000", "#ff8000", "#0080ff"],
        "flip_pairs": [["left glove", "right glove"]],
        "ignore": [],
        "gathers": {name: [name] for name in NAMES},
    }
    assert config.labels.flip_table[:4].tolist() == [0, 2, 1, 3]
    assert len(build_dataset(config).samples()) == 3


def test_another_label_space_accepts_matching_names(own_photos):
    rewrite(own_photos, rows("null", "hat"))
    config = compose(own_photos, "labels=refined15")
    assert config.plain["labels"]["name"] == "refined15"
    assert config.labels.lookup_table(["null", "hat"])[:2].tolist() == [0, 7]


def test_another_label_space_lists_unassigned_names(own_photos):
    with pytest.raises(ConfigError, match=r"does not assign 3 of the dataset's names: background"):
        compose(own_photos, "labels=refined15")


def test_a_custom_dataset_can_be_merged_with_others(own_photos, small_ccp):
    rewrite(own_photos, rows("bk", "hat", "gloves"))
    (job,) = check_command(
        [
            *("dataset=ccp_cfpd", "~dataset.sources.cfpd", f"dataset.sources.ccp.root={small_ccp}"),
            "+dataset@dataset.sources.own=folder",
            f"dataset.sources.own.root={own_photos}",
            "labels=refined15",
        ]
    )
    assert job.config.plain["dataset"]["sources"]["own"]["names"] == ["bk", "hat", "gloves"]
    reader = build_dataset(job.config)
    samples = {sample.name: sample for sample in reader.samples()}
    assert list(samples) == ["ccp-0001", "ccp-0002", "ccp-0003", "own-0", "own-1", "own-2"]
    names = np.array(["bk", "hat", "gloves"])[stored(own_photos)]
    assert np.array_equal(np.array(reader.names)[reader.read_mask(samples["own-0"])], names)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"labels\.json: no such file; expected a list \[\{"),
        ("{", r"labels\.json: is not JSON"),
        ('{"names": []}', r"labels\.json: is not a list; expected"),
        ('["background"]', r'labels\.json: row 0 is "background"; expected \{"id": 0, .*"\}$'),
        ('[{"id": 0, "name": "sky"}]', r"labels\.json: row 0 has no `color`"),
        (
            '[{"id": 0, "name": "sky", "color": "blue"}]',
            r"labels\.json: row 0: color=blue: must have the form #1f77b4",
        ),
        (
            '[{"id": "0", "name": "sky", "color": "#0000ff"}]',
            r"labels\.json: row 0: id=0: must be a valid integer",
        ),
        (
            '[{"id": 0, "name": "sky", "colour": "#0000ff", "color": "#0000ff"}]',
            r"row 0: unknown key `colour`; allowed are id, name, color, flip",
        ),
        ("[]", r"labels\.json: ids are none; they must be 0, 1, 2 …, each once"),
        (
            json.dumps([{"id": 1, "name": "sky", "color": "#0000ff"}] * 2),
            r"ids are 1, 1; they must be 0, 1, 2 …, each once\n.*names listed twice: sky",
        ),
    ],
)
def test_a_malformed_label_file_is_rejected(own_photos, content, message):
    (own_photos / "labels.json").unlink()
    if content is not None:
        (own_photos / "labels.json").write_text(content)
    with pytest.raises(ConfigError, match=message):
        read_label_file(own_photos / "labels.json")


def test_composing_reports_problems_of_the_label_file(own_photos):
    (own_photos / "labels.json").write_text("[]")
    with pytest.raises(ConfigError) as error:
        compose(own_photos)
    assert error.value.problems == [
        f"{own_photos / 'labels.json'}: ids are none; they must be 0, 1, 2 …, each once"
    ]


@pytest.mark.parametrize(
    ("flips", "message"),
    [
        ((None, "left", None), "`flip` of left is left, which is not another class"),
        ((None, "up", None), "`flip` of left is up, which is not another class"),
        ((None, "right", "sky"), "`flip` of left is right, whose `flip` is sky"),
        (("right", "right", None), "`flip` of sky is right, which another class has, too"),
    ],
)
def test_flip_partners_must_agree(tmp_path, flips, message):
    listed = zip(rows("sky", "left", "right"), flips, strict=True)
    rewrite(tmp_path, [row | {"flip": flip} for row, flip in listed])
    with pytest.raises(ConfigError, match=message):
        read_label_file(tmp_path / "labels.json")


def test_both_flip_partners_may_name_each_other(tmp_path):
    background, left, right = OWN_LABELS
    rewrite(tmp_path, [right | {"flip": "left glove"}, left, background])
    assert read_label_file(tmp_path / "labels.json").flip_pairs == [["left glove", "right glove"]]


def test_a_missing_root_is_reported_once():
    with pytest.raises(ConfigError) as error:
        check_command(["dataset=folder"])
    assert error.value.problems == [
        "dataset.root is required: add dataset.root=<value> to the command"
    ]


def test_folder_labels_need_a_label_file_in_the_root(tmp_path):
    with pytest.raises(ConfigError, match=r"labels\.json: no such file"):
        check_command(["dataset=ccp", f"dataset.root={tmp_path}", "labels=folder"])


@pytest.mark.slow
def test_training_on_a_folder_is_one_command(command_line, tmp_path):
    root = write_own_photos(tmp_path / "own", photos=16)
    tiny = command_line.tiny(tmp_path / "outputs", "dataset=folder", f"dataset.root={root}")
    result = command_line.run(
        [argument for argument in tiny if argument != "dataset.num_images=16"]
    )
    assert result.returncode == 0, result.stderr
    (record,) = records(tmp_path / "outputs")
    assert record.config["config"]["dataset"]["names"] == NAMES
    assert [row["name"] for row in record.metrics["test"]["per_class"]] == NAMES


def test_a_palette_with_permuted_class_colors_is_reported(own_photos):
    ids = stored(own_photos)
    for order, expected in (([0, 1, 2], 0), ([2, 1, 0], 2)):
        picture = Image.fromarray(ids)
        picture.putpalette(COLORS[order].tobytes())
        picture.save(own_photos / "masks" / "0.png")
        reader = folder(root=str(own_photos), names=NAMES)
        warnings = reader.sample_warnings(reader.samples()[0])
        assert len(warnings) == expected
    assert warnings[0].startswith(
        f"{own_photos}/masks/0.png: palette index 0 is #0080ff, the color of right glove, "
        "but is read as background"
    )
    assert reader.sample_warnings(reader.samples()[1]) == []


@pytest.mark.parametrize("part", ["images/9.jpg", "masks/9.png"])
def test_a_file_that_cannot_be_opened_is_a_defect_of_its_sample(own_photos, part):
    for name in ("images/9.jpg", "masks/9.png"):
        shutil.copy(own_photos / name.replace("9", "1"), own_photos / name)
    (own_photos / part).unlink()
    (own_photos / part).symlink_to(own_photos / "nowhere")
    reader = folder(root=str(own_photos), names=NAMES)
    assert reader.fingerprint() != folder(root=str(own_photos), names=NAMES[:2]).names
    with pytest.raises(DataError, match=rf"{part.split('/')[1]}.*(No such file|FileNotFound)"):
        read_all(own_photos)
    valid = WithoutDefects(reader, {}, own_photos / "defects")
    assert [sample.name for sample in valid.samples()] == ["0", "1", "2"]
    (own_photos / part).unlink()
    (own_photos / part).mkdir()
    assert [
        skipped.sample
        for skipped in WithoutDefects(reader, {}, own_photos / "defects").skipped_samples()
    ] == ["9"]


def test_a_file_name_in_another_encoding_is_rejected(own_photos):
    for folder_name, suffix in (("images", "jpg"), ("masks", "png")):
        path = os.fsencode(own_photos / folder_name)
        os.link(path + b"/1." + suffix.encode(), path + b"/caf\xe9." + suffix.encode())
    with pytest.raises(
        DataError, match=r"images: file name 'caf\\udce9\.jpg' is not UTF-8; rename"
    ):
        read_all(own_photos)


def test_a_label_file_with_a_byte_order_mark_is_read(own_photos):
    path = own_photos / "labels.json"
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert read_label_file(path).names == NAMES


@pytest.mark.parametrize("name", ["a ${b}", "???"])
def test_names_with_a_meaning_in_configurations_are_rejected(own_photos, name):
    rewrite(own_photos, rows("background", name))
    with pytest.raises(ConfigError, match="has a meaning in configurations"):
        read_label_file(own_photos / "labels.json")


def test_a_root_that_is_not_a_folder_is_reported(own_photos):
    root = own_photos / "labels.json"
    with pytest.raises(ConfigError, match=r"cannot be read \(Not a directory\)"):
        read_label_file(root / "labels.json")


def test_files_of_other_kinds_are_counted_and_named(own_photos):
    for name in ("images/a.heic", "images/b.HEIC", "images/c.gif", "masks/a.jpg", "images/.hidden"):
        (own_photos / name).touch()
    images, masks = folder(root=str(own_photos), names=NAMES).warnings()
    assert "3 files are not of a used kind" in images
    assert images.endswith("2 .heic, 1 .gif: a.heic, b.HEIC, c.gif")
    assert masks.endswith("(.png): 1 .jpg: a.jpg")


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (200 * [100_000], "files of this kind have at most 1,048,576"),
        (3 * [101], "string should have at most 100 characters"),
        (255 * [1], "has 255 classes; at most 254 are allowed"),
    ],
)
def test_names_that_fit_no_table_are_refused(rows, problem, own_photos):
    content = [
        {"id": number, "name": f"{number}".ljust(length, "x"), "color": "#000000"}
        for number, length in enumerate(rows)
    ]
    (own_photos / "labels.json").write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=problem) as raised:
        read_label_file(own_photos / "labels.json")
    assert len(str(raised.value)) < 2000
