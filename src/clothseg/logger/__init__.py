"""Where the epochs and results of runs are logged.

A file of `conf/logger` names one of these functions; any number of them can be chosen together.
Each gives a :class:`clothseg.logger.tracker.Tracker`, which follows one run.
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from clothseg.extras import require_extra

if TYPE_CHECKING:
    from clothseg.logger.tracker import Tracker


def csv() -> "Tracker":
    """A table of all epochs in the run folder: `history.csv`."""
    from clothseg.logger.csv_tracker import CsvTracker

    return CsvTracker()


def tensorboard() -> "Tracker":
    """Event files in the run folder's `tensorboard`: scores of every epoch, figures at the end."""
    require_extra("tensorboard", "logger=tensorboard")
    from clothseg.logger.tensorboard_tracker import TensorBoardTracker

    return TensorBoardTracker()


def wandb(
    *,
    mode: Literal["offline", "online", "disabled"],
    project: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^/\\#?%:]+$")],
    entity: str | None,
    tags: list[Annotated[str, Field(min_length=1, max_length=64)]],
    artifact: bool,
    finish_timeout: Annotated[int, Field(ge=1)],
) -> "Tracker":
    """A run of Weights & Biases for each job, and one for the summary of all folds.

    Args:
        mode: `offline` writes files that `wandb sync` uploads, and needs neither key nor network;
            `online` uploads at once; `disabled` does nothing.
        project: the project that the runs belong to.
        entity: the user or team that owns the project; None leaves it to the account.
        tags: words to find the runs by.
        artifact: store the best checkpoint as an artifact of type `model`.
        finish_timeout: seconds that the end of an online run waits for uploads.
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
    """Any logger of PyTorch Lightning, such as that of MLflow, Comet or Neptune.

    Args:
        name: a class of `pytorch_lightning.loggers`.
        arguments: keyword arguments of the class; in texts `{folder}`, `{name}`, `{group}` and
            `{signature}` stand for those of the run.
    """
    from clothseg.logger.lightning_tracker import LightningTracker, shipped_logger

    return LightningTracker(shipped_logger(name, arguments), name)
