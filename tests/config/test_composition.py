"""Composition of sweeps: order, folds, recorded overrides and shared parts."""

import itertools

import pytest

from clothseg.config import composition
from clothseg.config.command_line import check_command
from clothseg.error import ConfigError


def test_the_last_override_varies_fastest_and_folds_fastest_of_all():
    overrides = ["optimizer.lr=1e-3,1e-2", "model=fpn,unet", "split.folds=2"]
    composed = check_command(overrides, every_fold=True)
    found = [
        (c.config["optimizer"]["lr"], c.choices["model"], c.config["split"]["fold"])
        for c in composed
    ]
    assert found == list(itertools.product((1e-3, 1e-2), ("fpn", "unet"), (0, 1)))


def test_overrides_are_those_of_one_configuration_and_the_name_has_the_swept_ones():
    overrides = ["seed=0,1", "model=unet", "+optimizer.lr=0.1", "hydra/launcher=local"]
    first, *_, last = check_command([*overrides, "split.folds=2"], every_fold=True)
    assert list(last.overrides) == [
        *("seed=1", "model=unet", "+optimizer.lr=0.1", "split.folds=2", "split.fold=1")
    ]
    assert (first.name, last.name) == ("seed=0", "seed=1")
    (single,) = check_command(["model=unet"])
    assert single.name == f"unet {single.choices['backbone']}"


@pytest.mark.parametrize(
    ("overrides", "folds"),
    [
        (["split.folds=3"], [0, 1, 2]),
        (["split.folds=3", "split.fold=2"], [2]),
        (["split.folds=3", "split.fold=0,2"], [0, 2]),
        (["split=holdout"], [None]),
    ],
)
def test_all_folds_are_added_unless_the_fold_is_chosen(overrides, folds):
    composed = check_command(overrides, every_fold=True)
    assert [c.config["split"].get("fold") for c in composed] == folds
    assert not any("fold=" in c.name for c in composed)


def test_interpolations_see_the_values_of_their_own_configuration():
    composed = check_command(["seed=${split.fold}", "split.folds=3"], every_fold=True)
    assert [c.config["seed"] for c in composed] == [0, 1, 2]


def test_hydra_composes_each_choice_of_options_once(monkeypatch):
    compose, choices = composition.compose, []

    def counted(name, choice, **keywords):
        choices.append(list(choice))
        return compose(name, choice, **keywords)

    monkeypatch.setattr(composition, "compose", counted)
    composed = check_command(["seed=range(20)", "model=fpn,unet"], every_fold=True)
    assert len(composed) == 200
    assert choices == [["model=fpn"], ["model=unet"]]


def test_equal_parts_of_configurations_are_stored_once():
    composed = check_command(["optimizer.lr=0.1,0.2,0.3"], every_fold=True)
    assert len(composed) == 15
    for key in ("labels", "dataset", "model", "data"):
        assert len({id(c.config[key]) for c in composed}) == 1
    assert len({id(c.config["optimizer"]) for c in composed}) == 3


def test_many_jobs_are_announced_before_they_are_composed(capsys):
    check_command(["seed=range(10)"], every_fold=True)
    assert capsys.readouterr().out == "planning 50 jobs\n"
    check_command(["seed=range(9)"], every_fold=True)
    assert capsys.readouterr().out == ""


def test_a_problem_of_many_configurations_is_reported_once():
    with pytest.raises(ConfigError) as error:
        check_command(["seed=range(5)", "optimizer.lr=0"], every_fold=True)
    assert error.value.problems == ["optimizer.lr=0: must be greater than 0"]
