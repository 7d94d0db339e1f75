"""Layouts of the wardrobe: each is read back and compared with the rendered ground truth."""

import json
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from PIL import Image

from clothseg.dataset import cfpd, cihp, imaterialist, modanet
from clothseg.dataset.wardrobe import LAYOUTS, draw_photo
from clothseg.dataset.wardrobe import photo as photos_of_people
from clothseg.dataset.wardrobe.colors import main_color
from clothseg.dataset.wardrobe.layouts import colorful, multi_human
from clothseg.dataset.wardrobe.layouts import imaterialist as imaterialist_layout
from clothseg.dataset.wardrobe.layouts import modanet as modanet_layout
from clothseg.dataset.wardrobe.names import CCP_ID, CCP_NAMES
from clothseg.dataset.wardrobe.photo import (
    Photo,
    draw_crowd,
    draw_group,
    draw_people,
    draw_portrait,
)
from clothseg.dataset.wardrobe.piece import Piece
from clothseg.dataset.wardrobe.textures import dots, floral, plain, stripes
from clothseg.labels import LabelSpace
from clothseg.shipped import CONF
from support.answers import imaterialist_descriptions

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less

SEED = 4
PHOTOS = 5


def native_names(dataset: str) -> list[str]:
    return yaml.safe_load((CONF / "dataset" / f"{dataset}.yaml").read_text())["names"]


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Folder of every layout, rendered once."""
    folder = tmp_path_factory.mktemp("layouts")
    for name, write in LAYOUTS.items():
        write(folder / name, PHOTOS, SEED, lambda photos: None)
    return {name: folder / name for name in LAYOUTS}


@pytest.fixture(scope="module")
def groups() -> list[Photo]:
    """Photos of several people: those in the `roots` folders and more."""
    return [draw_group(SEED, index) for index in range(20)]


def piece_ids(photo: Photo, ids: Mapping[str, int]) -> NDArray[np.int64]:
    """Return the id of every piece, indexed by piece number; 0 for names without an id."""
    return np.array([0, *(ids.get(piece.name, 0) for piece in photo.pieces)])


@pytest.mark.slow(seconds=6)
def test_every_layout_writes_reproducible_bytes(roots: Mapping[str, Path], tmp_path: Path) -> None:
    for name, write in LAYOUTS.items():
        counts: list[float] = []
        first, second = tmp_path / "first" / name, tmp_path / "second" / name
        for root in (first, second):
            write(root, 1, SEED, counts.append)
        assert counts == [1, 1]
        files = [path.relative_to(first) for path in first.rglob("*") if path.is_file()]
        assert len(files) > 1
        for path in files:
            content = (first / path).read_bytes()
            assert content == (second / path).read_bytes(), f"{name}: {path}"
            if path.suffix in (".jpg", ".png"):
                assert content == (roots[name] / path).read_bytes(), (
                    "independent of the number of photos"
                )


@pytest.mark.slow(seconds=1)
def test_cfpd_round_trip(roots: Mapping[str, Path]) -> None:
    reader = cfpd(root=str(roots["cfpd"]), names=native_names("cfpd"))
    assert len(reader.samples()) == PHOTOS
    for index, sample in enumerate(reader.samples()):
        image, mask = reader.read(sample)
        photo = draw_portrait(SEED, index, 600, 400)
        assert image.shape == (600, 400, 3)
        assert np.array_equal(mask, colorful.piece_classes(photo, reader.names)[photo.piece_map])
        colors = reader.read_colors(sample)
        assert np.array_equal(colors > 0, mask > 0), "only the background has no color"


@pytest.mark.slow(seconds=1)
def test_cfpd_is_a_matlab_file_of_superpixels(roots: Mapping[str, Path]) -> None:
    h5py = pytest.importorskip("h5py")
    path = roots["cfpd"] / "fashon_parsing_data.mat"
    head = path.read_bytes()[:512]
    assert head.startswith(b"MATLAB 7.3 MAT-file")
    assert head[124:128] == b"\x00\x02IM"
    with h5py.File(path) as file:
        assert file.userblock_size == 512
        assert file["all_category_name"].shape == (1, 23)
        assert file["all_colors_name"].shape == (1, 13)
        assert file["fashion_dataset"].shape == (PHOTOS, 1)
        # Records, names and MATLAB's empty array, as in the release.
        assert len(file["#refs#"]) == PHOTOS + 23 + 13 + 1
        record = file[file["fashion_dataset"][0, 0]]
        assert record["segmentation"].shape == (400, 600)
        assert record["segmentation"].dtype == np.float32
        assert record["category_label"].shape == record["color_label"].shape == (1, 425)
        assert len(np.unique(record["segmentation"])) > 100


@pytest.mark.slow(seconds=1)
def test_imaterialist_round_trip(roots: Mapping[str, Path]) -> None:
    names = native_names("imaterialist")
    settings = {"names": names, "missing": "error", "root": str(roots["imaterialist"])}
    reader = imaterialist(**settings, overlap="small_on_top")
    samples = {sample.name: sample for sample in reader.samples()}
    assert len(samples) == PHOTOS
    assert len({reader.read(sample)[0].shape for sample in samples.values()}) == PHOTOS, (
        "sizes vary"
    )
    ids = {name: category + 1 for name, category in imaterialist_layout.GARMENTS.items()}
    parts = {kind: category + 1 for kind, category in imaterialist_layout.PARTS.items()}
    for index in range(PHOTOS):
        height, width, name = imaterialist_layout.size_and_name(SEED, index)
        photo = draw_portrait(SEED, index, height, width)
        expected = piece_ids(photo, ids)[photo.piece_map]
        for number, (kind, piece) in enumerate(photo.details, start=1):
            if kind in parts and photo.pieces[piece - 1].name in ids:
                expected[photo.detail_map == number] = parts[kind]
        assert np.array_equal(reader.read(samples[name])[1], expected)


@pytest.mark.slow(seconds=1)
def test_imaterialist_has_overlaps_and_attributes(roots: Mapping[str, Path]) -> None:
    settings = {"names": native_names("imaterialist"), "missing": "error"}
    first, last = (
        imaterialist(root=str(roots["imaterialist"]), overlap=overlap, **settings)
        for overlap in ("small_on_top", "later_wins")
    )
    pairs = [(first.read_mask(sample), last.read_mask(sample)) for sample in first.samples()]
    assert any(not np.array_equal(*pair) for pair in pairs), "the painting order matters"
    rows = [row for sample in first.samples() for row in first.rows(sample)]
    assert any(row.attributes for row in rows)
    described = json.loads((roots["imaterialist"] / "label_descriptions.json").read_text())
    assert [entry["name"] for entry in described["categories"]] == first.names[1:]
    known = {entry["id"] for entry in described["attributes"]}
    assert {attribute for row in rows for attribute in row.attributes} <= known
    categories = {row.source - 1 for row in rows}
    assert {31, 32, 33} <= categories, "sleeves, pockets and necklines"
    assert (roots["imaterialist"] / "train.csv").read_text().count("\n") == len(rows) + 1


def test_imaterialist_descriptions_match_the_release() -> None:
    release = imaterialist_descriptions()
    drawn = imaterialist_layout.label_descriptions()
    assert drawn["categories"] == release["categories"]
    attributes = {
        entry["id"]: (entry["name"], entry["supercategory"]) for entry in release["attributes"]
    }
    for number, described in imaterialist_layout.ATTRIBUTES.items():
        assert attributes[number] == described


@pytest.mark.slow(seconds=1)
def test_modanet_round_trip(roots: Mapping[str, Path]) -> None:
    reader = modanet(
        root=str(roots["modanet"]), names=native_names("modanet"), overlap="small_on_top",
        missing="error",
    )  # fmt: skip
    samples = reader.samples()
    assert [sample.name for sample in samples] == [f"{n:07d}" for n in range(1, PHOTOS)]
    ids = {name: reader.names.index(group) for name, group in modanet_layout.CATEGORIES.items()}
    for index, sample in enumerate(samples):
        photo = draw_portrait(SEED, index, 600, 400)
        image, mask = reader.read(sample)
        assert np.array_equal(mask, piece_ids(photo, ids)[photo.piece_map])
        assert np.abs(image.astype(int) - photo.image).mean() < 6, "JPEG changes little"
    validation = roots["modanet"] / "annotations" / "modanet2018_instances_val.json"
    content = json.loads(validation.read_text())
    assert content["annotations"] == []
    assert [entry["file_name"] for entry in content["images"]] == ["0000005.jpg"]
    assert (roots["modanet"] / "images" / "0000005.jpg").is_file()


def test_polygons_cover_exactly_their_mask() -> None:
    coco = pytest.importorskip("pycocotools.mask")
    random = np.random.default_rng(0)
    for density in (0.2, 0.5, 0.8):
        mask = random.random((40, 30)) < density
        corners = [polygon.ravel().tolist() for polygon in modanet_layout.polygons(mask)]
        filled = coco.decode(coco.merge(coco.frPyObjects(corners, 40, 30)))
        assert np.array_equal(filled.astype(bool), mask)


@pytest.mark.parametrize("name", ["cihp", "ccihp"])
@pytest.mark.slow(seconds=4)
def test_human_parsing_maps_are_consistent(
    roots: Mapping[str, Path], groups: list[Photo], name: str
) -> None:
    make_maps = {"cihp": multi_human.cihp_maps, "ccihp": multi_human.ccihp_maps}[name]
    lists = {"Training": "train_id.txt", "Validation": "val_id.txt"}
    ids = {split: (roots[name] / split / file).read_text().split() for split, file in lists.items()}
    assert ids["Validation"] == ["0000004"]
    assert len(ids["Training"]) == PHOTOS - 1
    for split, stem in ((split, stem) for split, stems in ids.items() for stem in stems):
        folder = roots[name] / split
        image = cv2.imread(str(folder / "Images" / f"{stem}.jpg"))
        category, human, instance = (
            np.array(Image.open(folder / f"{kind}_ids" / f"{stem}.png"))
            for kind in ("Category", "Human", "Instance")
        )
        assert category.shape == human.shape == instance.shape == image.shape[:2]
        assert category.max() < 20
        people = np.unique(human[human > 0])
        assert len(people) > 1
        assert np.array_equal(people, np.arange(1, len(people) + 1))
        assert (human[category > 0] > 0).all()
        expected = np.where(category > 0, 20 * (human.astype(int) - 1) + category, 0)
        assert np.array_equal(instance, expected)
        lines = (folder / "Instance_ids" / f"{stem}.txt").read_text().splitlines()
        values = np.unique(instance[instance > 0]).tolist()
        assert lines == [f"{value} {value % 20} {value // 20 + 1}" for value in values]
        assert np.array_equal(category, make_maps(groups[int(stem) - 1]).category)
        if name == "cihp":
            assert np.array_equal(human > 0, category > 0)


@pytest.mark.slow(seconds=2)
def test_what_is_left_of_occluded_parts_is_given_to_what_is_next_to_it(groups: list[Photo]) -> None:
    for make_maps in (multi_human.cihp_maps, multi_human.ccihp_maps):
        for photo in groups:
            instance = make_maps(photo).instance
            _, areas = np.unique(instance[instance > 0], return_counts=True)
            assert areas.min() >= multi_human.MIN_PART_PIXELS


@pytest.mark.slow(seconds=1)
def test_every_human_parsing_class_is_rendered(groups: list[Photo]) -> None:
    for make_maps in (multi_human.cihp_maps, multi_human.ccihp_maps):
        parsings = [make_maps(photo) for photo in groups]
        found = set(np.concatenate([np.unique(parsing.category) for parsing in parsings]))
        assert found == set(range(20))
    for kind, minimum in (("Size", 4), ("Pattern", 4), ("Color", 10)):
        maps = [parsing.characteristics[kind] for parsing in parsings]
        assert len(set(np.concatenate([np.unique(ids) for ids in maps])) - {0}) >= minimum, kind
    larger = [((maps.human > 0) & (maps.category == 0)).any() for maps in parsings]
    assert any(larger), "belts and necklaces belong to a person but to no class"


@pytest.mark.slow(seconds=1)
def test_sides_are_anatomical(groups: list[Photo]) -> None:
    """People with visible glasses face the camera; unlike hands, shoulders do not cross."""
    facing = []
    for photo in groups[:12]:
        for person in set(photo.people):
            of_person = [number for number, owner in enumerate(photo.people) if owner == person]
            shoulder_columns = {
                photo.pieces[number].side: topmost_column(photo.amodal_masks[number])
                for number in of_person
                if photo.pieces[number].part == "arm"
            }
            faces_camera = shoulder_columns["left"] > shoulder_columns["right"]
            facing.append(faces_camera)
            if {photo.pieces[n].name for n in of_person} & {"glasses", "sunglasses", "tie"}:
                assert faces_camera
    assert 0.5 < np.mean(facing) < 0.95, "some are seen from behind"


def topmost_column(mask: NDArray[np.bool_]) -> float:
    """Return the mean column of the pixels in the topmost row of a mask."""
    return float(np.flatnonzero(mask[mask.any(1).argmax()]).mean())


def test_characteristics_follow_the_cloth() -> None:
    rng = np.random.default_rng(0)
    red, navy = np.float32([200, 20, 30]), np.float32([30, 40, 140])
    assert main_color(plain(red)) == ("red", 1.0)
    assert main_color(plain(navy)) == ("blue", 1.0)
    for texture, pattern in ((plain, "solid"), (dots, "geometrical"), (floral, "fancy")):
        cloth = texture(red) if texture is plain else texture(rng, red)
        assert Piece("coat", cloth).pattern == pattern
    assert main_color(stripes(rng, red, upright=True))[1] < multi_human.MIN_COLOR_FRACTION
    assert Piece("t-shirt", plain(red), print="letters").pattern == "letters"


@pytest.mark.parametrize(
    ("color", "name"),
    [
        ((20, 20, 22), "black"), ((128, 128, 128), "gray"), ((240, 240, 238), "white"),
        ((222, 200, 165), "beige"), ((110, 70, 40), "brown"), ((220, 30, 30), "red"),
        ((240, 150, 185), "pink"), ((240, 220, 40), "yellow"), ((240, 140, 20), "orange"),
        ((40, 150, 60), "green"), ((40, 80, 200), "blue"), ((120, 40, 160), "purple"),
    ],
)  # fmt: skip
def test_colors_have_common_names(color: tuple[int, ...], name: str) -> None:
    assert main_color(plain(np.float32(color)))[0] == name


def test_ccihp_has_masks_but_no_dresses() -> None:
    cloth = plain(np.float32([0, 0, 0]))
    upper, lower = (Piece("dress", cloth, part=part) for part in ("upper", "lower"))
    assert [multi_human.cihp_class(piece) for piece in (upper, lower)] == [6, 6]
    assert [multi_human.ccihp_class(piece) for piece in (upper, lower)] == [5, 12]
    mask, tie = Piece("accessories", cloth, part="face mask"), Piece("tie", cloth)
    assert (multi_human.cihp_class(mask), multi_human.ccihp_class(mask)) == (13, 6)
    assert (multi_human.cihp_class(tie), multi_human.ccihp_class(tie)) == (5, 11)


def test_every_wardrobe_name_has_a_class_in_every_layout() -> None:
    rendered = {
        piece.name for index in range(40) for piece in draw_portrait(2, index, 96, 64).pieces
    }
    assert rendered <= set(CCP_ID)
    unlabeled = {"gloves", "necklace", "accessories"}
    assert rendered - unlabeled <= set(colorful.CLASSES)
    assert rendered - unlabeled - {"skin", "hair"} <= set(imaterialist_layout.GARMENTS) | {"belt"}


@pytest.mark.slow(seconds=1)
def test_folder_round_trip(roots: Mapping[str, Path]) -> None:
    root = roots["folder"]
    space = LabelSpace(**yaml.safe_load((CONF / "labels" / "refined15.yaml").read_text()))
    entries = json.loads((root / "labels.json").read_text())
    assert [entry["name"] for entry in entries] == list(space.names)
    assert [entry["color"] for entry in entries] == list(space.colors)
    assert [entry["id"] for entry in entries] == list(range(15))
    table = space.lookup_table(CCP_NAMES)
    for index in range(PHOTOS):
        mask = np.array(Image.open(root / "masks" / f"{index + 1:04d}.png"))
        assert mask.dtype == np.uint8
        assert np.array_equal(mask, table[draw_photo(SEED, index)[1]])
        assert (root / "images" / f"{index + 1:04d}.jpg").is_file()


@pytest.mark.slow(seconds=8)
def test_crowds_hold_more_people_than_eight_bits(tmp_path: Path) -> None:
    photo = draw_crowd(SEED, 0, 42)
    parsing = multi_human.ccihp_maps(photo)
    assert parsing.human.max() > 40
    assert parsing.instance.dtype == np.uint16
    inside = parsing.instance > 0
    assert (parsing.instance[inside] // 20 + 1 == parsing.human[inside]).all()
    assert (parsing.instance[inside] % 20 == parsing.category[inside]).all()
    assert all(values.dtype == np.uint8 for values in parsing.characteristics.values())


@pytest.mark.slow(seconds=6)
def test_photos_of_many_people_are_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = iter((13, 7, 5))
    monkeypatch.setattr(
        multi_human, "draw_people", lambda seed, index, most: draw_crowd(seed, index, next(counts))
    )
    multi_human.write_cihp(tmp_path / "cihp", 3, SEED, lambda photos: None, max_people=18)
    reader = cihp(root=str(tmp_path), names=native_names("cihp"))
    people = [int(reader.read_parsing(sample).person.max()) for sample in reader.samples()]
    assert people == [13, 7, 5]
    assert [reader.further_defects(sample) for sample in reader.samples()] == [[], [], []]


def test_the_number_of_people_is_drawn_from_the_allowed_range(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[int] = []
    monkeypatch.setattr(photos_of_people, "draw_crowd", lambda _, __, count: drawn.append(count))
    monkeypatch.setattr(photos_of_people, "draw_group", lambda _, __: drawn.append(0))
    for index in range(300):
        draw_people(SEED, index, 18)
    assert {*drawn} == {0, *range(6, 19)}
    assert drawn.count(0) == pytest.approx(300 * 4 / 17, abs=30)
    drawn.clear()
    draw_people(SEED, 0)
    assert drawn == [0]
