"""Construction of trainings: task, loss, trainer and trackers."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothseg.build.network import parser_arguments, segmenter_arguments
from clothseg.config.run_config import RunConfig
from clothseg.metric.names import costly_keys
from clothseg.task import Parsing

if TYPE_CHECKING:
    from pytorch_lightning import Callback, Trainer

    from clothseg.logger.tracker import Tracker
    from clothseg.loss.class_weights import ClassPixels
    from clothseg.loss.pixelwise import PixelLoss
    from clothseg.model.network import Network
    from clothseg.task.training import Training


def build_task(config: RunConfig, pixels: "ClassPixels | None" = None) -> "Training":
    """Build the Lightning module with a newly initialized network.

    Args:
        config: the checked configuration.
        pixels: class frequencies of the training set; required by losses with class weights.
    """
    from clothseg.task.human_parsing import HumanParsing
    from clothseg.task.semantic_segmentation import SemanticSegmentation

    shared: dict[str, Any] = {
        "seed": config.seed,
        "optimizer": config.optimizer.given,
        "scheduler": config.scheduler,
        "costly": {*costly_keys(_monitors(config)), *config.metric.validation},
    }
    if isinstance(config.task, Parsing):
        return HumanParsing(**parser_arguments(config), **shared, loss=config.loss.given(pixels))
    parts = segmenter_arguments(config)
    return SemanticSegmentation(
        **parts,
        **shared,
        loss=_supervised(build_loss(config, pixels), parts["network"]),
        train_scores=config.metric.train,
    )


def build_loss(config: RunConfig, pixels: "ClassPixels | None") -> "PixelLoss":
    """Build the loss; a plain one of the user's own is adapted."""
    from clothseg.loss.plain import as_loss

    return as_loss(config.loss.given(pixels))


def _supervised(loss: "PixelLoss", network: "Network") -> "PixelLoss":
    """Apply a loss to the auxiliary outputs of a network, too, if it has any."""
    from clothseg.loss.combined import DeepSupervision

    return DeepSupervision(loss, network.output_weights) if network.output_weights else loss


def _monitors(config: RunConfig) -> list[str]:
    """Metrics that the callbacks and the schedule of a run monitor."""
    calls = [*config.callbacks.values(), config.scheduler]
    return [call.arguments["monitor"] for call in calls if "monitor" in call.arguments]


def build_trainer(
    config: RunConfig, folder: Path, observers: "list[Callback]", world_size: int = 1
) -> "Trainer":
    """Build the trainer with the configured callbacks and the run's own observers.

    Args:
        config: the checked configuration.
        folder: run folder.
        observers: callbacks that are called before the configured ones.
        world_size: number of processes of the run.
    """
    callbacks = [callback for call in config.callbacks.values() for callback in call(folder)]
    trainer: Trainer = config.trainer([*observers, *callbacks], world_size)
    return trainer


def build_trackers(config: RunConfig) -> "list[Tracker]":
    """Build the configured loggers; none for records older than the group `logger`.

    A user's own function may return a PyTorch Lightning logger, which is adapted.
    """
    return [_tracker(name, call()) for name, call in config.logger.items()]


def _tracker(name: str, built: Any) -> "Tracker":
    from clothseg.logger.lightning_tracker import LightningTracker
    from clothseg.logger.tracker import Tracker

    return built if isinstance(built, Tracker) else LightningTracker(lambda subject: built, name)
