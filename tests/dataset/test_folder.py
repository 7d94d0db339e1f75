"""Custom datasets: each kind of mask, classes from labels.json, an error message per defect."""

import json
import os
import shutil

import cv2
import numpy as np
import pytest
from PIL import Image

from clothseg.build import build_dataset
from clothseg.commands.dataset.export import export
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
        "background_id": 0,
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
            r"row 0: unknown key `colour`; allowed are id, name, color, flip, background",
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


def write_palette(root, indices, colors):
    picture = Image.fromarray(indices)
    padded = np.full((256, 3), 255, np.uint8)
    padded[: len(colors)] = colors
    picture.putpalette(padded.tobytes())
    picture.save(root / "masks" / "0.png")
    reader = folder(root=str(root), names=read_label_file(root / "labels.json").names)
    sample = reader.samples()[0]
    return reader.read_mask(sample), reader.sample_warnings(sample)


def test_a_palette_with_the_colors_of_other_classes_is_read_by_its_colors(own_photos):
    ids = stored(own_photos).copy()
    ids[0, 0] = 255
    assert set(np.unique(ids)) == {0, 1, 2, 255}
    mask, warnings = write_palette(own_photos, ids, COLORS)
    assert np.array_equal(mask, ids)
    assert warnings == []
    mask, (warning,) = write_palette(own_photos, ids, COLORS[[2, 1, 0]])
    assert np.array_equal(mask, np.array([2, 1, 0, *range(3, 256)])[ids])
    assert warning == (
        f"{own_photos}/masks/0.png: read by the colors of its palette, which are those of "
        "labels.json, and not by its indices, which are not the ids: 0 is right glove, 1 is left "
        "glove, 2 is background"
    )
    scattered = np.array([7, 3, 200, *range(3, 256)], np.uint8)  # indices that are no ids
    colors = np.zeros((201, 3))
    colors[scattered[:3]] = COLORS
    colors[:3] = 9, 8, 7
    mask, (warning,) = write_palette(own_photos, scattered[ids], colors)
    assert np.array_equal(mask, ids)


def test_an_ambiguous_palette_is_read_by_its_indices(own_photos):
    ids = stored(own_photos)
    mask, warnings = write_palette(own_photos, ids, COLORS[[2, 1, 2]])  # two indices, one color
    assert np.array_equal(mask, ids)
    assert warnings
    never_set = np.zeros((3, 3))
    ones = np.ones_like(ids)
    assert np.array_equal(write_palette(own_photos, ones, never_set)[0], ones)
    own = [row | {"color": "#ff8000"} if row["id"] == 2 else row for row in OWN_LABELS]
    rewrite(own_photos, own)  # two classes, one color
    mask, warnings = write_palette(own_photos, ids, COLORS[[1, 0, 0]])
    assert np.array_equal(mask, ids)


def test_a_palette_of_which_some_colors_are_those_of_other_classes_is_warned_of(own_photos):
    ids = stored(own_photos)
    colors = np.array([COLORS[0], COLORS[2], [9, 8, 7]])  # the last one is of no class
    mask, (warning,) = write_palette(own_photos, ids, colors)
    assert np.array_equal(mask, ids)
    assert "palette index 1 has the color of right glove, but is read as left glove" in warning


BACKGROUND_LAST = [
    {"id": 0, "name": "left glove", "color": "#ff8000", "flip": "right glove"},
    {"id": 1, "name": "right glove", "color": "#0080ff"},
    {"id": 2, "name": "background", "color": "#000000", "background": True},
]


@pytest.fixture
def background_last(own_photos):
    """The own photos with ids in another order, and the class ids of their masks by name."""
    masks = read_all(own_photos)
    masks["0"] = masks["0"].copy()
    masks["0"][0, 0] = 255
    for name, mask in masks.items():
        ids = np.array([2, 0, 1, *range(3, 256)], np.uint8)[mask]
        cv2.imwrite(str(own_photos / "masks" / f"{name}.png"), ids)
    rewrite(own_photos, BACKGROUND_LAST)
    return own_photos, masks


def test_a_background_of_any_id_is_class_0_of_the_program(background_last):
    root, masks = background_last
    found = read_all(root)
    assert all(np.array_equal(found[name], mask) for name, mask in masks.items())
    labels = compose(root).labels
    assert list(labels.names) == NAMES
    assert labels.background_id == 2
    assert labels.flip_table[:4].tolist() == [0, 2, 1, 3]
    assert labels.palette.tolist() == COLORS.tolist()


@pytest.mark.parametrize("kind", ["RGB", "palette"])
def test_colors_do_not_depend_on_the_id_of_the_background(background_last, kind):
    root, masks = background_last
    picture = Image.fromarray(COLORS[masks["1"]])
    if kind == "palette":
        picture = Image.fromarray(np.array([2, 0, 1], np.uint8)[masks["1"]])
        picture.putpalette(COLORS[[1, 2, 0]].tobytes())
    picture.save(root / "masks" / "1.png")
    assert np.array_equal(read_all(root)["1"], masks["1"])
    reader = folder(root=str(root), names=NAMES)
    assert reader.sample_warnings(reader.samples()[1]) == []


def test_an_export_has_the_ids_of_the_original_files(background_last, tmp_path):
    root, masks = background_last
    config = compose(root)
    export(build_dataset(config), config.labels, tmp_path / "exported")
    assert json.loads((tmp_path / "exported" / "labels.json").read_text()) == BACKGROUND_LAST
    for name in masks:
        assert np.array_equal(stored(tmp_path / "exported", name), stored(root, name))
    found = read_all(tmp_path / "exported")
    assert all(np.array_equal(found[name], mask) for name, mask in masks.items())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ([("sky", "#0000ff"), ("BG", "#00ff00")], "it is sky, and BG looks like the background"),
        ([("sky", "#0000ff"), ("void", "#00ff00")], "it is sky, and void looks like the"),
        ([("void", "#000000"), ("background", "#00ff00")], "it is void, and background looks"),
        ([("sky", "#0000ff"), ("shoe", "#000000")], "it is sky, and shoe looks like the back"),
    ],
)
def test_a_later_class_that_looks_like_the_background_is_refused(tmp_path, changed, message):
    listed = [{"id": id, "name": n, "color": color} for id, (n, color) in enumerate(changed)]
    rewrite(tmp_path, listed)
    with pytest.raises(ConfigError, match=rf'{message}.*add the key `"background": true` to'):
        read_label_file(tmp_path / "labels.json")
    for row in listed:  # either answer is accepted
        rewrite(
            tmp_path, [row | {"background": True} if row is other else other for other in listed]
        )
        assert read_label_file(tmp_path / "labels.json").names[0] == row["name"]
    rewrite(tmp_path, [row | {"background": True} for row in listed])
    with pytest.raises(ConfigError, match=r"`background` is true for .*; there is one"):
        read_label_file(tmp_path / "labels.json")


@pytest.mark.parametrize(
    "listed",
    [
        [("background", "#ffffff"), ("shoe", "#000000")],
        [("sky", "#000000"), ("shoe", "#000000")],
        [("null", "#ffffff"), ("hat", "#000000")],
    ],
)
def test_a_first_class_that_is_the_background_needs_no_key(tmp_path, listed):
    rewrite(tmp_path, [{"id": i, "name": n, "color": color} for i, (n, color) in enumerate(listed)])
    assert read_label_file(tmp_path / "labels.json").background_id == 0


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
