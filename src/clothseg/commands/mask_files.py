"""Folders of masks as other tools write them: one PNG of class ids per photo."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from clothseg.dataset.png import read_ids
from clothseg.error import DataError
from clothseg.labels import IGNORE
from clothseg.metric.scorecard import scorecard

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Takes what is done and of how many images; see :func:`clothseg.screen.progress_bar`."""


def score_folders(
    prediction: Path, target: Path, names: Sequence[str], progress: Progress | None = None
) -> dict[str, Any]:
    """Scorecard of a folder of predicted masks against a folder of true ones.

    Masks are 8-bit one-channel or palette PNGs of class ids, paired by stem; a true pixel of 255
    is left out. Photos may differ in size.

    Args:
        prediction: folder of predicted masks.
        target: folder of true masks.
        names: class names in id order [K].
        progress: shows how many images are done.

    Raises:
        DataError: a folder is empty, a partner is missing, or a file is not what it must be.
    """
    pairs = paired_masks(prediction, target)
    # Seconds of import, which a wrong folder should not cost.
    import torch

    from clothseg.metric.segmentation import SegmentationScores

    metric = SegmentationScores(len(names), detailed=True)
    with progress("scoring", len(pairs)) if progress else nullcontext(_no_report) as report:
        for index, files in enumerate(pairs):
            predicted, true = map(torch.tensor, read_pair(*files, classes=len(names)))
            metric.update(predicted[None], true[None], torch.tensor([index]))
            report(1)
    return scorecard(metric.compute(), names)


def _no_report(count: int) -> None:
    """Stand in for a progress bar."""


def paired_masks(prediction: Path, target: Path) -> list[tuple[Path, Path]]:
    """Files (prediction, truth) of two folders that share a stem, in order of the stem.

    Raises:
        DataError: a folder is missing or has no PNG, or a file has no partner in the other folder.
    """
    predicted, true = _masks_by_stem(prediction), _masks_by_stem(target)
    problems = [
        f"{folder}: {len(missing)} without a partner in {other}: {_first(missing)}"
        for folder, other, missing in (
            (prediction, target, predicted.keys() - true.keys()),
            (target, prediction, true.keys() - predicted.keys()),
        )
        if missing
    ]
    if problems:
        raise DataError("; ".join(problems) + ". Both folders need the same names.")
    return [(predicted[stem], true[stem]) for stem in sorted(predicted)]


def read_pair(prediction: Path, target: Path, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and true class ids, both uint8 [H,W]; 255 (ignore) is for the truth alone.

    Raises:
        DataError: the sizes differ or a value is no class id; names the file and the value.
    """
    predicted, true = read_ids(prediction), read_ids(target)
    if predicted.shape != true.shape:
        raise DataError(
            f"{prediction} is {_size(predicted)}, {target} is {_size(true)} (width x height); "
            "a prediction has the size of its truth"
        )
    _check_values(prediction, predicted, range(classes), f"0 to {classes - 1}")
    allowed = [*range(classes), IGNORE]
    _check_values(target, true, allowed, f"0 to {classes - 1} and {IGNORE} (ignore)")
    return predicted, true


def _check_values(path: Path, mask: np.ndarray, allowed: Iterable[int], said: str) -> None:
    values = np.flatnonzero(np.bincount(mask.ravel(), minlength=256))
    wrong = sorted(set(values.tolist()) - set(allowed))
    if wrong:
        raise DataError(
            f"{path}: value {', '.join(map(str, wrong))} is no class id; allowed are {said}"
        )


def _masks_by_stem(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder")
    files = [path for path in folder.iterdir() if path.suffix.lower() == ".png"]
    masks = {path.stem: path for path in files if not path.name.startswith(".")}
    if not masks:
        raise DataError(f"{folder}: the folder has no .png; it must hold one mask per photo")
    return masks


def _first(stems: Iterable[str]) -> str:
    ordered = sorted(stems)
    return ", ".join(ordered[:3]) + (" …" if len(ordered) > 3 else "")


def _size(mask: np.ndarray) -> str:
    return f"{mask.shape[1]}x{mask.shape[0]}"
