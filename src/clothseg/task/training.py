"""Base class of the trainings of all tasks."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from clothseg.datamodule.sampling import derive_seed
from clothseg.metric.segmentation import Scores
from clothseg.task.finite import FiniteCheck
from clothseg.task.image_network import Batch, ImageNetwork

MakeOptimizer = Callable[[list[nn.Parameter], list[nn.Parameter]], Optimizer]
MakeSchedule = Callable[[Optimizer, int], dict[str, Any] | None]


class Training(ImageNetwork, pl.LightningModule):
    """Base class: optimizer and its schedule, seeds of dropout, clipping, averaged statistics.

    Attributes:
        network: the network, whose attribute `backbone` is its encoder, or None.
        loss: the terms to minimize.
        seed: seed of dropout.
        make_optimizer: creates the optimizer from the trainable parameters of the backbone, and
            from all of them.
        make_scheduler: creates the schedule of an optimizer for a number of steps.
        val_scores: scores of the last validation.
        checkpoint_weights: returns the weights to save instead of the module's own, if set.
        check_finite: check of losses and outputs.
    """

    network: Any
    loss: nn.Module
    seed: int
    make_optimizer: MakeOptimizer
    make_scheduler: MakeSchedule

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.val_scores: Scores | None = None
        self.checkpoint_weights: Callable[[], dict[str, Any]] | None = None
        self.check_finite = FiniteCheck()

    @abstractmethod
    def log_validation(self) -> Scores:
        """Log the scores of a validation, reset the metrics, and return the scores."""

    @abstractmethod
    def log_training(self) -> None:
        """Log the losses and scores of an epoch, and reset the metrics."""

    def configure_optimizers(self) -> Any:
        """Create the optimizer of all trainable parameters and its schedule."""
        optimizer = self.build_optimizer()
        schedule = self.make_scheduler(optimizer, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer} | ({"lr_scheduler": schedule} if schedule else {})

    def build_optimizer(self) -> Optimizer:
        """Create the optimizer of all trainable parameters."""
        backbone = self.network.backbone
        parts = [[] if backbone is None else backbone.parameters(), self.parameters()]
        return self.make_optimizer(*([p for p in part if p.requires_grad] for part in parts))

    def lr_scheduler_step(self, scheduler: LRScheduler, metric: Any) -> None:
        """Step every schedule except plateau, which :meth:`on_validation_epoch_end` steps.

        Lightning would step it only after writing the epoch's checkpoint, and a resumed run would
        miss that step.
        """
        if not isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step()

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Prepare the batch on the device."""
        return self.prepared(batch)

    def seed_dropout(self, batch_idx: int) -> None:
        """Seed dropout by step, micro-batch and rank only, so that a resumed run repeats it."""
        trainer = self.trainer
        steps = trainer.accumulate_grad_batches
        micro_step = self.global_step * steps + batch_idx % steps
        torch.manual_seed(
            derive_seed(self.seed, micro_step * trainer.world_size + trainer.global_rank)
        )

    def require_finite_loss(self, values: Iterable[Tensor], images: Sequence[str]) -> None:
        """Check loss and output of a training step.

        Raises:
            DivergedError: they are not finite; on a GPU it is raised one step later.
        """
        place = f"epoch {self.current_epoch + 1}, step {self.global_step + 1}: the loss"
        self.check_finite(values, place, images)

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the norm of the gradient, also with 16-bit gradient scaling.

        Lightning rejects this for fused optimizers, which accept scaled gradients; the scaler can
        unscale their gradients as for any other optimizer.
        """
        if gradient_clip_val is None:
            return
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        if scaler is not None and getattr(optimizer, "_step_supports_amp_scaling", False):
            scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(self.parameters(), gradient_clip_val)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the weights that were validated, also in weights-only checkpoints."""
        if self.checkpoint_weights is not None:
            checkpoint["state_dict"] = self.checkpoint_weights()

    def on_validation_epoch_start(self) -> None:
        """Synchronize the processes, so that all validate the same network."""
        self.check_finite.finish()
        self.average_statistics()

    def average_statistics(self) -> None:
        """Average the running statistics of the network over all processes."""
        statistics = [buffer for buffer in self.network.buffers() if buffer.is_floating_point()]
        if self.trainer.world_size > 1 and statistics:
            local = parameters_to_vector(statistics)
            average = self.trainer.strategy.reduce(local, reduce_op="mean")
            vector_to_parameters(average, statistics)

    def on_validation_epoch_end(self) -> None:
        """Log the epoch's losses and scores, and step a plateau schedule."""
        self.check_finite.finish()
        self.log_training()
        self.val_scores = self.log_validation()
        for config in self.trainer.lr_scheduler_configs:
            if isinstance(config.scheduler, ReduceLROnPlateau):
                config.scheduler.step(self.trainer.callback_metrics[str(config.monitor)])

    def log_values(self, part: str, values: "Mapping[str, float | Tensor]") -> None:
        """Log values by name with the prefix of a part, `train` or `val`."""
        self.log_dict({f"{part}/{key}": value for key, value in values.items()})
