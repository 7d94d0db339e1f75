"""Semantic segmentation: one class for every pixel."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from torchmetrics import MeanMetric

from clothseg.datamodule.batches import derive_seed
from clothseg.loss.combined import supervised
from clothseg.loss.pixelwise import PixelLoss
from clothseg.metric.confusion import class_scores
from clothseg.metric.names import LOSS, PRIMARY
from clothseg.metric.scorecard import dataset_values
from clothseg.metric.segmentation import ConfusionMatrix, Scores, SegmentationScores
from clothseg.model.network import Network
from clothseg.postprocess import Postprocess
from clothseg.task.finite import OUTPUT, FiniteCheck
from clothseg.task.segmenter import Batch, Segmenter


class ValidationMetrics(nn.Module):
    """Scores and loss of the validation part.

    Args:
        classes: number of classes C.
        costly: keys of the costly scores to compute as well.
    """

    def __init__(self, classes: int, costly: Collection[str]) -> None:
        super().__init__()
        self.scores = SegmentationScores(classes, costly)
        self.loss = MeanMetric()

    def result(self) -> tuple[Scores, float]:
        """Return the scores and the mean loss over all valid pixels, and reset the metrics."""
        scores, loss = self.scores.compute(), float(self.loss.compute())
        self.scores.reset()
        self.loss.reset()
        return scores, loss


class SemanticSegmentation(Segmenter, pl.LightningModule):
    """Training of a semantic segmentation network.

    Logs ``train/loss``, each term of a loss with several terms, and with the prefix ``val/`` the
    loss, ``iou/<class>``, and every computed score of a dataset by its name in
    :mod:`clothseg.metric.names`, such as ``mean_iou``. All scores are fractions.

    Args:
        network: as for :class:`Segmenter`, like the next three.
        names: class names.
        normalization: `unit`, `imagenet` or `inception`.
        postprocess: converts logits to classes.
        loss: the terms to minimize, see :mod:`clothseg.loss`.
        seed: seed of dropout.
        optimizer: creates the optimizer of the trainable parameters.
        scheduler: creates the schedule of an optimizer for a number of steps.
        costly: keys of the costly scores that validation computes.
        train_scores: also log scores with the prefix ``train/``, of the logits from which the loss
            of each training batch is computed: with augmentation, dropout and changing weights.
    """

    def __init__(
        self,
        network: Network,
        names: Sequence[str],
        normalization: str,
        postprocess: Postprocess,
        loss: PixelLoss,
        seed: int,
        optimizer: Callable[[list[nn.Parameter]], Optimizer],
        scheduler: Callable[[Optimizer, int], dict[str, Any] | None],
        costly: Collection[str] = (),
        train_scores: bool = False,
    ) -> None:
        super().__init__(network, names, normalization, postprocess)
        self.loss, self.seed = loss, seed
        self.make_optimizer, self.make_scheduler = optimizer, scheduler
        self.train_terms: dict[str, MeanMetric] = {}
        self.train_matrix = ConfusionMatrix(len(names)) if train_scores else None
        self.val_metrics = ValidationMetrics(len(names), costly)
        self.val_scores: Scores | None = None
        self.checkpoint_weights: Callable[[], dict[str, Any]] | None = None
        self.check_finite = FiniteCheck()

    def configure_optimizers(self) -> Any:
        """Create the optimizer of all trainable parameters and its schedule."""
        optimizer = self.make_optimizer([p for p in self.parameters() if p.requires_grad])
        schedule = self.make_scheduler(optimizer, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer} | ({"lr_scheduler": schedule} if schedule else {})

    def lr_scheduler_step(self, scheduler: LRScheduler, metric: Any) -> None:
        """Step every schedule except plateau, which :meth:`on_validation_epoch_end` steps.

        Lightning would step it only after writing the epoch's checkpoint, and a resumed run would
        miss that step.
        """
        if not isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step()

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Normalize the batch on the device."""
        return self.prepared(batch)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Compute the loss of one batch, or of one shard or micro-batch of it.

        Devices split the same global batch; the loss averages over all its pixels.

        Raises:
            DivergedError: loss or output is not finite; on a GPU it is raised one step later.
        """
        trainer = self.trainer
        steps = trainer.accumulate_grad_batches
        # The dropout seed depends only on step, micro-batch and rank: a resumed run repeats it.
        micro_step = self.global_step * steps + batch_idx % steps
        torch.manual_seed(
            derive_seed(self.seed, micro_step * trainer.world_size + trainer.global_rank)
        )
        # The reduction works in place, and the micro-batches of a batch share one count.
        pixels = trainer.strategy.reduce(batch["pixels"].clone(), reduce_op="sum")
        mean_pixels = pixels / (steps * trainer.world_size)
        output, mask = self.network(batch["image"]), batch["mask"]
        terms = self._terms(output, batch, mean_pixels)
        total = torch.stack(list(terms.values())).sum()
        place = f"epoch {self.current_epoch + 1}, step {self.global_step + 1}: the loss"
        self.check_finite([total, *output.values()], place, batch["name"])
        if self.train_matrix is not None:
            classes = self.postprocess(output["logits"].detach(), mask.shape[-2:])
            self.train_matrix.update(classes, mask)
        weight = self.loss.mass(mean_pixels)
        for name, term in {"loss": total, **terms}.items():
            if name not in self.train_terms:
                self.train_terms[name] = MeanMetric().to(self.device)
            self.train_terms[name].update(term.detach(), weight)
        return total

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

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add the scores and the loss of one validation batch."""
        logits, mask = self.network(batch["image"])["logits"], batch["mask"]
        place = f"epoch {self.current_epoch + 1}, validation: {OUTPUT}"
        self.check_finite([logits], place, batch["name"])
        target, pixels = mask, batch["pixels"]
        if mask.shape[-2:] != logits.shape[-2:]:  # the loss uses the size of the logits
            target = resize_mask(mask, logits.shape[-2:])
            pixels = torch.bincount(target.flatten(), minlength=256)
        terms = self.loss({"logits": logits}, {"mask": target, "pixels": pixels})
        loss = torch.stack(list(terms.values())).sum()
        self.val_metrics.loss.update(loss, self.loss.mass(pixels))
        classes = self.postprocess(logits, mask.shape[-2:])
        self.val_metrics.scores.update(classes, mask, batch["index"])

    def on_validation_epoch_end(self) -> None:
        """Log the epoch's losses and scores, and step a plateau schedule."""
        self.check_finite.finish()
        for name, mean in self.train_terms.items():
            if name == "loss" or len(self.train_terms) > 2:  # a single term is the loss itself
                self.log(f"train/{name}", mean.compute())
            mean.reset()
        if self.train_matrix is not None:
            scores = class_scores(self.train_matrix.compute())
            self._log("train", dataset_values(scores.columns()))
            self.train_matrix.reset()
        self.val_scores = self._log_validation()
        for config in self.trainer.lr_scheduler_configs:
            if isinstance(config.scheduler, ReduceLROnPlateau):
                config.scheduler.step(self.trainer.callback_metrics[str(config.monitor)])

    def _terms(self, output: dict[str, Tensor], batch: Batch, pixels: Tensor) -> dict[str, Tensor]:
        """Compute all terms of the loss; their means are normalized by `pixels` [256]."""
        batch = batch | {"pixels": pixels}
        return supervised(self.loss, output, batch, self.network.output_weights)

    def _log_validation(self) -> Scores:
        scores, loss = self.val_metrics.result()
        columns = scores.columns()
        values = {LOSS.name: loss, **dataset_values(columns)}
        for name, value in zip(self.names, np.asarray(columns[PRIMARY.key]), strict=True):
            values[f"{PRIMARY.key}/{name}"] = float(value)
        self._log("val", values)
        return scores

    def _log(self, part: str, values: dict[str, float]) -> None:
        self.log_dict({f"{part}/{key}": value for key, value in values.items()})


def resize_mask(mask: Tensor, size: Sequence[int]) -> Tensor:
    """Resize class ids int64 [B,H,W] to another height and width by nearest neighbor."""
    return F.interpolate(mask.unsqueeze(1).float(), tuple(size)).squeeze(1).long()
