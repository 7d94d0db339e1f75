"""Semantic segmentation: one class for every pixel."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from clothseg.loss.pixelwise import PixelLoss
from clothseg.metric.class_scores import class_scores
from clothseg.metric.names import PRIMARY
from clothseg.metric.scorecard import dataset_values
from clothseg.metric.segmentation import ConfusionMatrix, Scores, SegmentationScores
from clothseg.model.network import Network
from clothseg.postprocess import Postprocess
from clothseg.task.finite import OUTPUT
from clothseg.task.image_network import Batch
from clothseg.task.segmenter import Segmenter
from clothseg.task.term_means import TermMeans
from clothseg.task.training import MakeOptimizer, MakeSchedule, Training


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


class SemanticSegmentation(Training, Segmenter):
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
        optimizer: creates the optimizer, see :class:`clothseg.task.training.Training`.
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
        optimizer: MakeOptimizer,
        scheduler: MakeSchedule,
        costly: Collection[str] = (),
        train_scores: bool = False,
    ) -> None:
        super().__init__(network, names, normalization, postprocess)
        self.loss: PixelLoss = loss
        self.seed = seed
        self.make_optimizer, self.make_scheduler = optimizer, scheduler
        self.train_terms = TermMeans()
        self.train_matrix = ConfusionMatrix(len(names)) if train_scores else None
        self.val_metrics = ValidationMetrics(len(names), costly)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Compute the loss of one batch, or of one shard or micro-batch of it.

        Devices split the same global batch; the loss averages over all its pixels.

        Raises:
            DivergedError: loss or output is not finite; on a GPU it is raised one step later.
        """
        self.seed_dropout(batch_idx)
        batch = batch | self._denominators(batch)
        output, mask = self.network(batch["image"]), batch["mask"]
        terms = self.loss(output, batch)
        total = torch.stack(list(terms.values())).sum()
        self.require_finite_loss([total, *output.values()], batch["name"])
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

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add the scores and the loss of one validation batch."""
        output, mask = self.network(batch["image"]), batch["mask"]
        place = f"epoch {self.current_epoch + 1}, validation: {OUTPUT}"
        self.check_finite(output.values(), place, batch["name"])
        terms = self.loss(output, batch | {"counts": self.loss.counts(mask)})
        self.val_metrics.terms.update(terms, self.loss.mass(batch["pixels"]))
        classes = self.postprocess(output["logits"], mask.shape[-2:])
        self.val_metrics.scores.update(classes, mask, batch["index"])

    def log_training(self) -> None:
        """Log the losses of an epoch, and the scores if they are wanted."""
        self.log_values("train", self.train_terms.result())
        if self.train_matrix is not None:
            scores = class_scores(self.train_matrix.compute())
            self.log_values("train", dataset_values(scores.columns()))
            self.train_matrix.reset()

    def log_validation(self) -> Scores:
        """Log loss and scores of a validation, and return the scores."""
        scores, terms = self.val_metrics.result()
        columns = scores.columns()
        values = {**terms, **dataset_values(columns)}
        for name, value in zip(self.names, np.asarray(columns[PRIMARY.key]), strict=True):
            values[f"{PRIMARY.key}/{name}"] = float(value)
        self.log_values("val", values)
        return scores
