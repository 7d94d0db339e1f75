"""Exponential moving average (EMA) of the weights, which often outperforms the final weights."""

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor

from clothseg.task.training import Training

Tensors = Sequence[Tensor]


class ExponentialMovingAverage(WeightAveraging):
    """EMA of weights and running statistics that is validated, saved and tested.

    Args:
        decay: decay of the average per step, (0, 1). It is limited to (1 + n) / (10 + n) at
            step n, so that a short training forgets the initial weights.

    Source: Tarvainen and Valpola, Mean teachers, 2017; the warmup is that of TensorFlow's
        `ExponentialMovingAverage` with `num_updates`.
    """

    def __init__(self, decay: float) -> None:
        def update(average: Tensors, current: Tensors, steps: Tensor | int) -> None:
            weight = max(1 - decay, 9 / (10 + int(steps)))
            if average[0].is_floating_point():
                torch._foreach_lerp_(list(average), list(current), weight)  # equal stays equal
            else:  # step counters of batch normalization
                torch._foreach_copy_(list(average), list(current))

        super().__init__(multi_avg_fn=torch.no_grad()(update))

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Start the average from the initial weights, on the device used for training."""
        self._device = trainer.strategy.root_device
        super().setup(trainer, pl_module, stage)
        if isinstance(pl_module, Training):
            pl_module.checkpoint_weights = self.weights

    def weights(self) -> dict[str, Any]:
        """Return the averaged state dict, with the names of the module's own weights."""
        assert self._average_model is not None
        return self._average_model.module.state_dict()

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Synchronize the running statistics before the average replaces the weights.

        A checkpoint stores the statistics of one process only, and a resumed run must match this
        one.
        """
        assert isinstance(pl_module, Training)
        pl_module.average_statistics()
        super().on_validation_epoch_start(trainer, pl_module)
