"""Semantic segmentation: one class for every pixel."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from clothseg.datamodule.batches import derive_seed
from clothseg.loss.pixelwise import PixelLoss
from clothseg.metric.class_scores import class_scores
from clothseg.metric.names import PRIMARY
from clothseg.metric.scorecard import dataset_values
from clothseg.metric.segmentation import ConfusionMatrix, Scores, SegmentationScores
from clothseg.model.network import Network
from clothseg.postprocess import Postprocess
from clothseg.task.finite import OUTPUT, FiniteCheck
from clothseg.task.segmenter import Batch, Segmenter
from clothseg.task.term_means import TermMeans


class ValidationMetrics(nn.Module):
    """Scores and loss of the validation part.

    Args:
        classes: number of classes C.
        costly: keys of the costly scores to compute as well.
    """

    def __init__(self, classes: int, costly: Collection[str]) -> None:
        super().__init__()
        self.scores = SegmentationScores(classes, costly)
        self.terms = TermMeans()

    def result(self) -> tuple[Scores, dict[str, float]]:
        """Return the scores and the mean of the loss over all valid pixels, and reset the metrics.

        The loss is given with its terms, if it has several.
        """
        scores = self.scores.compute()
        self.scores.reset()
        return scores, {name: float(value) for name, value in self.terms.result().items()}


class SemanticSegmentation(Segmenter, pl.LightningModule):
    """Training of a semantic segmentation network.

    Logs with the prefixes ``train/`` and ``val/`` the ``loss`` and each term of a loss with several
    terms, and with the prefix ``val/`` also ``iou/<class>`` and every computed score of a dataset
    by its name in :mod:`clothseg.metric.names`, such as ``mean_iou``. All scores are fractions.

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
        self.train_terms = TermMeans()
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
        batch = batch | self._denominators(batch)
        output, mask = self.network(batch["image"]), batch["mask"]
        terms = self.loss(output, batch)
        total = torch.stack(list(terms.values())).sum()
        place = f"epoch {self.current_epoch + 1}, step {self.global_step + 1}: the loss"
        self.check_finite([total, *output.values()], place, batch["name"])
        if self.train_matrix is not None:
            classes = self.postprocess(output["logits"].detach(), mask.shape[-2:])
            self.train_matrix.update(classes, mask)
        self.train_terms.update(terms, self.loss.mass(batch["pixels"]))
        return total

    def _denominators(self, batch: Batch) -> dict[str, Any]:
        """Average the counts of a training step over its micro-batches and processes."""
        # The micro-batches of a step share its counts.
        masks: Tensor = batch["step_mask"] if "step_mask" in batch else batch["mask"]
        counts = self.loss.counts(masks.long())
        own = torch.cat([batch["pixels"], *(count.view(1) for count in counts.values())])
        shares = self.trainer.accumulate_grad_batches * self.trainer.world_size
        # The reduction works in place, on what may be the counts of the next micro-batch.
        means = self.trainer.strategy.reduce(own.clone(), reduce_op="sum") / shares
        pixels, others = means[:256], means[256:]
        return {"pixels": pixels, "counts": dict(zip(counts, others, strict=True))}

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
        output, mask = self.network(batch["image"]), batch["mask"]
        place = f"epoch {self.current_epoch + 1}, validation: {OUTPUT}"
        self.check_finite(output.values(), place, batch["name"])
        terms = self.loss(output, batch | {"counts": self.loss.counts(mask)})
        self.val_metrics.terms.update(terms, self.loss.mass(batch["pixels"]))
        classes = self.postprocess(output["logits"], mask.shape[-2:])
        self.val_metrics.scores.update(classes, mask, batch["index"])

    def on_validation_epoch_end(self) -> None:
        """Log the epoch's losses and scores, and step a plateau schedule."""
        self.check_finite.finish()
        self._log("train", self.train_terms.result())
        if self.train_matrix is not None:
            scores = class_scores(self.train_matrix.compute())
            self._log("train", dataset_values(scores.columns()))
            self.train_matrix.reset()
        self.val_scores = self._log_validation()
        for config in self.trainer.lr_scheduler_configs:
            if isinstance(config.scheduler, ReduceLROnPlateau):
                config.scheduler.step(self.trainer.callback_metrics[str(config.monitor)])

    def _log_validation(self) -> Scores:
        scores, terms = self.val_metrics.result()
        columns = scores.columns()
        values = {**terms, **dataset_values(columns)}
        for name, value in zip(self.names, np.asarray(columns[PRIMARY.key]), strict=True):
            values[f"{PRIMARY.key}/{name}"] = float(value)
        self._log("val", values)
        return scores

    def _log(self, part: str, values: Mapping[str, "float | Tensor"]) -> None:
        self.log_dict({f"{part}/{key}": value for key, value in values.items()})
