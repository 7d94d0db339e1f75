"""Detection of values that are not finite.

Without it a diverged network yields scores: where all logits are NaN, the class is 0, which is
usually the background, and most pixels are background.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from clothseg.error import DivergedError

OUTPUT = "the network's output"


class FiniteCheck:
    """Check of the values of each batch, without waiting for the GPU that computes them.

    On a GPU the result for a batch is copied in the background, and read when the next batch is
    checked; :meth:`finish` reads the last one.
    """

    def __init__(self) -> None:
        self._pending: tuple[Tensor, torch.cuda.Event, str, Sequence[str]] | None = None

    def __call__(self, values: Iterable[Tensor], where: str, images: Sequence[str]) -> None:
        """Check the values of a batch.

        Args:
            values: tensors of any shape.
            where: what they are, as the beginning of a sentence about them.
            images: names of the images of the batch.

        Raises:
            DivergedError: a value of this batch, or on a GPU of the previous one, is not finite.
        """
        finite = torch.stack([torch.isfinite(tensor).all() for tensor in values]).all()
        if not finite.is_cuda:
            _require(bool(finite), where, images)
            return
        on_host = torch.empty((), dtype=torch.bool, pin_memory=True)
        on_host.copy_(finite, non_blocking=True)
        copied = torch.cuda.current_stream(finite.device).record_event()
        self.finish()
        self._pending = on_host, copied, where, images

    def finish(self) -> None:
        """Read the result of the last batch.

        Raises:
            DivergedError: a value of it is not finite.
        """
        pending, self._pending = self._pending, None
        if pending is not None:
            finite, copied, where, images = pending
            copied.synchronize()
            _require(bool(finite), where, images)


def require_finite(logits: Tensor) -> None:
    """Check the output of a network for images without names.

    Raises:
        DivergedError: it is not finite.
    """
    _require(bool(torch.isfinite(logits).all()), OUTPUT, [])


def _require(finite: bool, where: str, images: Sequence[str]) -> None:
    if not finite:
        raise DivergedError(where, images)
