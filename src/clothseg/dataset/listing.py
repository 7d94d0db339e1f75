"""Listing of a dataset's samples, and errors for missing files."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

from clothseg.dataset.defect import Defect, MissingPartnersError
from clothseg.dataset.reader import Reader
from clothseg.dataset.sample import Sample
from clothseg.error import DataError

Missing = Literal["error", "leave_out"]
"""Handling of annotations whose image is missing."""


def existing_samples(
    samples: Sequence[Sample],
    listed: str,
    missing: Missing,
    folder: Path | None = None,
    unusable: Sequence[Defect] = (),
) -> list[Sample]:
    """Return the samples whose image exists.

    Args:
        samples: all samples in the annotations.
        listed: name of the list, for messages.
        missing: whether missing images are an error or are skipped.
        folder: of the images, if every image must have an annotation; with `missing="error"`, one
            without is an error as well.
        unusable: entries of the list that yield no sample, or invalidate one.

    Raises:
        MissingPartnersError: images or annotations are missing and `missing="error"`, no image
            exists, or entries are unusable.
    """
    is_file = [os.path.isfile(sample.image) for sample in samples]
    existing = [sample for sample, exists in zip(samples, is_file, strict=True) if exists]
    strict = missing == "error" or not existing
    absent = [s for s, exists in zip(samples, is_file, strict=True) if strict and not exists]
    unlisted = unannotated(samples, folder) if folder and missing == "error" else []
    problems = []
    if absent:
        problems.append(f"{len(absent)} images of {listed} are missing")
    if unlisted:
        problems.append(f"{len(unlisted)} images are not in {listed}")
    if unusable:
        problems.append(f"{len(unusable)} entries of {listed} are unusable")
    if problems:
        defects = [*unusable, *map(_without_image, absent), *map(_without_annotation, unlisted)]
        raise MissingPartnersError(existing, defects, " and ".join(problems))
    return existing


def unannotated(samples: Sequence[Sample], folder: Path) -> list[Path]:
    """List the JPEGs in a folder that belong to no sample."""
    known = {sample.image.name for sample in samples}
    return [path for path in list_files(folder, {".jpg"}) if path.name not in known]


def list_files(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """List the files with given suffixes, by name, skipping hidden files of operating systems.

    Args:
        folder: a folder; one that does not exist has no files.
        suffixes: in lower case; matching ignores case.
    """
    if not folder.is_dir():
        return []
    names = [  # as text, because sorting paths takes several times as long
        name
        for name in os.listdir(folder)
        if os.path.splitext(name)[1].lower() in suffixes and not name.startswith(".")
    ]
    return [folder / name for name in sorted(names)]


def complete_samples(reader: Reader) -> tuple[list[Sample], Sequence[Defect]]:
    """Return the samples that have all of their files, and the defects of the others.

    Raises:
        DataError: the dataset has an unexpected layout.
    """
    try:
        return reader.samples(), []
    except MissingPartnersError as error:
        return list(error.complete), error.defects


def abbreviate(items: Sequence[object]) -> str:
    """Join the first three items for a message."""
    return ", ".join(map(str, items[:3])) + (" …" if len(items) > 3 else "")


def layout_error(root: Path, layout: str) -> DataError:
    """Build the error for a folder that is missing or has unexpected content.

    Args:
        root: the dataset's folder.
        layout: expected content.
    """
    if not root.is_dir():
        return DataError(f"{root} is not a folder; expected a folder with {layout}")
    found = ", ".join(sorted(p.name for p in root.iterdir())[:8]) or "nothing"
    return DataError(f"{root} has an unexpected layout: expected {layout}; found {found}")


def _without_image(sample: Sample) -> Defect:
    message = f"{sample.image}: no such image, but {sample.annotation} has labels for it"
    return Defect("missing partner", sample.image, sample.name, message)


def _without_annotation(image: Path) -> Defect:
    return Defect("missing partner", image, image.stem, f"{image}: the image has no annotation")
