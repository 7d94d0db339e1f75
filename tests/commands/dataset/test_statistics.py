"""Statistics against manual counts, and against independent counts on the real dataset."""

import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from clothseg.cache import open_census
from clothseg.commands.dataset.context import Context
from clothseg.commands.dataset.statistics.action import act
from clothseg.commands.dataset.statistics.counting import (
    Counts,
    break_down,
    class_rows,
    distribution,
    image_rows,
)
from clothseg.commands.main import main
from clothseg.config.command_line import check_command
from clothseg.dataset import Sample, ccp, merged
from clothseg.dataset.reader import Reader
from clothseg.geometry import Frame
from clothseg.labels import LabelSpace
from clothseg.run.record import Record
from clothseg.split import Split
from support.answers import ccp_statistics
from support.clean_ccp import stripes
from support.shipped_config import CCP_NAMES, label_space
from support.small_datasets import png, write_mask

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less


class Shelf(Reader):
    """Two images; in one, objects overlap: hats of 6 pixels lie on a coat of 20."""

    def __init__(self, root):
        super().__init__(root, ["ground", "coat", "hat", "dust"])
        for name in "ab":
            Image.fromarray(np.zeros((8, 5, 3), np.uint8)).save(root / f"{name}.png")

    def list_samples(self):
        images = [self.root / f"{name}.png" for name in "ab"]
        parts = ["train", "test"]
        return [Sample(p.stem, p, p, part=part) for p, part in zip(images, parts, strict=True)]

    def read_mask(self, sample):
        mask = np.zeros((8, 5), np.uint8)
        if sample.name == "a":
            mask[:4] = 1
            mask[0] = 2
            mask[7] = 3
        return mask

    def objects(self, sample):
        return [(1, 20), (2, 3), (2, 3), (3, 5)] if sample.name == "a" else []


SHELF = LabelSpace(
    "shelf",
    ["ground", "coat", "hat"],
    ["#000000", "#111111", "#222222"],
    {"ground": ["ground"], "coat": ["coat"], "hat": ["hat"]},
    ["dust"],
)


def counts_of(reader, labels, folder):
    return Counts.of(open_census(reader, labels, folder / "cache"))


def test_objects_are_counted_with_their_own_areas(tmp_path):
    counts = counts_of(Shelf(tmp_path), SHELF, tmp_path)
    ground, coat, hat = class_rows(counts, SHELF)
    assert [row["pixels"] for row in (ground, coat, hat)] == [55, 15, 5]
    assert [row["pixel_share"] for row in (ground, coat, hat)] == [55 / 75, 15 / 75, 5 / 75]
    assert [row["images"] for row in (ground, coat, hat)] == [2, 1, 1]
    assert [row["instances"] for row in (ground, coat, hat)] == [0, 1, 2]
    assert [row["mean_area"] for row in (ground, coat, hat)] == [None, 20, 3]
    assert [row["mean_area_share"] for row in (ground, coat, hat)] == [None, 0.5, 0.075]
    assert [(row["classes"], row["instances"]) for row in image_rows(counts)] == [(2, 3), (0, 0)]
    assert [(row["width"], row["height"]) for row in image_rows(counts)] == [(5, 8)] * 2


def test_parts_are_counted_separately(tmp_path):
    ((key, groups),) = break_down(counts_of(Shelf(tmp_path), SHELF, tmp_path)).items()
    assert key == "part"
    images = {name: [r["images"] for r in class_rows(c, SHELF)] for name, c in groups.items()}
    assert images == {"train": [1, 1, 1], "test": [1, 0, 0]}


def test_sources_are_counted_separately_by_their_own_instances(clean_ccp, tmp_path):
    sources = {"one": ccp(root=str(clean_ccp), names=CCP_NAMES), "shelf": Shelf(tmp_path)}
    names = [*CCP_NAMES, "ground", "dust"]
    colors = ["#000000"] * len(names)
    space = LabelSpace("both", names, colors, {name: [name] for name in names})
    counts = counts_of(merged(sources=sources), space, tmp_path)
    assert counts.objects.tolist() == [False] * 3 + [True] * 2
    parts = break_down(counts)["source"]
    assert {name: len(part.samples) for name, part in parts.items()} == {"one": 3, "shelf": 2}
    assert class_rows(parts["one"], space)[CCP_NAMES.index("hat")]["instances"] == 3
    assert class_rows(parts["shelf"], space)[CCP_NAMES.index("hat")]["instances"] == 2


