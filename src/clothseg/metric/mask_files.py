"""Folders of masks as other tools write them: one PNG of class ids per photo."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from clothseg.error import DataError
from clothseg.labels import IGNORE
from clothseg.png import read_ids


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
