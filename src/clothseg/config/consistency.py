"""Parts of one configuration that are right alone and wrong together."""

from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any

import yaml

from clothseg.config.batch import batch_problem
from clothseg.error import ConfigError
from clothseg.labels import LabelSpace, source_names
from clothseg.model.compatibility import min_batch_size, pair_problem
from clothseg.shipped import CONF, options


def contradictions(config: Mapping[str, Any], choices: Mapping[str, Any]) -> list[str]:
    """What is wrong together in a configuration, one sentence each.

    Args:
        config: plain containers, interpolations resolved; it may depart from the schema.
        choices: the chosen option of each group.
    """
    problems = []
    split = _node(config, "split")
    fold, folds = split.get("fold"), split.get("folds")
    if isinstance(fold, int) and isinstance(folds, int) and fold >= folds:
        problems.append(f"split.fold={fold}: there are {folds} folds, numbered 0 to {folds - 1}")
    problems += _device_contradictions(config)
    problems += _weight_contradictions(config)
    if {"model", "backbone"} <= choices.keys():
        stride = _node(config, "model").get("output_stride")
        problem = pair_problem(
            choices["model"],
            choices["backbone"],
            options("model"),
            options("backbone"),
            stride if isinstance(stride, int) else None,
        )
        problems += [problem] if problem else []
    for group in ("callbacks", "logger"):
        problems += _unchosen(group, _node(config, group))
    problems += _label_contradictions(config)
    return problems


def _device_contradictions(config: Mapping[str, Any]) -> list[str]:
    """What keeps a batch from being shared, and what needs a GPU."""
    trainer, data = _node(config, "trainer"), _node(config, "data")
    sizes = [data.get("batch_size"), trainer.get("devices"), trainer.get("accumulation_steps")]
    counts = [size for size in sizes if isinstance(size, int) and size > 0]
    problems: list[str | None] = []
    if len(counts) == len(sizes):  # with devices=null it is known where the job is done
        with suppress(KeyError, TypeError, AttributeError):  # of which the schema has told
            batch_size, world_size, accumulation_steps = counts
            problems += [
                batch_problem(batch_size, world_size, accumulation_steps, min_batch_size(config))
            ]
    if trainer.get("accelerator") == "cpu":
        if trainer.get("sync_batchnorm") is True:
            problems += ["trainer.sync_batchnorm=true: PyTorch offers it on CUDA GPUs only"]
        if trainer.get("precision") == 16:
            problems += ["trainer.precision=16: the CPU has no such arithmetic; allowed: 32, bf16"]
    return [problem for problem in problems if problem]


def _weight_contradictions(config: Mapping[str, Any]) -> list[str]:
    """A list of class weights that is not one of the chosen classes, or counts no pixel."""
    weights, names = _node(config, "loss").get("weights"), _node(config, "labels").get("names")
    if isinstance(weights, list) and not any(weights):
        return ["loss.weights: all are 0, so that nothing would be learnt"]
    if not isinstance(weights, list) or not isinstance(names, list) or len(weights) == len(names):
        return []
    return [
        f"loss.weights has {len(weights)} numbers, but there are {len(names)} classes: "
        f"{', '.join(map(str, names))}"
    ]


def _unchosen(group: str, nodes: Mapping[str, Any]) -> list[str]:
    """Parts of a group whose keys are set although no file of the group brings them."""
    known = {name for name, node in nodes.items() if isinstance(node, Mapping)}
    chosen = sorted(name for name in known if "_target_" in nodes[name])
    return [
        f"{group}.{name}: {name} is not chosen; {group} has {', '.join(chosen) or 'nothing'}"
        for name in sorted(known.difference(chosen))
    ]


def _label_contradictions(config: Mapping[str, Any]) -> list[str]:
    """What keeps a label space from taking in the dataset's names."""
    try:
        names = source_names(_node(config, "dataset"))
        space = LabelSpace(**config["labels"])
        space.lookup_table(names)
        known = {*names, *shipped_source_names()}
        gathered = [source for group in space.gathers.values() for source in group]
    except ConfigError as error:
        return error.problems
    except (KeyError, TypeError, AttributeError):  # the schema has said what is wrong
        return []
    strangers = [source for source in gathered if source not in known]
    if strangers:
        return [f"labels={space.name} gathers names that no dataset has: {', '.join(strangers)}"]
    return []


def _node(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A part of the configuration; the schema tells when it is none."""
    node = config.get(key)
    return node if isinstance(node, Mapping) else {}


@cache
def shipped_source_names() -> frozenset[str]:
    """Native label names of all datasets of `conf/dataset`."""
    texts = [(CONF / "dataset" / f"{name}.yaml").read_text() for name in options("dataset")]
    listed = [yaml.safe_load(text).get("names") for text in texts]
    return frozenset(name for names in listed if isinstance(names, list) for name in names)
