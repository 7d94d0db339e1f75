"""Loggers of the epochs and results of runs.

Each file of `conf/logger` targets one of these functions; any number of loggers can be combined.
Each function returns a :class:`clothseg.logger.tracker.Tracker`, which logs one run.
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from clothseg.extras import require_extra

if TYPE_CHECKING:
    from clothseg.logger.tracker import Tracker

_NAME = Field(min_length=1, max_length=128, pattern=r"^[^/\\#?%:]+$")
Project = Annotated[str, _NAME]
"""Name of a project at Weights & Biases."""
Entity = Annotated[str, _NAME]
"""Name of a user or team there."""


def csv() -> "Tracker":
    """Log nothing: every run writes `history.csv`; accepted because earlier versions needed it."""
    from clothseg.logger.tracker import Tracker

    return Tracker()


def tensorboard() -> "Tracker":
    """Log the scores of every epoch and the final figures as event files in the run folder."""
    require_extra("tensorboard", "logger=tensorboard")
    from clothseg.logger.tensorboard_tracker import TensorBoardTracker

    return TensorBoardTracker()


def wandb(
    *,
    mode: Literal["offline", "online", "disabled"],
    project: Project,
    entity: Entity | None,
    tags: list[Annotated[str, Field(min_length=1, max_length=64)]],
    artifact: bool,
    finish_timeout: Annotated[int, Field(ge=1)],
) -> "Tracker":
    """Log each job, and the summary of all folds, as a Weights & Biases run.

    Args:
        mode: `offline` writes files for `wandb sync`, without an API key or a network; `online`
            uploads immediately; `disabled` does nothing.
        project: the project of the runs.
        entity: the user or team that owns the project; None for the account's default.
        tags: tags of the runs.
        artifact: store the best checkpoint as an artifact of type `model`.
        finish_timeout: seconds to wait for uploads at the end of an online run.
    """
    from clothseg.logger.tracker import Tracker
    from clothseg.logger.wandb_tracker import WandbTracker

    if mode == "disabled":
        return Tracker()
    require_extra("wandb", "logger=wandb")
    return WandbTracker(mode, project, entity, tags, artifact, finish_timeout)


def lightning(
    *,
    name: Literal[
        "CSVLogger",
        "CometLogger",
        "MLFlowLogger",
        "NeptuneLogger",
        "TensorBoardLogger",
        "WandbLogger",
    ],
    arguments: dict[str, Any],
) -> "Tracker":
    """Log to any logger of PyTorch Lightning, such as MLflow, Comet or Neptune.

    Args:
        name: class in `pytorch_lightning.loggers`.
        arguments: keyword arguments of the class; `{folder}`, `{name}`, `{group}` and
            `{signature}` in strings are replaced by those of the run.
    """
    from clothseg.logger.lightning_tracker import LightningTracker, shipped_logger

    return LightningTracker(shipped_logger(name, arguments), name)
