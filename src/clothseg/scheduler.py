"""Learning rate schedules in Lightning's format; torch is imported when one is built.

Each function returns None or a dictionary with ``scheduler`` and ``interval`` (`step` or `epoch`).
"""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from clothseg.metric.names import VALIDATION_LOSS, Monitor, improvement

if TYPE_CHECKING:
    from torch.optim import Optimizer

Schedule = dict[str, Any]
Factor = Annotated[float, Field(gt=0, lt=1)]
Gamma = Annotated[float, Field(gt=0, le=1)]
Divisor = Annotated[float, Field(ge=1)]


def none(optimizer: "Optimizer", steps: int) -> None:
    """Keep the learning rate constant; arguments as in :func:`onecycle`."""
    return


def plateau(
    optimizer: "Optimizer",
    steps: int,
    *,
    factor: Factor,
    patience: Annotated[int, Field(ge=0)],
    min_lr: Annotated[float, Field(ge=0)],
    monitor: Monitor = VALIDATION_LOSS,
) -> Schedule:
    """Lower the learning rate when a validation metric stagnates.

    Args:
        optimizer: optimizer to schedule.
        steps: number of steps of the entire training.
        factor: factor by which the learning rate is multiplied.
        patience: epochs without improvement before the reduction.
        min_lr: lower bound of the learning rate.
        monitor: the metric; the default is that of inacio2019, section IV.B.
    """
    from torch.optim.lr_scheduler import ReduceLROnPlateau

    scheduler = ReduceLROnPlateau(
        optimizer, improvement(monitor), factor=factor, patience=patience, min_lr=min_lr
    )
    return {"scheduler": scheduler, "interval": "epoch", "monitor": monitor}


def exponential(optimizer: "Optimizer", steps: int, *, gamma: Gamma) -> Schedule:
    """Multiply the learning rate by `gamma` after every epoch; other arguments as in `plateau`."""
    from torch.optim.lr_scheduler import ExponentialLR

    return {"scheduler": ExponentialLR(optimizer, gamma), "interval": "epoch"}


def inverse_time(
    optimizer: "Optimizer", steps: int, *, decay: Annotated[float, Field(gt=0)]
) -> Schedule:
    """Divide the learning rate by 1 + `decay` x step, as Keras' optimizers do.

    Other arguments as in `onecycle`. Source: castro2019, Table 3.
    """
    from torch.optim.lr_scheduler import LambdaLR

    return {
        "scheduler": LambdaLR(optimizer, lambda step: 1 / (1 + decay * step)),
        "interval": "step",
    }


def onecycle(
    optimizer: "Optimizer",
    steps: int,
    *,
    warmup: Factor,
    start_divisor: Divisor,
    end_divisor: Divisor,
) -> Schedule:
    """Raise the learning rate to that of the optimizer, then anneal it along a cosine.

    Args:
        optimizer: optimizer to schedule; its learning rate is the peak.
        steps: number of steps of the entire training.
        warmup: fraction of the steps in which the learning rate rises.
        start_divisor: the initial learning rate is the peak divided by this.
        end_divisor: the final learning rate is the initial one divided by this.

    Source: Smith and Topin, Super-convergence, 2018.
    """
    from torch.optim.lr_scheduler import OneCycleLR

    peak = [group["lr"] for group in optimizer.param_groups]
    scheduler = OneCycleLR(
        optimizer,
        peak,
        total_steps=steps,
        pct_start=warmup,
        div_factor=start_divisor,
        final_div_factor=end_divisor,
    )
    return {"scheduler": scheduler, "interval": "step"}


def multistep(
    optimizer: "Optimizer",
    steps: int,
    *,
    milestones: list[Annotated[int, Field(ge=1)]],
    gamma: Gamma,
) -> Schedule:
    """Multiply the learning rate by `gamma` after each number of epochs in `milestones`."""
    from torch.optim.lr_scheduler import MultiStepLR

    return {"scheduler": MultiStepLR(optimizer, milestones, gamma), "interval": "epoch"}
