"""Evaluation of a network, in one process or in several that share the images."""

import contextlib
from collections.abc import Iterator

import torch
from torch import distributed

from clothseg.datamodule.batches import Batches
from clothseg.geometry import Fit, Frame
from clothseg.metric.names import COSTLY
from clothseg.metric.segmentation import Scores, SegmentationScores
from clothseg.task.finite import OUTPUT, FiniteCheck
from clothseg.task.segmenter import Segmenter


@torch.no_grad()  # torchmetrics states that are created in inference mode cannot be gathered
def evaluate(
    segmenter: Segmenter,
    batches: Batches,
    device: torch.device,
    dtype: torch.dtype | None,
    fit: Fit = "squeeze",
) -> Scores:
    """Score a network on batches of images; the processes together see each image once.

    Args:
        segmenter: the network; it is moved to the device and set to evaluation mode.
        batches: the batches of this process.
        device: the device of this process.
        dtype: number format of the forward pass; None for that of the weights.
        fit: rule by which the images are fitted into the network's input, which is undone for masks
            at their original size; has no effect on masks at the size of the input.

    Raises:
        DivergedError: the network's output for an image is not finite.
    """
    check_finite = FiniteCheck()
    segmenter.to(device).eval()
    scores = SegmentationScores(len(segmenter.names), COSTLY).to(device)
    with torch.autocast(device.type, dtype, enabled=dtype is not None):
        for batch in batches:
            moved = {
                key: value.to(device, non_blocking=True) if torch.is_tensor(value) else value
                for key, value in batch.items()
            }
            prepared = segmenter.prepared(moved)
            logits, mask = segmenter.network(prepared["image"])["logits"], prepared["mask"]
            check_finite([logits], OUTPUT, batch["name"])
            placement = Frame.of(logits.shape[-2:], fit).placement(*mask.shape[-2:])
            scores.update(segmenter.classes(logits, placement), mask, prepared["index"])
    check_finite.finish()
    return scores.compute()


@contextlib.contextmanager
def process_group(world_size: int, device: torch.device) -> Iterator[None]:
    """Connect the processes of an evaluation, which find each other by environment variables."""
    if world_size == 1:
        yield
        return
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()
