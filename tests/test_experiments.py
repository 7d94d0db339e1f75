"""Experiments of the papers: their settings match the papers, and they run end to end."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from clothseg import build
from clothseg.config.command_line import check_command
from clothseg.dataset.wardrobe import LAYOUTS
from clothseg.shipped import options
from support.command_line import records
from support.shipped_config import roots_of, size_of

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less


def composed(name, *overrides):
    (job,) = check_command([f"experiment={name}", *overrides])
    return job


def test_inacio2019_matches_the_paper_for_all_four_networks():
    roots = [f"dataset.sources.{name}.root=x" for name in ("ccp", "cfpd")]
    jobs = {m: composed(f"inacio2019/{m}", *roots) for m in ("linknet", "pspnet", "unet", "fpn")}
    for model, job in jobs.items():
        config = job.config.plain
        assert (job.choices["model"], job.choices["backbone"]) == (model, "efficientnet-b3")
        assert (job.choices["dataset"], job.choices["labels"]) == ("ccp_cfpd", "refined15")
        assert config["data"]["image_size"] == 320
        assert config["split"]["folds"] == 5
        assert config["optimizer"]["_target_"].endswith(".adam")
        assert config["optimizer"]["lr"] == 1e-3
        assert config["scheduler"]["factor"] == 0.1
        assert config["trainer"]["max_epochs"] == 100
        stopping = config["callbacks"]["early_stopping"]
        assert (stopping["monitor"], stopping["patience"]) == ("val/accuracy", 10)
        assert (
            config["scheduler"]["patience"] < stopping["patience"]
        )  # otherwise it would have no effect
    assert jobs["fpn"].config.plain["model"]["merge"] == "cat"


def test_castro2019_has_a_file_for_every_row_of_its_tables():
    rows = {
        "table3_unet": ("classic_unet", "adam", "weighted_cross_entropy"),
        "table3_segnet": ("segnet", "adam", "weighted_cross_entropy"),
        "table3_atrous": ("fcn", "adam", "weighted_cross_entropy"),
        "table4_segnet": ("segnet", "sgd", "focal"),
        "table4_atrous": ("fcn", "sgd", "weighted_cross_entropy"),
        "table4_densenet": ("densenet_decoder", "sgd", "weighted_cross_entropy"),
        "table5_segnet": ("segnet", "sgd", "focal"),
        "table5_atrous": ("fcn", "sgd", "weighted_cross_entropy"),
    }
    for name, expected in rows.items():
        job = composed(f"castro2019/{name}", "dataset.root=x")
        options = tuple(job.choices[group] for group in ("model", "optimizer", "loss"))
        assert options == expected, name
        assert job.config.plain["data"]["image_size"] == 256
        assert len(job.config.plain["labels"]["names"]) == 47
        if "atrous" in name:
            assert job.config.plain["model"]["output_stride"] == 16
            assert job.config.plain["backbone"]["weights"] == "voc"
    one = composed("castro2019/overfit_one", "dataset.root=x").config.plain
    assert (one["trainer"]["max_epochs"], one["split"]["images"]) == (300, 1)
    segnet = composed("castro2019/overfit_one_segnet", "dataset.root=x").config.plain
    other = ("model", "backbone", "decisions")
    common = {key: value for key, value in segnet.items() if key not in other}
    assert common == {key: one[key] for key in common}
    atrous = composed("castro2019/overfit_one_atrous", "dataset.root=x").config.plain
    assert (atrous["model"]["output_stride"], atrous["backbone"]["weights"]) == (16, "voc")
    common = {key: value for key, value in atrous.items() if key not in other}
    assert common == {key: one[key] for key in common}
    full = composed("castro2019/full", "dataset.root=x").config.plain
    assert (full["split"]["test"], full["split"]["validation"]) == (0.1, "test")  # trains on 90 %


def test_martellozzo2023_has_four_trials():
    trials = {
        "vgg16_59": ("vgg16", "ccp59", [1.0, 1.0]),
        "vgg16_4": ("vgg16", "body4", [1.0, 1.0]),
        "vgg19_4": ("vgg19", "body4", [1.0, 1.0]),
        "vgg19_4_zoom": ("vgg19", "body4", [0.7, 1.3]),
    }
    for name, (backbone, labels, zoom) in trials.items():
        job = composed(f"martellozzo2023/{name}", "dataset.root=x")
        assert (job.choices["backbone"], job.choices["labels"]) == (backbone, labels)
        assert job.config.plain["augmentation"]["zoom"] == zoom
        assert job.config.plain["optimizer"]["lr"] == 1e-4
        assert job.config.plain["data"]["batch_size"] == 8
        assert job.config.plain["callbacks"]["early_stopping"]["patience"] == 5
        assert job.config.plain["backbone"]["weights"] is None


def test_dang2020_has_the_eight_configurations_and_four_baselines():
    switches = {"a": "111", "b": "110", "c": "101", "d": "100", "e": "011", "f": "010", "g": "001"}
    for name, weights in (switches | {"h": "000"}).items():  # Table V
        plain = composed(f"dang2020/{name}", "dataset.root=x").config.plain
        loss, model = plain["loss"], plain["model"]
        assert "".join(f"{loss[key]:g}" for key in ("alpha", "beta", "gamma")) == weights
        assert [model["image_heads"], model["segmentation_heads"]] == [
            w == "1" for w in weights[:2]
        ]
        assert (model["geometry"], model["norm"], model["init"]) == ("strict", "none", "lecun")
        assert (model["width"], loss["segmentation"]) == (1, "bce")
    baselines = {
        "unet": "classic_unet",
        "segnet": "classic_segnet",
        "pspnet": "dilated_pspnet",
        "deeplabv3plus": "deeplabv3plus",
    }
    for name in (*switches, *baselines):
        job = composed(f"dang2020/{name}", "dataset.root=x")
        plain = job.config.plain
        assert job.choices["model"] == baselines.get(name, "pyramid_unet")
        assert (plain["split"]["test_images"], plain["split"]["min_instances"]) == (2400, 280)
        assert plain["split"]["validation"] == "test"
        assert (plain["data"]["image_size"], plain["trainer"]["max_epochs"]) == (224, 100)
        assert (plain["optimizer"]["lr"], plain["scheduler"]["gamma"]) == (1e-3, 0.99)
        assert (plain["augmentation"]["_target_"], plain["backbone"].get("weights")) == (
            "clothseg.augmentation.dang2020",
            None,
        )


@pytest.fixture(scope="module")
def census_of(tmp_path_factory):
    """Function that returns the census of a configuration's dataset, enlarged to 36 images.

    Six photos are rendered in the layout of each dataset; the others repeat their numbers.
    """
    folder = tmp_path_factory.mktemp("experiments")

    @cache
    def root_of(layout):
        LAYOUTS[layout](folder / layout, 6, 0, lambda count: None)
        return folder / layout

    @cache
    def rendered(dataset, labels):
        layouts = {key: key.split(".")[-2].replace("dataset", dataset) for key in roots_of(dataset)}
        roots = [f"{key}={root_of(layout)}" for key, layout in layouts.items()]
        (job,) = check_command([f"dataset={dataset}", f"labels={labels}", *roots])
        config = job.config.changed(data={"cache": str(folder / "cache")})
        census = build.open_census(config, build.build_dataset(config), [])
        rows = np.arange(36) % len(census.samples)
        samples = [
            replace(census.samples[row], name=f"{number:02}") for number, row in enumerate(rows)
        ]
        arrays = {
            name: getattr(census, name)[rows] for name in ("pixels", "instances", "thumbnails")
        }
        random = np.random.default_rng(0)
        arrays["hashes"], arrays["mirrored_hashes"] = random.integers(0, 2**63, (2, 36), np.uint64)
        return replace(census, samples=samples, **arrays)

    def find(job):
        dataset = job.choices["dataset"].replace("synthetic", "ccp")
        return rendered(dataset, job.choices["labels"])

    return find


@pytest.mark.parametrize("name", options("experiment"))
def test_every_experiment_can_be_split_within_every_budget(name, census_of):
    """With its own dataset, and with rendered photos in its place."""
    papers = {
        "inacio2019": "ccp_cfpd",
        "castro2019": "imaterialist",
        "dang2020": "modanet",
        "loesch2021": "ccihp",
    }
    own = papers.get(name.split("/")[0], "ccp")
    # Rendered photos of the default dataset show one person each, and have no official parts.
    for dataset in (own,) if own == "ccihp" else (own, "synthetic"):
        for budget in ("smoke", "small"):
            roots = [f"{key}=x" for key in roots_of(dataset)]
            choices = [f"dataset={dataset}", f"budget={budget}", *size_of(name)]
            job = composed(name, *choices, *roots)
            data, split = job.config.plain["data"], build.build_split(job.config, census_of(job))
            assert data["batch_size"] <= len(split.train) <= data["max_train_images"]
            assert split.validation
            assert split.test


@pytest.mark.slow(seconds=15)
@pytest.mark.parametrize(
    ("experiment", "layouts"),
    [
        ("inacio2019/fpn", ["ccp", "cfpd"]),
        ("castro2019/overfit_one", ["imaterialist"]),
        ("castro2019/table5_atrous", ["imaterialist"]),
        ("martellozzo2023/vgg16_59", ["ccp"]),
        ("dang2020/a", ["modanet"]),
        ("dang2020/segnet", ["modanet"]),
    ],
)
def test_an_experiment_runs_end_to_end(experiment, layouts, command_line, tmp_path):
    for name in layouts:
        LAYOUTS[name](tmp_path / name, 26, 0, lambda count: None)
    roots = [f"dataset.sources.{name}.root={tmp_path / name}" for name in layouts]
    result = command_line.run(
        [
            *("train.py", f"experiment={experiment}", "budget=smoke", f"output={tmp_path}/outputs"),
            *size_of(experiment),
            *(["model.width=0.1"] if experiment == "dang2020/a" else []),
            *(roots if len(layouts) > 1 else [f"dataset.root={tmp_path / layouts[0]}"]),
            *(f"data.cache={tmp_path}/cache", "trainer.threads=1", "report.figures=none"),
        ]
    )
    assert result.returncode == 0, result.stderr
    (record,) = records(tmp_path / "outputs")
    assert record.metrics["epochs"] == 1
    size = 224 if size_of(experiment) else 64
    assert record.config["config"]["data"]["image_size"] == size
