"""Pixel counts of semantic segmentation."""

import torch
from torch import Tensor

from clothseg.labels import IGNORE


def image_confusion(prediction: Tensor, target: Tensor, classes: int) -> Tensor:
    """Compute the confusion matrix of each image.

    Args:
        prediction: class ids [B,H,W], uint8 or int64.
        target: true class ids [B,H,W]; pixels of 255 are ignored.
        classes: number of classes K, at most 255.

    Returns:
        Counts int64 [B,K,K] on the device of the input; rows are the ground truth.

    Raises:
        ValueError: the shapes differ, or a valid pixel has an id outside 0 to K-1.
    """
    if prediction.shape != target.shape or target.ndim != 3:
        raise ValueError(
            f"prediction {list(prediction.shape)} and target {list(target.shape)} "
            "must both be [B,H,W]"
        )
    # On a CPU, single images fit into the cache, which is five times as fast; a GPU would
    # synchronize after each of them.
    chunk = 1 if target.device.type == "cpu" else max(1, len(target))
    pairs = zip(torch.split(prediction, chunk), torch.split(target, chunk), strict=True)
    table = torch.cat([_joint_counts(*pair, classes) for pair in pairs])
    confusion = table[:, 1 : classes + 1, 1 : classes + 1].contiguous()
    invalid = target.numel() - int(confusion.sum() + table[:, IGNORE + 1].sum())
    if invalid:
        raise ValueError(
            f"{invalid} of {target.numel()} pixels have a class id outside "
            f"0 to {classes - 1} (and not {IGNORE} in the target)"
        )
    return confusion


def _joint_counts(prediction: Tensor, target: Tensor, classes: int) -> Tensor:
    """Count the pairs of true and predicted id in each image, int64 [B,258,K+2].

    Rows are true ids below 0, 0 to 255, and above; columns are predicted ids below 0, of each
    class, and above. Every id has a cell, so invalid ids need no separate search, which would take
    longer than counting; and all shapes are static, so only bincount synchronizes with the device.
    """
    rows, columns = IGNORE + 3, classes + 2
    images = torch.arange(len(target), device=target.device).view(-1, 1, 1)
    origin = images * (rows * columns) + columns + 1  # the cell where both ids are 0
    true, predicted = target.long().clamp(-1, IGNORE + 1), prediction.long().clamp(-1, classes)
    cell = torch.add(predicted, true, alpha=columns).add_(origin)
    counts = torch.bincount(cell.flatten(), minlength=len(target) * rows * columns)
    return counts.view(-1, rows, columns)


def image_counts(confusion: Tensor) -> Tensor:
    """Count true positives, false positives and false negatives: [B,K,K] to int64 [B,3,K]."""
    true_positive = confusion.diagonal(dim1=1, dim2=2)
    false_positive = confusion.sum(1) - true_positive
    false_negative = confusion.sum(2) - true_positive
    return torch.stack([true_positive, false_positive, false_negative], 1)
