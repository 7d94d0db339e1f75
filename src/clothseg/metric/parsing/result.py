"""Scores of human parsing over the pictures of all processes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import distributed, nn

from clothseg.metric.names import PARTS, Score, task_scores
from clothseg.metric.parsing.scores import ParsingScores, PredictedPicture, Rules, TruePicture
from clothseg.metric.segmentation import Scores, SegmentationScores


@dataclass(kw_only=True)
class ParsedScores(Scores):
    """Scores of the map of parts, and of people, their parts, and characteristics.

    Args:
        parsing: result of :meth:`ParsingScores.card`.
    """

    columns_of: ClassVar[tuple[Score, ...]] = task_scores("parsing")

    parsing: Mapping[str, Any]

    @property
    def apr(self) -> float:
        """AP^r of parts, the mean over IoU thresholds; NaN if undefined."""
        return self._level("apr", "vol")

    @property
    def app(self) -> float:
        """AP^p of people, the mean over IoU thresholds; NaN if undefined."""
        return self._level("app", "vol")

    @property
    def pcp(self) -> float:
        """Fraction of correct parts at a threshold of 0.5; NaN if undefined."""
        return self._level("pcp", "at_50")

    def blocks(self) -> dict[str, Any]:
        """Entries of a scorecard besides the scores of classes."""
        return {"parsing": dict(self.parsing)}

    def _level(self, key: str, level: str) -> float:
        levels = self.parsing[key]
        value = None if levels is None else levels[level]
        return float("nan") if value is None else float(value)


class ParsingMetric(nn.Module):
    """Metric of pictures, exact for any number of processes.

    Args:
        names: names of the values of :data:`PARTS` and of each characteristic, in id order.
        rules: choices between definitions.
        costly: keys of the costly scores of the map of parts, as in :class:`SegmentationScores`.
    """

    def __init__(
        self, names: Mapping[str, Sequence[str]], rules: Rules, costly: Collection[str] = ()
    ) -> None:
        super().__init__()
        self.names, self.rules = names, rules
        self.parts = SegmentationScores(len(names[PARTS]), costly)
        self.reset()

    def reset(self) -> None:
        """Forget all pictures."""
        self.parts.reset()
        self.parsing = ParsingScores(self.names, self.rules)

    def update(self, index: int, truth: TruePicture, predicted: PredictedPicture) -> None:
        """Add a picture.

        Args:
            index: index of its sample.
            truth: ground truth.
            predicted: prediction of the same size.
        """
        found, true = (torch.from_numpy(p.maps[PARTS])[None].long() for p in (predicted, truth))
        self.parts.update(found, true, torch.tensor([index]))
        self.parsing.add(truth, predicted, index)

    def compute(self) -> ParsedScores:
        """Compute the scores over the pictures of all processes."""
        scores, card = self.parts.compute(), self._gathered().card()
        return ParsedScores(**vars(scores), parsing=card)

    def _gathered(self) -> ParsingScores:
        """Join the pictures of all processes."""
        if not (distributed.is_available() and distributed.is_initialized()):
            return self.parsing
        everyone: list[ParsingScores] = [self.parsing] * distributed.get_world_size()
        distributed.all_gather_object(everyone, self.parsing)
        return ParsingScores.joined(everyone)
