"""Loading of recorded runs: configuration, and networks with the weights of the best epoch."""

import re
from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from clothseg import build
from clothseg.checkpoint import BEST, FOLDER, read_checkpoint
from clothseg.config.run_config import RunConfig
from clothseg.config.source_code import code_hashes
from clothseg.error import ConfigError, DataError, shortened
from clothseg.quick_imports import quick_imports
from clothseg.run.content import UNFINISHED, require_unchanged
from clothseg.run.own_code import used_packages
from clothseg.run.record import Record
from clothseg.task import Parsing
from clothseg.terminal.screen import say

if TYPE_CHECKING:
    from torch import Tensor, nn

    from clothseg.dataset import Reader
    from clothseg.task.image_network import ImageNetwork
    from clothseg.task.parser import Parser
    from clothseg.task.segmenter import Segmenter


def recorded_config(run: Path, trust: Sequence[str], cache: str = "outputs/cache") -> RunConfig:
    """Read and check the configuration of a run that has a best epoch.

    Settings that affect training only, or that do not pay off for a few images, are reset, and so
    are the weights that training began with, whose files are not needed any more. Reset is also
    everything that would let the author of a record decide where files are written or to whom
    results are sent: the loggers, and the folders of results and of the cache. If a package of the
    user's own has changed since the run, a warning says so.

    Args:
        run: run folder.
        trust: packages whose functions the configuration may use.
        cache: folder of decoded images.

    Raises:
        ConfigError: the folder contains no such run.
    """
    record = Record(run)
    config = _checked(record, trust, cache)
    if not record.best_checkpoint.is_file():
        raise ConfigError(
            [f"run={run}: no {record.best_checkpoint}; the run has not finished an epoch yet"]
        )
    warn_if_code_changed(record, config)
    plain = {"sync_batchnorm": False, "ema_decay": None, "compile": False}
    trainer = {key: value for key, value in plain.items() if key in config.trainer.arguments}
    start = {"weights": None} if "weights" in config.backbone.arguments else {}
    return config.changed(trainer=trainer, data={"sampling": "uniform"}, backbone=start)


def _checked(record: Record, trust: Sequence[str], cache: str = "outputs/cache") -> RunConfig:
    """Check the configuration of a record, without what its author must not decide."""
    recorded = record.config["config"]
    own = {"trust": list(trust), "logger": {}, "output": "outputs"}
    return RunConfig.of({**recorded, **own, "data": {**recorded["data"], "cache": cache}})


def recorded_reader(config: RunConfig, key: str = "root", given: Collection[str] = ()) -> "Reader":
    """Build the reader of a recorded dataset, whose images must exist.

    Args:
        config: configuration of a recorded run.
        key: key of the command for the folder of the dataset.
        given: names of the sources whose folder the command states; "" for a dataset without any.

    Raises:
        DataError: they would have to be rendered first, in a folder that the record names.
    """
    reader = build.build_dataset(config)
    for name, part in reader.parts.items():
        if part.ready or name in given:
            continue
        raise DataError(
            f"the images of the run's dataset are not in {part.root.parent}, the folder that its "
            f"record names; {key}=<folder> says where they are, or where to render them"
        )
    return reader


def with_root(config: RunConfig, root: str | dict[str, str]) -> RunConfig:
    """Set the root folder of a recorded dataset, or those of the sources of a merged dataset.

    Raises:
        ConfigError: the folders do not fit the dataset.
    """
    sources = config.plain["dataset"].get("sources", {})
    if isinstance(root, str) and not sources:
        return config.changed(dataset={"root": root})
    if isinstance(root, dict) and root and not root.keys() - sources.keys():
        moved = {name: {**sources[name], "root": folder} for name, folder in root.items()}
        return config.changed(dataset={"sources": {**sources, **moved}})
    parts = ", ".join(f"{name}: <folder>" for name in sources)
    form = f"'root={{{parts}}}'" if sources else "root=<folder>"
    raise ConfigError([f"root={root}: does not fit the dataset of this run; write {form}"])


def given_sources(root: str | Mapping[str, str] | None) -> set[str]:
    """Names of the sources whose folder a command states; "" for a dataset without any."""
    return {""} if isinstance(root, str) else {*(root or ())}


def warn_if_unfinished(runs: Sequence[Path]) -> None:
    """Print a warning for each unfinished run, whose weights may differ from the final ones."""
    for run in runs:
        state = (Record(run).status or {}).get("state", "")
        if state != "done":
            description = UNFINISHED.get(state, "has an unknown state")
            say(f"warning: {run} {description}; using its best epoch so far")


def warn_if_code_changed(record: Record, config: RunConfig) -> None:
    """Print a warning for each package of the user's own that differs from that of a run.

    Args:
        record: record of the run.
        config: its checked configuration.
    """
    packages = used_packages(config)
    if not packages:
        return
    recorded = record.environment.get("own_code", {})
    for package, digest in code_hashes(packages).items():
        if package not in recorded:
            say(
                f"warning: {record.folder} does not record the source of {package}, so a change of "
                "it since the run cannot be noticed"
            )
        elif recorded[package] != digest:
            say(
                f"warning: {package} has changed since {record.folder} was trained with it; the "
                "results may differ from those of the run"
            )