def test_distribution_counts_each_value():
    assert distribution(np.array([3, 1, 3, 5])) == {
        "min": 1,
        "mean": 3.0,
        "median": 3.0,
        "max": 5,
        "images": {"1": 1, "3": 2, "5": 1},
    }


def run(root, *overrides):
    folders = [f"dataset.root={root}", f"data.cache={root.parent / 'cache'}"]
    command = ["action=statistics", "dataset=ccp", *folders, *overrides]
    return main("dataset", [*command, f"output={root.parent / 'report'}"])


def test_command_writes_tables_and_figures(clean_ccp, capsys):
    mask = stripes(2)
    mask[mask == CCP_NAMES.index("hat")] = 255
    write_mask(clean_ccp, 2, mask)
    assert run(clean_ccp, "labels=ccp59") == 0
    folder = clean_ccp.parent / "report" / "ccp-ccp59" / "statistics"
    output = capsys.readouterr().out
    assert "does not annotate objects" in " ".join(output.split())
    assert str(folder) in output
    with (folder / "classes.csv").open() as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert (rows["hat"]["pixels"], rows["hat"]["images"], rows["hat"]["mean_area"]) == (
        "160",
        "2",
        "80.0",
    )
    assert (rows["null"]["instances"], rows["null"]["mean_area"]) == ("0", "")
    content = json.loads((folder / "statistics.json").read_text())
    assert content["pixels"] == 3 * 118 * 40 - 80
    assert content["image_heights"]["images"] == {"118": 3}
    assert content["classes_per_image"]["images"] == {"57": 1, "58": 2}
    figures = sorted(path.name for path in folder.glob("*.png"))
    assert figures == [
        "classes_per_image.png",
        "image_sizes.png",
        "images_per_class.png",
        "instances_per_class.png",
        "instances_per_image.png",
        "pixels_per_class.png",
    ]
    for name in figures:
        with Image.open(folder / name) as figure:
            assert min(figure.size) > 200
    assert not list(folder.glob(".*"))


def test_command_breaks_down_by_part(tmp_path):
    reader = Shelf(tmp_path)
    cache = SimpleNamespace(cache=str(tmp_path / "cache"))
    settings = SimpleNamespace(output=str(tmp_path / "report"), data=cache, split=None)
    assert act(Context("shelf", reader, SHELF, settings)) == 0
    with (tmp_path / "report/shelf-shelf/statistics/classes_by_part.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(r["part"], r["name"], r["instances"]) for r in rows if r["name"] == "hat"] == [
        ("train", "hat", "2"),
        ("test", "hat", "0"),
    ]


def recorded_split(root, split):
    """A run folder with a split."""
    (job,) = check_command([])
    record = Record(root.parent / "runs/fold-0")
    record.begin(dict(job.config.plain), job.choices, [], "CPU")
    split.write(record.folder / "split.json")
    return record.folder


