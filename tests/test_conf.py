"""Shipped configuration files: each composes, is complete, and points to its code."""

import inspect
import re
from functools import cache

import pytest
import yaml

from clothseg.config.command_line import check_command, group_names
from clothseg.config.help import help_text
from clothseg.config.schema import Preparation
from clothseg.config.target import resolve_target, targets
from clothseg.config.validation import argument_model
from clothseg.shipped import CONF, options
from support.paths import REPOSITORY
from support.shipped_config import REQUIREMENTS, roots_of, size_of
from support.small_datasets import write_own_photos

GROUPS = [name for name in group_names("config") if name not in ("experiment", "budget")]
FILES = [
    pytest.param(
        group,
        option,
        # Backbones differ in a name only.
        marks=[pytest.mark.slow(seconds=1)] if group == "backbone" and option != "none" else [],
    )
    for group in GROUPS
    for option in options(group)
]


def shipped(group, option):
    return yaml.safe_load((CONF / group / f"{option}.yaml").read_text())


@cache
def composed(group, option, own):
    """Compose a configuration with one option of a group; labels with a dataset that they fit.

    Args:
        group: config group.
        option: one of its files.
        own: folder of a user's own images, whose classes are read while composing; serves as an
            arbitrary folder for other datasets.
    """
    dataset = option if group == "dataset" else "synthetic"
    if group == "labels":
        dataset = dataset_of(option)
    roots = [f"{key}={own}" for key in roots_of(dataset)]
    choices = {"dataset": dataset, group: option}
    if (group, option) == ("backbone", "none"):
        choices["model"] = "segnet"
    chosen = [f"{key}={value}" for key, value in choices.items()]
    (job,) = check_command([*chosen, *roots, *REQUIREMENTS.get(f"{group}={option}", [])])
    return job


def dataset_of(labels):
    """Find a dataset whose names are all covered by a label space."""
    gathers = shipped("labels", labels)["gathers"]
    if isinstance(gathers, str):  # read from the dataset of the same name
        return labels
    names = {option: shipped("dataset", option).get("names") for option in options("dataset")}
    gathered = {name for group in gathers.values() for name in group}
    return next(o for o, own in names.items() if own and gathered.issuperset(own))


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    return write_own_photos(tmp_path_factory.mktemp("own") / "photos")


@pytest.mark.parametrize(("group", "option"), FILES)
def test_every_option_composes_without_errors(group, option, own):
    assert composed(group, option, own).choices[group] == option


def root_overrides(experiment):
    """Overrides that set the folders of an experiment's dataset."""
    dataset = {"inacio2019": "ccp_cfpd"}.get(experiment.split("/")[0], "ccp")
    return [f"{key}=somewhere" for key in roots_of(dataset)]


BUDGETS = [
    pytest.param(budget, marks=pytest.mark.slow(seconds=1) if number else ())
    for number, budget in enumerate(options("budget"))
]
"""All but the first are for `make test`: with every experiment they take half a minute together."""


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("name", options("experiment"))
def test_every_experiment_composes_and_is_short(name, budget):
    chosen = [f"experiment={name}", f"budget={budget}", *size_of(name)]
    (job,) = check_command([*chosen, *root_overrides(name)])
    assert (job.choices["experiment"], job.choices["budget"]) == (name, budget)
    settings, _, _ = (CONF / "experiment" / f"{name}.yaml").read_text().partition("decisions:\n")
    assert len(settings.splitlines()) <= 20


@pytest.mark.parametrize(("group", "option"), FILES)
def test_a_target_is_in_the_module_of_its_group(group, option):
    """The target of `conf/loss/focal.yaml` is `clothseg.loss.focal` or a neighbor of it."""
    for _, node in targets(shipped(group, option)):
        assert re.fullmatch(rf"clothseg\.{group}\.\w+", node["_target_"])
        if group in (
            "model",
            "loss",
            "optimizer",
            "scheduler",
            "augmentation",
            "split",
            "dataset",
            "postprocess",
        ):
            merged = group == "dataset" and roots_of(option) != ["dataset.root"]
            assert node["_target_"].rsplit(".", 1)[1] == ("merged" if merged else option)


@pytest.mark.parametrize(("group", "option"), FILES)
def test_a_file_sets_every_argument_of_its_function_and_comments_it(group, option, own):
    text = (CONF / group / f"{option}.yaml").read_text()
    for path, node in targets(composed(group, option, own).config.plain[group]):
        function = resolve_target(node["_target_"], [])
        # Preparation keys such as the person crop apply to all datasets, not to their functions.
        shared = set(Preparation.model_fields) if (group, path) == ("dataset", "") else set()
        assert set(node) - {"_target_"} - shared == set(argument_model(function).model_fields)
        assert inspect.getdoc(function)
    for line in text.splitlines():
        if line.strip() in ("accelerator: cpu", "accelerator: gpu"):  # obvious from the file name
            continue
        key = re.match(r"\s*(\w+): ?(\S.*)?$", line)
        if key and key[2] and key[1] not in ("_target_", "name", "defaults"):
            assert "#" in line or key[2].startswith("["), f"no comment: {line}"


@pytest.mark.parametrize("name", GROUPS)
def test_every_group_has_a_test_file(name):
    assert (REPOSITORY / "tests" / f"test_{name}.py").is_file()


@pytest.mark.parametrize(("group", "option"), FILES)
def test_every_option_is_in_the_readme_of_conf(group, option):
    assert f"`{option}`" in (CONF / "README.md").read_text()


def test_help_lists_every_group_and_option():
    text = help_text("config")
    for group, option in (case.values for case in FILES):
        assert re.search(rf"^  {group} ", text, re.MULTILINE)
        assert option in text
    assert "data.image_size" in text
    assert "hydra." not in text