def short_name(run: Path) -> str:
    """Short unique name of a run: `<model>-<backbone>/<signature>[/fold-<k>]`."""
    parts = run.resolve().parts[1:]
    count = 3 if re.fullmatch(r"fold-\d+", parts[-1]) else 2
    return "/".join(parts[-count:])


def ensemble_members(run: Path, ensemble: str, trust: Sequence[str]) -> list[Path]:
    """Run folders of the networks in an ensemble.

    Args:
        run: a run folder; for `folds` the run folder of any fold, or their parent folder.
        ensemble: `none`, or `folds` for all folds of the cross-validation.
        trust: packages whose functions the configuration may use.

    Raises:
        ConfigError: there are no folds, or some are missing.
    """
    if ensemble == "none":
        return [run]
    folder = run.parent if (run / "config.yaml").is_file() else run
    fold_folders = [p for p in folder.glob("fold-*") if re.fullmatch(r"fold-\d+", p.name)]
    found = sorted(fold_folders, key=lambda path: int(path.name[5:]))
    folds = _checked(Record(found[0]), trust).folds if found else None
    if folds is None:
        raise ConfigError([f"ensemble=folds: {folder} contains no folds of a cross-validation"])
    present = {path.name for path in found if Record(path).best_checkpoint.is_file()}
    missing = [str(fold) for fold in range(folds) if f"fold-{fold}" not in present]
    if missing:
        raise ConfigError(
            [f"ensemble=folds: fold {', '.join(missing)} of {folds} is missing; train it first"]
        )
    return found


def load_segmenter(
    config: RunConfig,
    runs: Sequence[Path],
    tta: str,
    scales: Sequence[float],
) -> "Segmenter":
    """Build the networks of one or more runs with the weights of their best epochs.

    Args:
        config: configuration of the first run.
        runs: run folders whose networks are averaged.
        tta: `none`, or `flip` to average over each image and its horizontal flip.
        scales: input scales to average over, relative to the image size.

    Raises:
        ConfigError: a scale does not fit the network.
        DataError: a checkpoint is damaged, or belongs to a different network.
    """
    with quick_imports():
        import_module("segmentation_models_pytorch")  # the slowest of what networks are built from
        from clothseg.model.tta import AveragedPredictions, require_scales

    segmenters = [build.build_segmenter(config) for _ in runs]
    for segmenter, run in zip(segmenters, runs, strict=True):
        load_best(segmenter.network, Record(run))
    first = segmenters[0]
    network = first.network
    require_scales(scales, config.data.frame.size, network.stride, network.sizes)
    if (tta, list(scales), len(runs)) != ("none", [1.0], 1):
        flip_table = config.labels.flip_table if tta == "flip" else None
        networks = [segmenter.network for segmenter in segmenters]
        first.set_submodule("network", AveragedPredictions(networks, flip_table, scales))
    return first


def load_parser(
    config: RunConfig, runs: Sequence[Path], tta: str, scales: Sequence[float]
) -> "Parser":
    """Build the network for human parsing of a run with the weights of its best epoch.

    Raises:
        ConfigError: several runs, flips or scales are to be averaged.
        DataError: the checkpoint is damaged, or belongs to a different network.
    """
    problems = {
        f"tta={tta}": tta != "none",
        f"scales={list(scales)}": list(scales) != [1.0],
        "ensemble=folds": len(runs) > 1,
    }
    reason = (
        "not for task=parsing: the people that a network finds in an image, in its flip or at "
        "another scale are not in the same order, so that their masks cannot be averaged"
    )
    if refused := [f"{option}: {reason}" for option, is_set in problems.items() if is_set]:
        raise ConfigError(refused)
    parser = build.build_parser(config)
    load_best(parser.network, Record(runs[0]))
    return parser


def load_network(
    config: RunConfig, runs: Sequence[Path], tta: str, scales: Sequence[float]
) -> "ImageNetwork":
    """Load the network of any task; arguments and errors as in :func:`load_segmenter`."""
    load = load_parser if isinstance(config.task, Parsing) else load_segmenter
    return load(config, runs, tta, scales)


def load_best(network: "nn.Module", record: Record) -> None:
    """Load the weights of a run's best epoch.

    Raises:
        DataError: the checkpoint is damaged, belongs to a different network, or its weights are
            not finite.
    """
    try:
        network.load_state_dict(best_state(record))
    except RuntimeError as error:
        lines = (line.strip() for line in str(error).splitlines()[1:3])
        differing = "; ".join(map(shortened, lines))
        path = record.best_checkpoint
        raise DataError(f"{path} does not match the network of config.yaml: {differing}") from error


def best_state(record: Record) -> "dict[str, Tensor]":
    """Read the network's tensors of a run's best epoch.

    Raises:
        DataError: the checkpoint is damaged, or its weights are not finite.
    """
    require_unchanged(record.folder, f"{FOLDER}/{BEST}")
    path = record.best_checkpoint
    state = read_checkpoint(path)["state_dict"]
    names = [name for name in state if name.startswith(NETWORK)]
    return {name.removeprefix(NETWORK): state[name] for name in names}


NETWORK = "network."
"""Prefix of the network's tensors in a checkpoint."""
