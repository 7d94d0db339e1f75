"""An exponential running average of the weights, which scores better than the last weights do."""

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor

from clothseg.task.semantic import SemanticSegmentation

Tensors = Sequence[Tensor]


class ExponentialMovingAverage(WeightAveraging):
    """Validates, keeps and tests an average of the weights and running statistics of all steps.

    Args:
        decay: what is left of the average at each step, (0, 1). It starts lower, so that the
            first weights are forgotten in a short training: (1 + n) / (10 + n) at step n.

    Source: Tarvainen and Valpola, Mean teachers, 2017; the start is TensorFlow's
        `ExponentialMovingAverage` with a number of updates.
    """

    def __init__(self, decay: float) -> None:
        def move(average: Tensors, current: Tensors, steps: Tensor | int) -> None:
            share = max(1 - decay, 9 / (10 + int(steps)))
            if average[0].is_floating_point():
                torch._foreach_lerp_(list(average), list(current), share)  # equal values stay equal
            else:  # counters of batch normalisation
                torch._foreach_copy_(list(average), list(current))

        super().__init__(multi_avg_fn=torch.no_grad()(move))

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Start the average with the first weights, on the device that they will be moved to."""
        self._device = trainer.strategy.root_device
        super().setup(trainer, pl_module, stage)
        if isinstance(pl_module, SemanticSegmentation):
            pl_module.kept_weights = self.weights

    def weights(self) -> dict[str, Any]:
        """The average, under the names of the module's own weights."""
        assert self._average_model is not None
        return self._average_model.module.state_dict()

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Give all processes the same statistics before the average takes the weights' place.

        A checkpoint has those of one process alone, and a resumed run must go on as this one does.
        """
        assert isinstance(pl_module, SemanticSegmentation)
        pl_module.share_statistics()
        super().on_validation_epoch_start(trainer, pl_module)
