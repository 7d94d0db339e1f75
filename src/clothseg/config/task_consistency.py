"""Consistency of a task with the network, the loss, the augmentation, the images and the scores."""

from collections.abc import Iterator, Mapping
from typing import Any

from clothseg.metric.names import MONITORS, Task

Node = Mapping[str, Any]

TASKS: dict[str, Task] = {"clothseg.task.semantic": "semantic", "clothseg.task.parsing": "parsing"}
"""Name of a task by its function."""
PARSING = {
    "model": ("clothseg.model.hptr",),
    "loss": ("clothseg.loss.hptr",),
    "augmentation": ("clothseg.augmentation.hptr",),
}
"""Functions of groups that are for human parsing; all others of this package are not."""


def task_contradictions(config: Node) -> list[str]:
    """Find what contradicts the task of a configuration, one sentence each.

    Args:
        config: plain containers; may violate the schema.
    """
    task = TASKS.get(_target(config, "task"), "semantic")
    problems = [*_group_problems(config, task), *_monitor_problems(config, task)]
    problems += _rate_problems(config)
    return [*problems, *_parsing_problems(config)] if task == "parsing" else problems


def _group_problems(config: Node, task: Task) -> Iterator[str]:
    """Yield functions that belong to the other task; those of the user's own may be for either."""
    model = _target(config, "model")
    is_parser = model in PARSING["model"]
    if model.startswith("clothseg.") and is_parser != (task == "parsing"):
        other = "parsing" if is_parser else "semantic"
        models = "model=hptr or hptr_tiny" if task == "parsing" else "another model"
        yield (
            f"task={task}: model={_name(model)} is for task={other}, which it selects by itself; "
            f"remove task={task}, or use {models}"
        )
        return  # what follows would repeat it
    if task == "parsing":
        for group in ("model", "loss"):
            target = _target(config, group)
            if target and not target.startswith("clothseg."):
                yield (
                    f"{group}._target_={target}: task=parsing takes the {group}s of this package "
                    "only; semantic tasks take your own"
                )
    for group in ("loss", "augmentation"):
        target = _target(config, group)
        is_other = (target in PARSING[group]) != (task == "parsing")
        if target.startswith("clothseg.") and is_other:
            allowed = f"{group}=hptr" if task == "parsing" else f"another {group}"
            yield f"{group}={_name(target)}: not for task={task}; use {allowed}"


def _rate_problems(config: Node) -> Iterator[str]:
    """Yield a learning rate of a backbone that there is not."""
    rate = _node(config, "optimizer").get("backbone_rate", 1)
    if rate != 1 and _node(config, "backbone").get("name") == "none":
        yield (
            f"optimizer.backbone_rate={rate}: the network has no backbone; set "
            "optimizer.backbone_rate=1"
        )


def _monitor_problems(config: Node, task: Task) -> Iterator[str]:
    """Yield monitored scores that only the other task has."""
    nodes = {f"callbacks.{name}": node for name, node in _node(config, "callbacks").items()}
    for key, node in {**nodes, "scheduler": config.get("scheduler")}.items():
        monitor = node.get("monitor") if isinstance(node, Mapping) else None
        score = MONITORS.get(monitor) if isinstance(monitor, str) else None
        if score and task not in score.tasks:
            yield f"{key}.monitor={monitor}: task={task} has no {score.heading}"


def _parsing_problems(config: Node) -> Iterator[str]:
    """Yield settings that human parsing does not take."""
    data, model = _node(config, "data"), _node(config, "model")
    size, fit = data.get("image_size"), data.get("fit", "squeeze")
    if isinstance(size, list):
        yield (
            f"data.image_size={size}: one number for task=parsing, the longest side of images, "
            "which keep their aspect"
        )
    if fit != "squeeze":
        yield f"data.fit={fit}: images of task=parsing keep their aspect; remove it"
    postprocess = _target(config, "postprocess")
    if postprocess not in ("", "clothseg.postprocess.none"):
        yield f"postprocess={_name(postprocess)}: not for task=parsing; use postprocess=none"
    if _node(config, "metric").get("train") is True:
        yield "metric.train=true: not for task=parsing, which scores whole images"
    features, heads = model.get("features"), model.get("heads")
    if isinstance(features, int) and isinstance(heads, int) and heads > 0 and features % heads:
        yield f"model.features={features}: must be a multiple of model.heads={heads}"
    kinds = model.get("characteristics")
    if isinstance(kinds, list) and len(set(map(str, kinds))) < len(kinds):
        yield f"model.characteristics={kinds}: lists one twice"


def _target(config: Node, group: str) -> str:
    return str(_node(config, group).get("_target_", ""))


def _name(target: str) -> str:
    return target.rpartition(".")[2]


def _node(config: Node, key: str) -> Node:
    node = config.get(key)
    return node if isinstance(node, Mapping) else {}
