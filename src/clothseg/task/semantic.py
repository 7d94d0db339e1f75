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
from clothseg.metric.names import COSTLY, LOSS, PRIMARY
from clothseg.metric.scorecard import dataset_values
from clothseg.metric.segmentation import ConfusionMatrix, Scores, SegmentationScores
from clothseg.model.network import Network
from clothseg.postprocess import Postprocess

NORMALIZATIONS = {
    "unit": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
"""Mean and standard deviation per RGB channel, for images in [0, 1]."""

Batch = dict[str, Any]


class EvaluationMetrics(nn.Module):
    """Metrics and loss of one part of a split.

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


class SemanticSegmentation(pl.LightningModule):
    """Training and evaluation of a semantic segmentation network.

    Logs ``train/loss``, each term of a loss with several terms, and with the prefixes ``val/`` and
    ``test/`` the loss, ``iou/<class>``, and every computed score of a dataset by its name in
    :mod:`clothseg.metric.names`, such as ``mean_iou``. All scores are fractions.

    Args:
        network: returns ``logits`` [B,C,H,W].
        loss: the terms to minimize, see :mod:`clothseg.loss`.
        names: class names in id order [C].
        normalization: `unit` or `imagenet`.
        seed: seed of dropout.
        postprocess: converts logits to classes, see :mod:`clothseg.postprocess`.
        optimizer: creates the optimizer of the trainable parameters.
        scheduler: creates the schedule of an optimizer for a number of steps.
        costly: keys of the costly scores that validation computes; the test computes all.
        train_scores: also log scores with the prefix ``train/``, of the logits from which the loss
            of each training batch is computed: with augmentation, dropout and changing weights.
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        network: Network,
        loss: PixelLoss,
        names: Sequence[str],
        normalization: str,
        seed: int,
        postprocess: Postprocess,
        optimizer: Callable[[list[nn.Parameter]], Optimizer],
        scheduler: Callable[[Optimizer, int], dict[str, Any] | None],
        costly: Collection[str] = (),
        train_scores: bool = False,
    ) -> None:
        super().__init__()
        self.network, self.loss = network, loss
        self.names, self.seed, self.postprocess = list(names), seed, postprocess
        self.make_optimizer, self.make_scheduler = optimizer, scheduler
        mean, std = torch.tensor(NORMALIZATIONS[normalization])
        # Images arrive as 0..255; one multiplication and one addition normalize them.
        self.register_buffer("scale", 1 / (255 * std).view(3, 1, 1), persistent=False)
        self.register_buffer("shift", -(mean / std).view(3, 1, 1), persistent=False)
        self.train_terms: dict[str, MeanMetric] = {}
        self.train_matrix = ConfusionMatrix(len(names)) if train_scores else None
        self.val_metrics = EvaluationMetrics(len(names), costly)
        self.test_metrics = EvaluationMetrics(len(names), COSTLY)
        self.val_scores: Scores | None = None
        self.test_scores: Scores | None = None
        self.checkpoint_weights: Callable[[], dict[str, Any]] | None = None

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
        """Convert on the device: images to normalized float [B,3,H,W], masks to int64."""
        return batch | {"image": self.normalized(batch["image"]), "mask": batch["mask"].long()}

    def normalized(self, images: Tensor) -> Tensor:
        """Convert images uint8 [B,H,W,3] to the network's normalized input float32 [B,3,H,W]."""
        return images.permute(0, 3, 1, 2).float() * self.scale + self.shift

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Compute the loss of one batch, or of one shard or micro-batch of it.

        Devices split the same global batch; the loss averages over all its pixels.
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
        if self.train_matrix is not None:
            classes = self.postprocess(output["logits"].detach(), mask.shape[-2:])
            self.train_matrix.update(classes, mask)
        terms = self._terms(output, batch, mean_pixels)
        total = torch.stack(list(terms.values())).sum()
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
        self.average_statistics()

    def average_statistics(self) -> None:
        """Average the running statistics of the network over all processes."""
        statistics = [buffer for buffer in self.network.buffers() if buffer.is_floating_point()]
        if self.trainer.world_size > 1 and statistics:
            local = parameters_to_vector(statistics)
            average = self.trainer.strategy.reduce(local, reduce_op="mean")
            vector_to_parameters(average, statistics)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Evaluate one validation batch."""
        self._evaluate(self.val_metrics, batch)

    def on_validation_epoch_end(self) -> None:
        """Log the epoch's losses and scores, and step a plateau schedule."""
        for name, mean in self.train_terms.items():
            if name == "loss" or len(self.train_terms) > 2:  # a single term is the loss itself
                self.log(f"train/{name}", mean.compute())
            mean.reset()
        if self.train_matrix is not None:
            scores = class_scores(self.train_matrix.compute())
            self._log("train", dataset_values(scores.columns()))
            self.train_matrix.reset()
        self.val_scores = self._log_scores("val", self.val_metrics)
        for config in self.trainer.lr_scheduler_configs:
            if isinstance(config.scheduler, ReduceLROnPlateau):
                config.scheduler.step(self.trainer.callback_metrics[str(config.monitor)])

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Evaluate one test batch."""
        self._evaluate(self.test_metrics, batch)

    def on_test_epoch_end(self) -> None:
        """Store and log the test scores."""
        self.test_scores = self._log_scores("test", self.test_metrics)

    @torch.inference_mode()
    def predict(self, images: np.ndarray, size: tuple[int, int] | None = None) -> np.ndarray:
        """Predict class ids uint8 [B,H,W] for RGB images uint8 [B,h,w,3]; sets evaluation mode.

        Args:
            images: images at the input size of the network.
            size: height and width of the result in pixels; None for the size of the images.
        """
        self.eval()
        logits = self.network(self.normalized(torch.from_numpy(images).to(self.device)))["logits"]
        return self.postprocess(logits, size).to(torch.uint8).cpu().numpy()

    def _terms(self, output: dict[str, Tensor], batch: Batch, pixels: Tensor) -> dict[str, Tensor]:
        """Compute all terms of the loss; their means are normalized by `pixels` [256]."""
        batch = batch | {"pixels": pixels}
        return supervised(self.loss, output, batch, self.network.output_weights)

    def _evaluate(self, metrics: EvaluationMetrics, batch: Batch) -> None:
        logits, mask = self.network(batch["image"])["logits"], batch["mask"]
        target, pixels = mask, batch["pixels"]
        if mask.shape[-2:] != logits.shape[-2:]:  # the loss uses the size of the logits
            target = resize_mask(mask, logits.shape[-2:])
            pixels = torch.bincount(target.flatten(), minlength=256)
        terms = self.loss({"logits": logits}, {"mask": target, "pixels": pixels})
        loss = torch.stack(list(terms.values())).sum()
        metrics.loss.update(loss, self.loss.mass(pixels))
        metrics.scores.update(self.postprocess(logits, mask.shape[-2:]), mask, batch["index"])

    def _log_scores(self, part: str, metrics: EvaluationMetrics) -> Scores:
        scores, loss = metrics.result()
        columns = scores.columns()
        values = {LOSS.name: loss, **dataset_values(columns)}
        for name, value in zip(self.names, np.asarray(columns[PRIMARY.key]), strict=True):
            values[f"{PRIMARY.key}/{name}"] = float(value)
        self._log(part, values)
        return scores

    def _log(self, part: str, values: dict[str, float]) -> None:
        self.log_dict({f"{part}/{key}": value for key, value in values.items()})


def resize_mask(mask: Tensor, size: Sequence[int]) -> Tensor:
    """Resize class ids int64 [B,H,W] to another height and width by nearest neighbor."""
    return F.interpolate(mask.unsqueeze(1).float(), tuple(size)).squeeze(1).long()
