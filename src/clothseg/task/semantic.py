"""Semantic segmentation: one class for every pixel."""

from collections.abc import Callable, Sequence
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

from clothseg.datamodule.batches import derived_seed
from clothseg.loss.combined import supervised
from clothseg.loss.pixelwise import PixelLoss
from clothseg.metric.segmentation import Scores, SegmentationScores
from clothseg.model.network import Network
from clothseg.postprocess import Postprocess

NORMALIZATIONS = {
    "unit": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
"""Mean and standard deviation of R, G, B that photos in [0, 1] are normalised with."""

Batch = dict[str, Any]


class Tally(nn.Module):
    """What one part of a split is counted with.

    Args:
        classes: number of classes C.
        detailed: also the scores that look at shapes, which are slower.
    """

    def __init__(self, classes: int, detailed: bool) -> None:
        super().__init__()
        self.scores = SegmentationScores(classes, detailed)
        self.loss = MeanMetric()

    def result(self) -> tuple[Scores, float]:
        """Scores, and the loss as a mean over all pixels that count; starts anew."""
        scores, loss = self.scores.compute(), float(self.loss.compute())
        self.scores.reset()
        self.loss.reset()
        return scores, loss


class SemanticSegmentation(pl.LightningModule):
    """Trains a network to give every pixel its class, and scores it.

    Logs ``train/loss``, and of a loss with several terms each of them; ``val/`` and ``test/``
    followed by loss, accuracy, binary_iou, mean_precision, mean_recall, mean_f1, mean_iou, and
    iou/<class>. All are fractions.

    Args:
        network: gives ``logits`` [B,C,H,W].
        loss: terms of what is minimised, see :mod:`clothseg.loss`.
        names: class names in id order [C].
        normalization: `unit` or `imagenet`.
        seed: seed of dropout.
        postprocess: tells classes from logits, see :mod:`clothseg.postprocess`.
        optimizer: makes the optimizer of the parameters that are trained.
        scheduler: makes the schedule of an optimizer for a number of steps.
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
    ) -> None:
        super().__init__()
        self.network, self.loss = network, loss
        self.names, self.seed, self.postprocess = list(names), seed, postprocess
        self.make_optimizer, self.make_scheduler = optimizer, scheduler
        mean, deviation = torch.tensor(NORMALIZATIONS[normalization])
        # Photos arrive as 0..255; one multiplication and one addition bring them to their range.
        self.register_buffer("scale", 1 / (255 * deviation).view(3, 1, 1), persistent=False)
        self.register_buffer("shift", -(mean / deviation).view(3, 1, 1), persistent=False)
        self.train_terms: dict[str, MeanMetric] = {}
        self.val_tally = Tally(len(names), detailed=False)
        self.test_tally = Tally(len(names), detailed=True)
        self.test_scores: Scores | None = None
        self.kept_weights: Callable[[], dict[str, Any]] | None = None

    def configure_optimizers(self) -> Any:
        """The optimizer of all trainable parameters, with its schedule."""
        optimizer = self.make_optimizer([p for p in self.parameters() if p.requires_grad])
        schedule = self.make_scheduler(optimizer, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer} | ({"lr_scheduler": schedule} if schedule else {})

    def lr_scheduler_step(self, scheduler: LRScheduler, metric: Any) -> None:
        """Step every schedule but the plateau's, which :meth:`on_validation_epoch_end` steps.

        Lightning would step it after the epoch's checkpoint is written, and a resumed run would
        miss that step.
        """
        if not isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step()

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Cast on the device: photos to normalised float [B,3,H,W], masks to int64."""
        return batch | {"image": self.normalized(batch["image"]), "mask": batch["mask"].long()}

    def normalized(self, photos: Tensor) -> Tensor:
        """Photos uint8 [B,H,W,3] as the network takes them: float32 [B,3,H,W]."""
        return photos.permute(0, 3, 1, 2).float() * self.scale + self.shift

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of one batch, or of one process's or one turn's part in it."""
        trainer = self.trainer
        parts = trainer.accumulate_grad_batches
        # Dropout depends on the step and the part alone, so that a resumed run draws the same.
        turn = self.global_step * parts + batch_idx % parts
        torch.manual_seed(derived_seed(self.seed, turn * trainer.world_size + trainer.global_rank))
        # Processes add up in place, and the parts of a batch share one count.
        pixels = trainer.strategy.reduce(batch["pixels"].clone(), reduce_op="sum")
        average = pixels / (parts * trainer.world_size)
        terms = self._terms(self.network(batch["image"]), batch, average)
        total = torch.stack(list(terms.values())).sum()
        weight = self.loss.mass(average)
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
        """Limit the norm of the gradient, also of one that is scaled for 16 bits.

        Lightning refuses that for fused optimizers, which take a scaled gradient; the scaler can
        undo the scale for them as for any other.
        """
        if gradient_clip_val is None:
            return
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        if scaler is not None and getattr(optimizer, "_step_supports_amp_scaling", False):
            scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(self.parameters(), gradient_clip_val)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the weights that were validated, also in a file of weights alone."""
        if self.kept_weights is not None:
            checkpoint["state_dict"] = self.kept_weights()

    def on_validation_epoch_start(self) -> None:
        """Validate one network on all processes."""
        self.share_statistics()

    def share_statistics(self) -> None:
        """Give all processes one network: the average of their running statistics."""
        statistics = [buffer for buffer in self.network.buffers() if buffer.is_floating_point()]
        if self.trainer.world_size > 1 and statistics:
            mine = parameters_to_vector(statistics)
            average = self.trainer.strategy.reduce(mine, reduce_op="mean")
            vector_to_parameters(average, statistics)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Count one batch of the validation part."""
        self._evaluate(self.val_tally, batch)

    def on_validation_epoch_end(self) -> None:
        """Log the epoch's training loss and scores, and tell a plateau schedule about them."""
        for name, mean in self.train_terms.items():
            if name == "loss" or len(self.train_terms) > 2:  # a single term is the loss itself
                self.log(f"train/{name}", mean.compute())
            mean.reset()
        self._log_scores("val", self.val_tally)
        for config in self.trainer.lr_scheduler_configs:
            if isinstance(config.scheduler, ReduceLROnPlateau):
                config.scheduler.step(self.trainer.callback_metrics[str(config.monitor)])

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Count one batch of the test part."""
        self._evaluate(self.test_tally, batch)

    def on_test_epoch_end(self) -> None:
        """Keep and log the scores."""
        self.test_scores = self._log_scores("test", self.test_tally)

    @torch.inference_mode()
    def predict(self, photos: np.ndarray, size: tuple[int, int] | None = None) -> np.ndarray:
        """Class ids uint8 [B,H,W] of RGB photos uint8 [B,h,w,3]; sets evaluation mode.

        Args:
            photos: at the size that the network is used with.
            size: height and width of what is returned, pixels; None keeps that of the photos.
        """
        self.eval()
        logits = self.network(self.normalized(torch.from_numpy(photos).to(self.device)))["logits"]
        return self.postprocess(logits, size).to(torch.uint8).cpu().numpy()

    def _terms(self, output: dict[str, Tensor], batch: Batch, pixels: Tensor) -> dict[str, Tensor]:
        """All terms of the loss; `pixels` [256] is what their means divide by."""
        batch = batch | {"pixels": pixels}
        return supervised(self.loss, output, batch, self.network.output_weights)

    def _evaluate(self, tally: Tally, batch: Batch) -> None:
        logits, mask = self.network(batch["image"])["logits"], batch["mask"]
        seen, pixels = mask, batch["pixels"]
        if mask.shape[-2:] != logits.shape[-2:]:  # classes are told at the size of the photo
            seen = at_size(mask, logits.shape[-2:])
            pixels = torch.bincount(seen.flatten(), minlength=256)
        terms = self.loss({"logits": logits}, {"mask": seen, "pixels": pixels})
        loss = torch.stack(list(terms.values())).sum()
        tally.loss.update(loss, self.loss.mass(pixels))
        tally.scores.update(self.postprocess(logits, mask.shape[-2:]), mask, batch["index"])

    def _log_scores(self, part: str, tally: Tally) -> Scores:
        scores, loss = tally.result()
        classes = scores.classes
        values = {"loss": loss, "accuracy": classes.accuracy, "binary_iou": classes.binary_iou}
        for key in ("precision", "recall", "f1", "iou"):
            values[f"mean_{key}"] = classes.mean(key)
        for name, iou in zip(self.names, classes.iou, strict=True):
            values[f"iou/{name}"] = float(iou)
        self.log_dict({f"{part}/{key}": float(value) for key, value in values.items()})
        return scores


def at_size(mask: Tensor, size: Sequence[int]) -> Tensor:
    """Class ids int64 [B,H,W] at another height and width, nearest."""
    return F.interpolate(mask.unsqueeze(1).float(), tuple(size)).squeeze(1).long()
