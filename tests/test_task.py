"""Tasks: chosen by the network, and consistent with loss, augmentation, images and scores."""

import pytest

from clothseg.config.command_line import check_command
from clothseg.error import ConfigError
from clothseg.metric.parsing.scores import Rules
from clothseg.task import Parsing, Semantic, parsing, semantic
from support.shipped_config import PARSING


def problems(*overrides):
    with pytest.raises(ConfigError) as error:
        check_command(overrides)
    return error.value.problems


def test_a_network_chooses_its_task_and_what_the_task_needs():
    (job,) = check_command(["model=unet"])
    assert isinstance(job.config.task, Semantic)
    (job,) = check_command(["dataset=ccihp", "dataset.root=somewhere", "model=hptr"])
    assert job.config.task == Parsing(Rules())
    chosen = {group: job.choices[group] for group in ("task", "loss", "augmentation", "optimizer")}
    expected = {"task": "parsing", "loss": "hptr", "augmentation": "hptr", "optimizer": "detr"}
    assert chosen == expected


def test_rules_of_scores_are_settings_of_the_task():
    (job,) = check_command([*PARSING, "task.matching=one_to_one", "task.empty_people=false"])
    assert job.config.task.rules == Rules(matching="one_to_one", empty_people=False)
    assert semantic() == Semantic()
    given = {"matching": "reference", "absent": "mean", "characterized": "majority"}
    rules = Rules(absent="mean", characterized="majority")
    assert parsing(**given, empty_people=True) == Parsing(rules)


def test_a_record_without_a_task_is_semantic():
    (job,) = check_command([])
    plain = {key: value for key, value in job.config.plain.items() if key != "task"}
    assert isinstance(type(job.config)(plain).task, Semantic)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["task=parsing"], "task=parsing: model=fpn is for task=semantic"),
        ([*PARSING, "task=semantic"], "task=semantic: model=hptr is for task=parsing"),
        (["loss=hptr"], "loss=hptr: not for task=semantic; use another loss"),
        (["augmentation=hptr"], "augmentation=hptr: not for task=semantic"),
        ([*PARSING, "loss=focal"], "loss=focal: not for task=parsing; use loss=hptr"),
        ([*PARSING, "augmentation=flip"], "augmentation=flip: not for task=parsing; use"),
        ([*PARSING, "data.image_size=[64,96]"], "one number for task=parsing, the longest side"),
        ([*PARSING, "data.fit=crop"], "data.fit=crop: images of task=parsing keep their aspect"),
        ([*PARSING, "postprocess=opening"], "postprocess=opening: not for task=parsing"),
        ([*PARSING, "metric.train=true"], "metric.train=true: not for task=parsing"),
        ([*PARSING, "model.heads=7"], "model.features=128: must be a multiple of model.heads=7"),
        ([*PARSING, "model.characteristics=[color,color]"], "lists one twice"),
        (["model=segnet", "optimizer=detr"], "optimizer.backbone_rate=0.1: the network has no"),
        ([*PARSING, "backbone=none"], "hptr_tiny needs an encoder"),
        (["callbacks.checkpoints.monitor=val/apr"], "task=semantic has no AP^r"),
    ],
)
def test_what_a_task_does_not_take_is_refused_with_the_way_out(overrides, message):
    assert any(message in problem for problem in problems(*overrides))
