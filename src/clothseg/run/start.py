"""Start of a training from the network of a recorded run, for fine-tuning on another dataset."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothseg import build
from clothseg.config.run_config import RunConfig
from clothseg.error import ConfigError, DataError, shortened
from clothseg.run.content import SPLIT
from clothseg.run.record import Record
from clothseg.run.restore import best_state, recorded_config, warn_if_unfinished
from clothseg.task import Parsing

if TYPE_CHECKING:
    from clothseg.model.network import Network
    from clothseg.split import Split

FREE_KEYS = ("dropout", "batchnorm_momentum", "frozen", "characteristics")
"""Keys of a model that may differ, because they do not change what the weights mean, or because
the heads that they change are new."""


HEADS = "body.semantic."
"""Prefix of the layers of the heads of human parsing, by the name of their map."""


@dataclass(frozen=True)
class Start:
    """Recorded run from whose best epoch a training starts.

    Args:
        folder: run folder.
        digest: SHA-256 of its `best.ckpt`.
        classes: class names of the run in id order.
        same_dataset: whether the run has been trained on the same files.
        values: names of the values of each map of human parsing; empty for another task.
    """

    folder: Path
    digest: str
    classes: list[str]
    same_dataset: bool = False
    values: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def plain(self) -> dict[str, Any]:
        """The run and its hash, for a record."""
        return {"run": str(self.folder), "sha256": self.digest, "same_dataset": self.same_dataset}

    def seen(self, split: "Split") -> int:
        """Return the number of test images that the run was trained or selected with."""
        if not self.same_dataset or not (self.folder / SPLIT).is_file():
            return 0
        recorded = Record(self.folder).split
        return len({*split.test} & {*recorded.train, *recorded.validation})


def start_config(config: RunConfig) -> RunConfig:
    """Read the configuration of the run that `init_from` names, and compare the networks.

    Raises:
        ConfigError: no such run, or its network differs; lists every difference.
    """
    folder = Path(str(config.init_from))
    try:
        recorded = recorded_config(folder, config.trust)
    except ConfigError as error:
        problems = [problem.removeprefix("run=") for problem in error.problems]
        raise ConfigError([f"init_from: {problem}" for problem in problems]) from error
    problems = [
        f"init_from: {key}={ours}, but {folder} has {theirs}; the networks must be equal"
        for key, ours, theirs in _differences(config.plain, recorded.plain)
    ]
    if weights := config.plain["backbone"].get("weights"):
        problems.append(
            f"init_from: replaces all weights, so backbone.weights={weights} would have no effect; "
            "set backbone.weights=null"
        )
    if problems:
        raise ConfigError(problems)
    warn_if_unfinished([folder])
    return recorded


def open_start(folder: Path, recorded: RunConfig, same_dataset: bool) -> Start:
    """Hash the checkpoint of a run that fits; arguments as in :class:`Start`."""
    with Record(folder).best_checkpoint.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    values = build.map_values(recorded) if isinstance(recorded.task, Parsing) else {}
    return Start(folder, digest, list(recorded.labels.names), same_dataset, values)


def load_start(network: "Network", config: RunConfig, start: Start) -> list[str]:
    """Load the weights of a run, without the classifier if the classes differ.

    Args:
        network: newly initialized network of `config`.
        config: the checked configuration.
        start: the run.

    Returns:
        What was done, one sentence each, for the log.

    Raises:
        DataError: the checkpoint is damaged, has changed since the command was checked, or belongs
            to a different network.
    """
    record = Record(start.folder)
    if open_start(start.folder, config, False).digest != start.digest:
        raise DataError(f"{record.best_checkpoint} has changed since the command was started")
    state, own = best_state(record), network.state_dict()
    sentences = [f"starts from the best epoch of {start.folder}"]
    new: set[str] = set()
    if isinstance(config.task, Parsing):
        new, told = _new_heads({*state, *own}, build.map_values(config), start.values)
        sentences += told
    elif start.classes != list(config.labels.names):
        new = _layers_of_classes(network, config)
        count, other = len(config.labels.names), len(start.classes)
        has = f"{other}" if count != other else f"{other} others"
        sentences.append(f"head for {count} classes is new: the run has {has}")
    kept = {layer: tensor for layer, tensor in state.items() if layer not in new}
    differing = sorted(
        layer
        for layer in {*kept, *own} - new
        if layer not in kept or layer not in own or kept[layer].shape != own[layer].shape
    )
    if differing:
        raise DataError(
            f"{record.best_checkpoint} does not match the network, in {len(differing)} layers, "
            f"such as {shortened(differing[0])}"
        )
    network.load_state_dict(own | {layer: kept[layer] for layer in kept if layer in own})
    return sentences


def _layers_of_classes(network: "Network", config: RunConfig) -> set[str]:
    """Layers whose shape depends on the number of classes: the classifier and auxiliary ones."""
    import torch

    with torch.random.fork_rng():
        larger = build.build_network(config, len(config.labels.names) + 1).state_dict()
    own = network.state_dict()
    return {layer for layer, tensor in larger.items() if tensor.shape != own[layer].shape}


def _new_heads(
    layers: Collection[str], own: Mapping[str, list[str]], other: Mapping[str, list[str]]
) -> tuple[set[str], list[str]]:
    """Find the layers of heads that a run of human parsing lacks, has too many, or has for others.

    Args:
        layers: names of the layers of both networks.
        own: names of the values of each map of the new network.
        other: those of the run.

    Returns:
        The layers that are not taken from the run, and a sentence about each new head.
    """
    new: set[str] = set()
    sentences = []
    for kind in {**own, **other}:
        if own.get(kind) == other.get(kind):
            continue
        # The last layer of a head depends on the number of values.
        part = f"{HEADS}{kind}." + ("1." if kind in own and kind in other else "")
        new |= {layer for layer in layers if layer.startswith(part)}
        if kind in own:
            has = "others" if kind in other else "none"
            sentences.append(f"head of {kind} is new: the run has {has}")
    return new, sentences


def _differences(ours: Any, theirs: Any) -> list[tuple[str, Any, Any]]:
    """Dotted keys that decide what the weights mean, with both values, where these differ."""
    keys = [("model", key) for key in sorted({*ours["model"], *theirs["model"]} - {*FREE_KEYS})]
    keys += [("backbone", "name"), ("data", "normalization")]
    pairs = [
        (f"{group}.{key}", ours[group].get(key), theirs[group].get(key)) for group, key in keys
    ]
    return [(key, mine, other) for key, mine, other in pairs if mine != other]
