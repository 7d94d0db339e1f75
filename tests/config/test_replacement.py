"""Functions of the user in place of those of an option: arguments, names and folders."""

import pytest
import yaml

from clothseg.commands.main import main
from clothseg.config.command_line import check_command, check_query
from clothseg.error import ConfigError
from clothseg.run.record import run_folder
from support.own_package import OwnPackage

PARTS = """
def net(backbone, classes, *, width: int = 4): ...
def unet(backbone, classes): ...
def objective(pixels, *, gamma: float): ...
def jitter(image_size, flip_table, *, strength: float = 0.1): ...
def folds(census, *, folds: int, fold: int): ...
def halves(census): ...
def lion(parameters, *, lr: float): ...
def cosine(optimizer, steps): ...
def stopper(folder, *, patience: int): ...
def trainer(callbacks, world_size, *, accelerator: str, max_epochs: int): ...
def encoder(*, depth: int): ...
def photos(*, root: str): ...
"""


@pytest.fixture(autouse=True)
def package(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    package = OwnPackage(tmp_path, "tailor")
    package.write("__init__", PARTS)
    yield
    package.forget()


def composed(*overrides):
    (job,) = check_command(["trust=[tailor]", *overrides])
    return job


@pytest.mark.parametrize(
    ("overrides", "group", "arguments"),
    [
        (["model._target_=tailor.net", "model.width=8"], "model", {"width": 8}),
        (["model.width=8", "model=segnet", "model._target_=tailor.net"], "model", {"width": 8}),
        (["loss._target_=tailor.objective", "loss.gamma=2.0"], "loss", {"gamma": 2.0}),
        (["loss.gamma=3.0", "loss=focal", "loss._target_=tailor.objective"], "loss", {"gamma": 3}),
        (["augmentation=light", "augmentation._target_=tailor.jitter"], "augmentation", {}),
        (["split._target_=tailor.halves"], "split", {}),
        (["optimizer._target_=tailor.lion", "optimizer.lr=1.0"], "optimizer", {"lr": 1.0}),
        (["scheduler._target_=tailor.cosine"], "scheduler", {}),
        (
            ["backbone._target_=tailor.encoder", "backbone.depth=3", "data.normalization=unit"],
            "backbone",
            {"depth": 3},
        ),
    ],
)
def test_a_function_replaces_that_of_an_option_with_its_arguments_and_its_name(
    overrides, group, arguments
):
    job = composed(*overrides)
    target = next(text for text in overrides if "_target_" in text).partition("=")[2]
    assert job.config.plain[group] == {"_target_": target, **arguments}
    assert job.choices[group] == target.removeprefix("tailor.")


def test_an_argument_that_is_not_typed_is_not_that_of_the_old_function():
    with pytest.raises(ConfigError) as error:
        composed("loss=focal", "loss._target_=tailor.objective")
    assert error.value.problems == ["loss.gamma: required key is missing"]
    with pytest.raises(ConfigError) as error:
        composed("optimizer._target_=clothseg.optimizer.sgd", "optimizer.lr=1.0")
    assert "optimizer.momentum: required key is missing" in error.value.problems


def test_a_function_that_is_that_of_the_option_changes_nothing():
    plain = composed("model=segnet")
    typed = composed("model=segnet", "model._target_=clothseg.model.segnet")
    assert (typed.config, typed.choices) == (plain.config, plain.choices)


def test_arguments_of_the_old_function_may_still_be_removed():
    removed = ["~model.merge", "~model.dropout", "~model.pyramid_channels"]
    assert composed(*removed, "model._target_=tailor.net").config.plain["model"].keys() == {
        "_target_"
    }
    with pytest.raises(ConfigError, match=r"~model\.merges: no such key"):
        composed("~model.merges", "model._target_=tailor.net")


def test_the_preparation_of_samples_remains_that_of_the_command():
    own = ["dataset._target_=tailor.photos", "dataset.root=here", "labels.gathers={}"]
    node = composed(*own, "dataset.crop=mask").config.plain["dataset"]
    assert {key: node[key] for key in ("_target_", "root", "crop", "on_error")} == {
        "_target_": "tailor.photos",
        "root": "here",
        "crop": "mask",
        "on_error": "stop",
    }
    assert node.keys() == {"_target_", "root", "on_error", "crop", "crop_margin", "detector"}


def test_every_fold_of_a_split_of_ones_own_is_trained():
    own = ["trust=[tailor]", "split._target_=tailor.folds", "split.folds=3"]
    jobs = check_command(own, every_fold=True)
    assert [job.config.plain["split"] for job in jobs] == [
        {"_target_": "tailor.folds", "fold": fold, "folds": 3} for fold in range(3)
    ]


def test_a_trainer_of_ones_own_keeps_the_device_and_the_budget_if_it_has_them():
    job = composed("trainer=cpu", "budget=smoke", "trainer._target_=tailor.trainer")
    assert job.config.plain["trainer"] == {
        "_target_": "tailor.trainer",
        "accelerator": "cpu",
        "max_epochs": 1,
    }


@pytest.mark.parametrize(
    "overrides",
    [
        ["+callbacks.stopper._target_=tailor.stopper", "+callbacks.stopper.patience=3"],
        ["+callbacks.stopper={_target_: tailor.stopper, patience: 3}"],
    ],
)
def test_a_callback_is_added_to_those_of_the_option(overrides):
    job = composed(*overrides)
    assert job.config.plain["callbacks"]["stopper"] == {"_target_": "tailor.stopper", "patience": 3}
    assert job.choices["callbacks"] == "default+stopper"


@pytest.mark.parametrize(
    "override",
    [
        "callbacks.early_stopping._target_=tailor.stopper",
        "callbacks.early_stopping={_target_: tailor.stopper, patience: 3}",
    ],
)
def test_a_callback_replaces_one_of_the_option(override):
    job = composed("callbacks=early_stopping", override, "callbacks.early_stopping.patience=3")
    node = job.config.plain["callbacks"]["early_stopping"]
    assert node == {"_target_": "tailor.stopper", "patience": 3}
    assert job.choices["callbacks"] == "early_stopping+stopper"


def test_the_folder_and_the_display_name_are_those_of_the_network():
    job = composed("model=segnet", "model._target_=tailor.net")
    assert job.name == "net none"
    assert run_folder(job.config.plain, job.choices, "f", 1).parts[2] == "net-none"
    assert composed("model._target_=tailor.net").name == "net efficientnet-b0"


def test_a_network_does_not_pretend_to_be_that_of_an_option_of_the_same_name():
    job = composed("model._target_=tailor.unet")
    assert job.choices["model"] == "tailor.unet"
    shipped = composed(
        "model._target_=clothseg.model.classic_unet", "model.channels=8", "backbone=none"
    )
    assert shipped.choices["model"] == "classic_unet"
    with pytest.raises(ConfigError, match="model=classic_unet cannot have backbone=resnet18"):
        composed(
            "model._target_=clothseg.model.classic_unet", "model.channels=8", "backbone=resnet18"
        )


def test_a_network_of_ones_own_may_have_any_backbone_or_none():
    for backbone in ("none", "resnet18", "vgg16"):
        job = composed("model._target_=tailor.net", f"backbone={backbone}")
        assert job.choices["backbone"] == backbone


def test_each_configuration_of_a_sweep_over_functions_has_its_own_name():
    jobs = check_command(
        ["trust=[tailor]", "model=segnet", "model._target_=tailor.net,clothseg.model.segnet"]
    )
    assert [job.choices["model"] for job in jobs] == ["net", "segnet"]
    assert [len(job.config.plain["model"]) for job in jobs] == [1, 3]


def test_a_key_whose_default_went_with_a_replaced_function_has_to_be_typed():
    with pytest.raises(
        ConfigError, match=r"data\.normalization: .*add data\.normalization=<value>"
    ):
        composed("backbone._target_=tailor.encoder", "backbone.depth=3")


def test_a_query_prints_what_a_run_would_have(capsys):
    own = ["trust=[tailor]", "model._target_=tailor.net", "model.width=8", "backbone=none"]
    assert main("train", [*own, "~model.merge", "--cfg", "job", "--package", "model"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == {"_target_": "tailor.net", "width": 8}
    with pytest.raises(ConfigError, match=r"loss\.width: no such key"):
        check_query([*own, "loss.width=8"])
