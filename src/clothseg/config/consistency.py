"""Consistency checks between parts of a configuration that are valid on their own."""

from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any

import yaml

from clothseg.config.batch import batch_problem
from clothseg.config.network_consistency import network_contradictions
from clothseg.config.task_consistency import task_contradictions
from clothseg.error import ConfigError
from clothseg.labels import LabelSpace, later_background, source_names
from clothseg.metric.names import MONITORS
from clothseg.model.compatibility import min_batch_size
from clothseg.shipped import CONF, options


def contradictions(config: Mapping[str, Any], choices: Mapping[str, Any]) -> list[str]:
    """Find inconsistencies within a configuration, one sentence each.

    Args:
        config: plain containers, interpolations resolved; may violate the schema.
        choices: the selected option of each group, or the function in its place.
    """
    problems = [
        f"{key}=: is empty; name the folder of a run, or null for none"
        for key in ("init_from", "rerun_from")
        if config.get(key) == ""
    ]
    split = _node(config, "split")
    fold, folds = split.get("fold"), split.get("folds")
    if isinstance(fold, int) and isinstance(folds, int) and fold >= folds:
        problems.append(
            f"split.fold={fold}: must be 0 to {folds - 1}, because there are {folds} folds"
        )
    problems += _device_contradictions(config)
    problems += _weight_contradictions(config)
    model, loss, data = (_node(config, group) for group in ("model", "loss", "data"))
    problems += network_contradictions(model, loss, data, choices)
    problems += task_contradictions(config)
    problems += _label_contradictions(config)
    return [*problems, *selection_problems(config)]


def selection_problems(config: Mapping[str, Any]) -> list[str]:
    """Find callbacks and loggers without a function, and whether one selects the best epoch.

    The others of these checks concern training; a record that was trained passed those of its time.
    """
    problems = [
        problem
        for group in ("callbacks", "logger")
        for problem in _unselected(group, _node(config, group))
    ]
    if "callbacks" not in config:  # of another command
        return problems
    checkpoints = _node(_node(config, "callbacks"), "checkpoints")
    if "_target_" not in checkpoints:
        required = "callbacks.checkpoints: required, because it saves the epoch that is tested"
        return [*problems, required]
    monitor = checkpoints.get("monitor")
    if isinstance(monitor, str) and monitor in MONITORS:
        return problems
    return [
        *problems,
        f"callbacks.checkpoints.monitor={monitor}: must be one of {', '.join(MONITORS)}, "
        "because it selects the epoch that is tested",
    ]


def _device_contradictions(config: Mapping[str, Any]) -> list[str]:
    """Batch sizes that cannot be divided evenly, and settings that need a GPU."""
    trainer, data = _node(config, "trainer"), _node(config, "data")
    sizes = [data.get("batch_size"), trainer.get("devices"), trainer.get("accumulation_steps")]
    counts = [size for size in sizes if isinstance(size, int) and size > 0]
    problems: list[str | None] = []
    if len(counts) == len(sizes):  # devices=null is resolved on the machine that runs the job
        with suppress(KeyError, TypeError, ValueError, AttributeError):  # reported by the schema
            batch_size, world_size, accumulation_steps = counts
            problems += [
                batch_problem(batch_size, world_size, accumulation_steps, min_batch_size(config))
            ]
    if trainer.get("accelerator") == "cpu":
        if trainer.get("sync_batchnorm") is True:
            problems += ["trainer.sync_batchnorm=true: PyTorch supports it on CUDA GPUs only"]
        if trainer.get("precision") == 16:
            problems += ["trainer.precision=16: not supported on the CPU; allowed: 32, bf16"]
    return [problem for problem in problems if problem]


def _weight_contradictions(config: Mapping[str, Any]) -> list[str]:
    """Class weights that are all zero, or whose number differs from the number of classes."""
    weights, names = _node(config, "loss").get("weights"), _node(config, "labels").get("names")
    if isinstance(weights, list) and not any(weights):
        return ["loss.weights: all weights are 0; at least one must be greater than 0"]
    if not isinstance(weights, list) or not isinstance(names, list) or len(weights) == len(names):
        return []
    return [
        f"loss.weights has {len(weights)} values, but there are {len(names)} classes: "
        f"{', '.join(map(str, names))}"
    ]


def _unselected(group: str, nodes: Mapping[str, Any]) -> list[str]:
    """Members of a group whose keys are set although the member is not selected."""
    known = {name for name, node in nodes.items() if isinstance(node, Mapping)}
    selected = sorted(name for name in known if "_target_" in nodes[name])
    return [
        f"{group}.{name}: {name} is not selected; selected: {', '.join(selected) or 'none'}"
        for name in sorted(known.difference(selected))
    ]


def _label_contradictions(config: Mapping[str, Any]) -> list[str]:
    """Label names of the dataset that the label space does not cover, and unknown names in it."""
    try:
        names = source_names(_node(config, "dataset"))
        space = LabelSpace(**config["labels"])
        space.lookup_table(names)
        known = {*names, *shipped_source_names()}
        gathered = [source for group in space.gathers.values() for source in group]
    except ConfigError as error:
        return error.problems
    except (KeyError, TypeError, AttributeError):  # reported by the schema
        return []
    if later := later_background(space.names):
        return [
            f"labels={space.name}: the first of the names is the background, but it is "
            f"{space.names[0]}; list {later} first"
        ]
    unknown = [source for source in gathered if source not in known]
    if unknown:
        return [f"labels={space.name} gathers names that no dataset has: {', '.join(unknown)}"]
    return []


def _node(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A node of the configuration; empty if it is not a mapping, which the schema reports."""
    node = config.get(key)
    return node if isinstance(node, Mapping) else {}


@cache
def shipped_source_names() -> frozenset[str]:
    """Native label names of all datasets in `conf/dataset`."""
    texts = [(CONF / "dataset" / f"{name}.yaml").read_text() for name in options("dataset")]
    listed = [yaml.safe_load(text).get("names") for text in texts]
    return frozenset(name for names in listed if isinstance(names, list) for name in names)