def test_command_counts_the_subsets_of_a_run(clean_ccp, capsys):
    names, first = ["0001", "0002", "0003"], CCP_NAMES.index("hat")
    for number in (2, 3):
        mask = stripes(number)
        mask[mask == first] = 0
        write_mask(clean_ccp, number, mask)
    record = recorded_split(clean_ccp, Split(names[:1], names[1:], names[1:], "x", 0.0, names[:1]))
    assert run(clean_ccp, f"split={record}") == 0
    folder = clean_ccp.parent / "report" / "ccp-refined15" / "statistics"
    with (folder / "classes_by_subset.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["name"] == "Hat"]
    found = [(row["subset"], row["instances"], row["images"]) for row in rows]
    parts = ("validation", "0", "0"), ("test", "0", "0"), ("held_out", "1", "1")
    assert found == [("train", "1", "1"), *parts]
    shown = " ".join(capsys.readouterr().out.split())
    assert "images: 1 train, 2 validation, 2 test, 1 held out" in shown
    instances = shown.partition("instances, ")[2]
    assert instances.partition(" Hat ")[2].split()[:4] == ["1", "0", "0", "1"]


def test_a_split_of_other_images_is_one_message(clean_ccp, capsys):
    record = recorded_split(clean_ccp, Split(["0001"], ["0002"], ["0042"], "x", 0.0))
    assert run(clean_ccp, f"split={record}") == 1
    assert "the dataset lacks 1 images of the run's split: 0042" in capsys.readouterr().err
    for folder, hint in (
        ("nowhere", ""),
        (record.parent, f"use the run folder of a fold: {record}"),
    ):
        assert run(clean_ccp, f"split={folder}") == 1
        error = capsys.readouterr().err
        assert f"split: {folder} is not a run folder" in error
        assert hint in error


def test_defect_is_one_message_and_nothing_is_written(clean_ccp, capsys):
    mask = stripes(2)
    mask[0, 0] = 60
    write_mask(clean_ccp, 2, mask)
    assert run(clean_ccp) == 1
    assert "0002.mat: label 60 is out of range" in capsys.readouterr().err
    assert not (clean_ccp.parent / "report").exists()


@pytest.mark.slow
@pytest.mark.parametrize("labels", ["refined15", "ccp59", "body4"])
def test_real_dataset_matches_independent_counts(labels, ccp_root, tmp_path):
    statistics = ccp_statistics()
    expected = statistics["classes"][labels]
    space = label_space(labels)
    counts = counts_of(ccp(root=str(ccp_root), names=CCP_NAMES), space, tmp_path)
    rows = class_rows(counts, space)
    for key in ("name", "pixels", "images"):
        assert [row[key] for row in rows] == [row[key] for row in expected]
    assert [row["pixel_share"] for row in rows] == pytest.approx(
        [row["pixel_fraction"] for row in expected], rel=1e-12
    )
    heights = distribution(counts.sizes[:, 0])
    assert (heights["min"], heights["max"]) == (801, 872)
    if labels == "ccp59":
        shown = distribution((counts.pixels > 0).sum(1))
        assert shown["images"] == statistics["labels_per_image"]


def test_sizes_patterns_and_colors_are_counted(drawn_datasets, tmp_path):
    fixture = drawn_datasets / "ccihp"
    command = ["action=statistics", "dataset=ccihp", f"dataset.root={fixture}"]
    folders = [f"output={tmp_path}", f"data.cache={tmp_path / 'cache'}"]
    assert main("dataset", [*command, *folders]) == 0
    folder = tmp_path / "ccihp-ccihp20" / "statistics"
    further = json.loads((folder / "statistics.json").read_text())["further"]
    for kind, subfolder in (
        ("size", "Size_ids"),
        ("pattern", "Pattern_ids"),
        ("color", "Color_ids"),
    ):
        maps = [png(path) for path in fixture.glob(f"*/{subfolder}/*.png")]
        assert len(maps) == 13
        rows = further[kind]
        assert [row["pixels"] for row in rows] == [
            sum(int((values == row["id"]).sum()) for values in maps) for row in rows
        ]
        assert [row["images"] for row in rows] == [
            sum(bool((values == row["id"]).any()) for values in maps) for row in rows
        ]
        assert sum(row["pixels"] for row in rows) == sum(values.size for values in maps)
        assert (folder / f"{kind}.csv").read_text().startswith("id,name,pixels,images\n0,none,")
        assert png(folder / f"images_per_{kind}.png").shape[1] > 400
    assert png(folder / "images_per_label.png").shape[1] > 800


def test_statistics_after_a_training_decode_nothing(clean_ccp, capsys, monkeypatch):
    cache, reader = clean_ccp.parent / "cache", ccp(root=str(clean_ccp), names=CCP_NAMES)
    open_census(reader, label_space("refined15"), cache, [Frame.of(32)])  # as a training does
    monkeypatch.setattr(Reader, "read", None)
    capsys.readouterr()
    assert run(clean_ccp) == 0
    assert "decoding" not in capsys.readouterr().out
