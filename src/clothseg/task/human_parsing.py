"""Training of human parsing: people, their parts, and size, pattern and color of these."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from clothseg.loss.parsing.people import Counts
from clothseg.loss.parsing.total import ParsingLoss, TruePeople
from clothseg.metric.names import PRIMARY
from clothseg.metric.parsing.result import ParsedScores, ParsingMetric
from clothseg.metric.parsing.scores import Rules
from clothseg.metric.scorecard import dataset_values
from clothseg.model.parsing_network import ParsingNetwork
from clothseg.task.finite import OUTPUT
from clothseg.task.image_network import Batch
from clothseg.task.parser import Parser
from clothseg.task.pictures import add_scores, tensors
from clothseg.task.term_means import TermMeans
from clothseg.task.training import MakeOptimizer, MakeSchedule, Training


class HumanParsing(Training, Parser):
    """Training of a network for human parsing.

    Logs with the prefixes ``train/`` and ``val/`` the ``loss`` and its terms, and with the prefix
    ``val/`` also ``iou/<part>`` and every score of a dataset by its name in
    :mod:`clothseg.metric.names`.

    Args:
        network: as for :class:`Parser`, like the next three.
        values: names of the values of each map.
        normalization: `unit`, `imagenet` or `inception`.
        rules: choices between definitions of scores.
        loss: the terms to minimize.
        seed: seed of dropout.
        optimizer: creates the optimizer, see :class:`Training`.
        scheduler: creates the schedule of an optimizer for a number of steps.
        costly: keys of the costly scores that validation computes.
    """

    def __init__(
        self,
        network: ParsingNetwork,
        values: Mapping[str, Sequence[str]],
        normalization: str,
        rules: Rules,
        loss: ParsingLoss,
        seed: int,
        optimizer: MakeOptimizer,
        scheduler: MakeSchedule,
        costly: Collection[str] = (),
    ) -> None:
        super().__init__(network, values, normalization, rules)
        self.loss: ParsingLoss = loss
        self.seed = seed
        self.make_optimizer, self.make_scheduler = optimizer, scheduler
        self.train_terms, self.val_terms = TermMeans(), TermMeans()
        self.val_metric = ParsingMetric(values, rules, costly)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Compute the loss of one batch, or of one shard or micro-batch of it.

        Raises:
            DivergedError: loss or output is not finite; on a GPU it is raised one step later.
        """
        self.seed_dropout(batch_idx)
        output = self.network(batch["image"], batch["padding"])
        terms = self.loss(output, batch | {"people": self._true_people(batch)})
        total = torch.stack(list(terms.values())).sum()
        self.require_finite_loss([total, *tensors(output)], batch["name"])
        self.train_terms.update(terms, torch.ones_like(total.detach()))
        return total

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add the scores and the loss of one validation batch."""
        output = self.network(batch["image"], batch["padding"])
        place = f"epoch {self.current_epoch + 1}, validation: {OUTPUT}"
        self.check_finite(tensors(output), place, batch["name"])
        matched, total = self.counted(batch["numbers"])
        people = true_people(batch, Counts(matched, total.clamp(min=1)))
        terms = self.loss(output, batch | {"people": people})
        self.val_terms.update(terms, total.new_tensor(len(batch["name"])))
        add_scores(self.val_metric, self, output, batch)

    def log_training(self) -> None:
        """Log the losses of an epoch."""
        self.log_values("train", self.train_terms.result())

    def log_validation(self) -> ParsedScores:
        """Log loss and scores of a validation, and return the scores."""
        scores, terms = self.val_metric.compute(), self.val_terms.result()
        self.val_metric.reset()
        columns = scores.columns()
        values = {name: float(value) for name, value in terms.items()} | dataset_values(columns)
        for name, value in zip(self.names, np.asarray(columns[PRIMARY.key]), strict=True):
            values[f"{PRIMARY.key}/{name}"] = float(value)
        self.log_values("val", values)
        return scores

    def _true_people(self, batch: Batch) -> TruePeople:
        """People of a batch, counted over the micro-batches and processes of its step."""
        trainer = self.trainer
        is_part = "step_numbers" in batch
        own = self.counted(batch["step_numbers" if is_part else "numbers"])
        total = trainer.strategy.reduce(own, reduce_op="sum")
        shares = trainer.world_size * (trainer.accumulate_grad_batches if is_part else 1)
        return true_people(batch, Counts(total[0] / shares, total[1].clamp(min=1) / shares))

    def counted(self, numbers: Sequence[Tensor]) -> Tensor:
        """Count the people that have a query, and all people, float [2].

        Args:
            numbers: numbers of the people of each image, [n].
        """
        queries = self.network.queries
        people = [len(own) for own in numbers]
        matched = sum(min(count, queries) for count in people)
        return torch.tensor([float(matched), float(sum(people))], device=self.device)


def true_people(batch: Batch, counts: Counts) -> TruePeople:
    """Collect the true people of a prepared batch."""
    valid = ~batch["padding"]
    return TruePeople(batch["boxes"], batch["numbers"], batch["person"], valid, counts)
