"""Configurations that were tested, and their predictions of test images at the original size."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clothseg.commands.report.runs import recorded_runs
from clothseg.config.run_config import RunConfig
from clothseg.config.schema import Preparation
from clothseg.config.settings import Report
from clothseg.config.suggestion import did_you_mean
from clothseg.error import ConfigError, DataError, abbreviate, shortened
from clothseg.metric.average import nan_mean
from clothseg.metric.class_scores import class_scores, count_scores
from clothseg.run.content import UNFINISHED
from clothseg.run.folders import configuration_folder
from clothseg.run.names import run_names
from clothseg.run.record import Record
from clothseg.run.restore import (
    given_sources,
    load_segmenter,
    recorded_config,
    recorded_reader,
    with_root,
)
from clothseg.run.tables import IMAGE_SCORES, read_image_scores
from clothseg.terminal.screen import progress_bar, say
from clothseg.trainer import evaluation_device

REPORT_SIZE: dict[str, Any] = {"longest_side": 360, "max_pixels": math.inf}
"""Size of the pictures in a figure, see :func:`clothseg.report.predictions.draw_predictions`."""

PARSING = "clothseg.task.parsing"
"""Task whose predictions these figures do not show."""


@dataclass(frozen=True)
class ScoredImage:
    """Test image of a run.

    Args:
        run: the run that was tested on it.
        counts: pixels of each class that are true positives, false positives and false negatives,
            int64 [3,K], at the size of the network's input.
    """

    run: Record
    counts: np.ndarray

    @property
    def iou(self) -> np.ndarray:
        """IoU of each class, float64 [K]; NaN for a class that is in neither mask."""
        return count_scores(self.counts).iou

    @property
    def mean_iou(self) -> float:
        """Mean over the classes that are in one of the masks; NaN if all pixels are ignored."""
        return float(nan_mean(self.iou))


@dataclass(frozen=True)
class Configuration:
    """Configuration whose runs were tested on different images: the folds, or a single run.

    Args:
        name: what distinguishes the configuration from others.
        config: configuration of its first run.
        images: test images by name.
    """

    name: str
    config: RunConfig
    images: Mapping[str, ScoredImage]


@dataclass(frozen=True)
class Segmented:
    """Image of a dataset at its original size, as segmented by each configuration.

    Args:
        name: name of the image.
        image: RGB uint8 [H,W,3].
        ground_truth: class ids uint8 [H,W], 255 = ignore.
        masks: predicted class ids uint8 [H,W] of each configuration.
        classes: number of classes K.
    """

    name: str
    image: np.ndarray
    ground_truth: np.ndarray
    masks: Sequence[np.ndarray]
    classes: int

    def matrix(self, index: int) -> np.ndarray:
        """Confusion matrix of a configuration, int64 [K,K]; rows are the ground truth."""
        import torch

        from clothseg.metric.confusion import image_confusion

        found, true = (torch.from_numpy(m)[None] for m in (self.masks[index], self.ground_truth))
        return np.asarray(image_confusion(found, true, self.classes)[0])

    def iou(self, index: int) -> np.ndarray:
        """IoU of each class by a configuration, float64 [K]; NaN for a class in neither mask."""
        return class_scores(self.matrix(index)).iou


def find_configurations(settings: Report) -> list[Configuration]:
    """Find the tested configurations below a folder, see :func:`configurations_of`."""
    return configurations_of(recorded_runs(Path(settings.runs)), settings)


def configurations_of(runs: Sequence[Record], settings: Report) -> list[Configuration]:
    """Group tested runs by configuration; warn of those without scores of their images.

    Args:
        runs: records of the runs.
        settings: settings of the report.

    Raises:
        ConfigError: a run uses packages that are not trusted, or `root` does not fit it.
        DataError: there is none, or they differ in dataset, labels or crop.
    """
    groups: dict[Path, dict[str, ScoredImage]] = {}
    first: dict[Path, Record] = {}
    for run in runs:
        if reason := _unusable(run):
            say(f"warning: left out: {reason}")
            continue
        try:
            scores = read_image_scores(run.folder)
        except DataError as error:
            say(f"warning: left out: {error}")
            continue
        group = configuration_folder(run.folder)
        first.setdefault(group, run)
        images = zip(scores.names.tolist(), scores.counts, strict=True)
        groups.setdefault(group, {}).update({n: ScoredImage(run, c) for n, c in images})
    if not groups:
        raise DataError(
            f"runs={settings.runs}: no run in this folder or below is finished and has the scores "
            "of its test images"
        )
    names = run_names(list(first.values()), folds=False)
    configs = [_config(run, settings) for run in first.values()]
    found = [
        Configuration(name, config, images)
        for name, config, images in zip(names, configs, groups.values(), strict=True)
    ]
    _require_same_images(found, settings.runs)
    _require_classes(found)
    return found


def _unusable(run: Record) -> str | None:
    """Explain why a run has no test images that can be segmented; None if it has."""
    state = (run.status or {}).get("state", "")
    if state != "done":
        return f"{run.folder} {UNFINISHED.get(state, 'has an unknown state')}"
    if not run.best_checkpoint.is_file():
        return f"{run.folder} has no {run.best_checkpoint.name}"
    if run.config["config"].get("task", {}).get("_target_") == PARSING:
        return f"{run.folder} is of human parsing, whose people its figures/people.png shows"
    return None


def _config(run: Record, settings: Report) -> RunConfig:
    """Read the configuration of a run, with the folder of the dataset that the settings state.

    Raises:
        ConfigError: every problem begins with the folder of the run.
    """
    try:
        config = recorded_config(run.folder, settings.trust, settings.cache)
        return config if settings.root is None else with_root(config, settings.root)
    except ConfigError as error:
        raise ConfigError([f"{run.folder}: {problem}" for problem in error.problems]) from error


def _require_same_images(tested: Sequence[Configuration], folder: str) -> None:
    """Check that all configurations see the same images with the same labels.

    Raises:
        DataError: names two that do not.
    """
    one = tested[0]
    for other in tested[1:]:
        differing = [
            what
            for what, mine, theirs in (
                ("labels", one.config.labels, other.config.labels),
                ("dataset", _dataset(one.config), _dataset(other.config)),
                ("crop to the person", _crop(one.config), _crop(other.config)),
            )
            if mine != theirs
        ]
        if differing:
            raise DataError(
                f"runs={folder}: {shortened(one.name) or 'one run'} and "
                f"{shortened(other.name) or 'another'} differ in {' and '.join(differing)}; select "
                "a folder with runs on the same images"
            )


def _require_classes(tested: Sequence[Configuration]) -> None:
    """Check that images have scores of the classes of their configuration.

    Raises:
        DataError: names a run whose images have others.
    """
    for one in tested:
        for image in one.images.values():
            if image.counts.shape[1] != len(one.config.labels):
                raise DataError(
                    f"{image.run.folder / IMAGE_SCORES} has scores of {image.counts.shape[1]} "
                    f"classes, but its config.yaml {len(one.config.labels)}; rerun=true trains the "
                    "run again and moves the old record aside"
                )


def _dataset(config: RunConfig) -> Mapping[str, object]:
    """Keys of a dataset that decide which images it has, wherever its files are."""
    node = config.plain["dataset"]
    irrelevant = {"root", *Preparation.model_fields}
    relevant = {key: value for key, value in node.items() if key not in irrelevant}
    sources = node.get("sources", {})
    bare = {n: {k: v for k, v in s.items() if k != "root"} for n, s in sources.items()}
    return relevant | {"sources": bare}


def _crop(config: RunConfig) -> Sequence[object]:
    """Keys that decide how images are cropped to persons."""
    preparation = config.preparation
    if preparation.crop == "none":
        return ()
    detector = preparation.detector if preparation.crop == "detector" else ""
    return preparation.crop, preparation.crop_margin, detector


def segment(
    tested: Sequence[Configuration],
    names: Sequence[str],
    root: str | Mapping[str, str] | None = None,
) -> list[Segmented]:
    """Segment images at their original size with the runs that were tested on them.

    Args:
        tested: the configurations, which see the same images.
        names: names of test images of all of them.
        root: folder of the dataset if the command states it; for a merged dataset, by source.

    Raises:
        DataError: an image or a checkpoint is missing or damaged.
    """
    config = tested[0].config
    reader = recorded_reader(config, given=given_sources(root))
    table = config.labels.lookup_table(reader.names)
    chosen = set(names)
    pairs = {s.name: reader.read(s) for s in reader.samples() if s.name in chosen}
    if missing := [name for name in names if name not in pairs]:
        raise DataError(
            f"{reader.root} lacks test images of the runs: {abbreviate(missing)}; root=<folder> "
            "says where the dataset is"
        )
    with progress_bar("segmenting", len(tested) * len(names)) as advance:
        masks = [
            dict(_masks(one, names, {name: pairs[name][0] for name in names}, advance))
            for one in tested
        ]
    classes = len(config.labels)
    return [
        Segmented(name, pairs[name][0], table[pairs[name][1]], [m[name] for m in masks], classes)
        for name in names
    ]


def _masks(
    tested: Configuration,
    names: Sequence[str],
    images: Mapping[str, np.ndarray],
    advance: Callable[[float], None],
) -> Iterable[tuple[str, np.ndarray]]:
    """Yield the names and the masks of images, run by run."""
    by_run: dict[Path, list[str]] = {}
    for name in names:
        by_run.setdefault(tested.images[name].run.folder, []).append(name)
    frame = tested.config.data.frame
    device = evaluation_device(tested.config.execution.accelerator, 0)
    for folder, own in by_run.items():
        segmenter = load_segmenter(tested.config, [folder], "none", [1.0]).to(device)
        for name in own:
            placement = frame.placement(*images[name].shape[:2])
            yield name, segmenter.predict(placement.image(images[name])[None], placement)[0]
            advance(1)


def require_images(tested: Sequence[Configuration], names: Sequence[str]) -> None:
    """Check that images are test images of all configurations.

    Raises:
        ConfigError: lists those that are not.
    """
    for one in tested:
        if missing := [name for name in names if name not in one.images]:
            whose = f"of {shortened(one.name)}" if one.name else "of the run"
            hint = did_you_mean(missing[0], one.images)
            raise ConfigError(
                [f"images: not in the test part {whose}: {abbreviate(missing)}; {hint}"]
            )
