"""Loss of human parsing: the losses of people and of each semantic map."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clothseg.loss.parsing.maps import Form, map_terms
from clothseg.loss.parsing.matching import Costs, Matches, match
from clothseg.loss.parsing.people import Counts, Weights, mask_terms, query_terms

AUXILIARY = "auxiliary"
"""Name of the terms of the earlier layers of the decoder, added up."""


class Output(Protocol):
    """Output of a network, see :class:`clothseg.model.parsing_network.ParsingOutput`."""

    maps: dict[str, Tensor]
    people: Tensor
    boxes: Tensor

    def masks(self, images: Tensor, queries: Tensor) -> Tensor:
        """Return the mask logits of chosen queries."""


@dataclass(frozen=True)
class TruePeople:
    """True people of a batch.

    Args:
        boxes: center, width and height of the people of each image, as fractions of it, [n,4].
        numbers: their numbers, int64 [n].
        person: number of the person of each pixel, int64 [B,H,W], 0 = none.
        valid: pixels of the images; the others are padding, bool [B,H,W].
        counts: numbers of people of the step.
    """

    boxes: Sequence[Tensor]
    numbers: Sequence[Tensor]
    person: Tensor
    valid: Tensor
    counts: Counts


class ParsingLoss(nn.Module):
    """Terms of the people, which have weights, and of the semantic maps, which have none.

    The queries after each layer of the decoder are matched to people anew. Masks are computed of
    those only that are matched after the last layer.

    Args:
        weights: weights of the terms of people.
        form: how the logits of maps become probabilities.

    Source: loesch2021, section 3; Carion et al., 2020, for people.
    """

    def __init__(self, weights: Weights, form: Form) -> None:
        super().__init__()
        self.weights, self.form = weights, form

    def forward(self, output: Output, batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """Compute the terms; all of them are differentiable without people, too.

        Args:
            output: output of the network.
            batch: among others ``maps``, the values of each semantic map by name, int64 [B,H,W],
                255 = ignore, and ``people``, :class:`TruePeople`.

        Returns:
            ``person``, ``box``, ``giou``, ``mask``, ``dice``; :data:`AUXILIARY`; and a term by the
            name of each semantic map.
        """
        maps, people = batch["maps"], batch["people"]
        *earlier, last = zip(output.people, output.boxes, strict=True)
        terms, matches = self._queries(*last, people)
        terms |= self._masks(output, matches, people)
        layers = [self._queries(*layer, people)[0] for layer in earlier]
        if layers:
            terms[AUXILIARY] = torch.stack([v for layer in layers for v in layer.values()]).sum()
        return terms | {name: self._map(logits, maps[name]) for name, logits in output.maps.items()}

    def _queries(
        self, logits: Tensor, boxes: Tensor, people: TruePeople
    ) -> tuple[dict[str, Tensor], Matches]:
        """Compute the terms of the queries after one layer, and their matches."""
        weights = self.weights
        costs = Costs(weights.person, weights.box, weights.giou)
        matches = match(logits, boxes, people.boxes, costs)
        terms = query_terms(logits, boxes, people.boxes, matches, people.counts)
        return self._weighted(terms), matches

    def _masks(self, output: Output, matches: Matches, people: TruePeople) -> dict[str, Tensor]:
        """Compute the terms of the masks of matched queries."""
        images, queries = matches.images, matches.queries
        if not len(images):  # the mask of any query, without effect on the loss but for a gradient
            first = torch.zeros(1, dtype=torch.int64, device=people.person.device)
            live = 0 * output.masks(first, first).sum()
            return {"mask": live, "dice": live}
        numbers = [own[matches.people[images == image]] for image, own in enumerate(people.numbers)]
        target = people.person[images] == torch.cat(numbers)[:, None, None]
        logits = output.masks(images, queries)
        return self._weighted(
            mask_terms(logits, target, people.counts.divisor, people.valid[images])
        )

    def _weighted(self, terms: Mapping[str, Tensor]) -> dict[str, Tensor]:
        weights = vars(self.weights)
        return {name: weights[name] * value for name, value in terms.items()}

    def _map(self, logits: Tensor, target: Tensor) -> Tensor:
        """Compute the term of a semantic map."""
        enlarged = F.interpolate(
            logits.float(), target.shape[-2:], mode="bilinear", align_corners=False
        )
        return torch.stack([*map_terms(enlarged, target, self.form).values()]).sum()
