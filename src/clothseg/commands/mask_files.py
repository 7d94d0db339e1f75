"""Folders of masks written by any tool: one PNG of class ids per image."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from clothseg.dataset.mask_findings import require_two_classes
from clothseg.dataset.png import read_ids, value_counts
from clothseg.error import DataError, abbreviate
from clothseg.labels import IGNORE
from clothseg.metric.names import COSTLY
from clothseg.metric.scorecard import scorecard

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Function of a title and a number of images, see :func:`clothseg.terminal.screen.progress_bar`."""


MaskReader = Callable[[Path], np.ndarray]
"""Function that reads the class ids of a file, uint8 [H,W]."""


def score_folders(
    prediction: Path,
    target: Path,
    names: Sequence[str],
    progress: Progress | None = None,
    read: MaskReader = read_ids,
) -> dict[str, Any]:
    """Scorecard of a folder of predicted masks against a folder of ground-truth masks.

    Masks are 8-bit single-channel or palette PNGs of class ids, paired by file stem; ground-truth
    pixels of 255 are ignored. Images may differ in size.

    Args:
        prediction: folder of predicted masks.
        target: folder of ground-truth masks.
        names: class names in id order [K].
        progress: opens a progress bar.
        read: reads a file.

    Raises:
        DataError: a folder is empty, a counterpart is missing, a file is invalid, or fewer than two
            classes occur in the ground truth.
    """
    pairs = paired_masks(prediction, target)
    # Takes seconds to import, so do it only after the folders are known to be valid.
    import torch

    from clothseg.metric.segmentation import SegmentationScores

    metric = SegmentationScores(len(names), COSTLY)
    seen = np.zeros(256, bool)
    with progress("scoring", len(pairs)) if progress else nullcontext(_no_report) as report:
        for index, files in enumerate(pairs):
            masks = read_pair(*files, len(names), read)
            seen[masks[1]] = True
            predicted, true = map(torch.tensor, masks)
            metric.update(predicted[None], true[None], torch.tensor([index]))
            report(1)
    require_two_classes(str(target), seen, names)
    return scorecard(metric.compute(), names)


def _no_report(count: int) -> None:
    """Placeholder for a progress bar."""


def paired_masks(prediction: Path, target: Path) -> list[tuple[Path, Path]]:
    """Pairs (prediction, ground truth) of files with the same stem, sorted by stem.

    Raises:
        DataError: a folder is missing or has no PNG, or a file has no counterpart in the other.
    """
    predicted, true = _masks_by_stem(prediction), _masks_by_stem(target)
    problems = [
        f"{folder}: {len(missing)} without a counterpart in {other}: {abbreviate(sorted(missing))}"
        for folder, other, missing in (
            (prediction, target, predicted.keys() - true.keys()),
            (target, prediction, true.keys() - predicted.keys()),
        )
        if missing
    ]
    if problems:
        raise DataError("; ".join(problems) + ". Both folders must contain the same file names.")
    return [(predicted[stem], true[stem]) for stem in sorted(predicted)]


def read_pair(
    prediction: Path, target: Path, classes: int, read: MaskReader = read_ids
) -> tuple[np.ndarray, np.ndarray]:
    """Read predicted and true class ids, both uint8 [H,W]; only the latter may be 255 (ignore).

    Raises:
        DataError: the sizes differ, or a value is not a class id; names the file and the value.
    """
    predicted, true = read(prediction), read(target)
    if predicted.shape != true.shape:
        raise DataError(
            f"{prediction} is {_size(predicted)}, {target} is {_size(true)} (width x height); "
            "a prediction must have the size of its ground truth"
        )
    _check_values(prediction, predicted, range(classes), f"0 to {classes - 1}")
    allowed = [*range(classes), IGNORE]
    _check_values(target, true, allowed, f"0 to {classes - 1} and {IGNORE} (ignore)")
    return predicted, true


def _check_values(path: Path, mask: np.ndarray, allowed: Iterable[int], description: str) -> None:
    values = np.flatnonzero(value_counts(mask))
    wrong = sorted(set(values.tolist()) - set(allowed))
    if wrong:
        raise DataError(
            f"{path}: value {', '.join(map(str, wrong))} is not a class id; allowed: {description}"
        )


def _masks_by_stem(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    files = [path for path in folder.iterdir() if path.suffix.lower() == ".png"]
    masks = {path.stem: path for path in files if not path.name.startswith(".")}
    if not masks:
        raise DataError(f"{folder}: no .png in this folder; it must contain one mask per image")
    return masks


def _size(mask: np.ndarray) -> str:
    return f"{mask.shape[1]}x{mask.shape[0]}"
