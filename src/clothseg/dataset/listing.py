"""Listing of a dataset's samples, and errors for missing files."""

import os
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

from clothseg.dataset.defect import Defect, MissingPartnersError
from clothseg.dataset.reader import Reader
from clothseg.dataset.sample import Sample, is_utf8
from clothseg.error import DataError, abbreviate, shortened

Missing = Literal["error", "leave_out"]
"""Handling of annotations whose image is missing."""
MAX_NAME_BYTES = 255
"""Longest name of a file that common file systems have."""


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
            exists, entries are unusable, or several have one name.
    """
    counts = Counter(sample.name for sample in samples)
    repeated = {s.name: s for s in samples if counts[s.name] > 1}
    unusable = [*unusable, *(_repeated(s, counts[s.name], listed) for s in repeated.values())]
    samples = [sample for sample in samples if sample.name not in repeated]
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


def listed_path(folder: Path, name: str, list_file: Path) -> Path:
    """Return the path of a file that a dataset's list names, which must lie below a folder.

    Args:
        folder: of the files.
        name: relative to the folder, as the list states it.
        list_file: the list, for messages.

    Raises:
        Defect: the name is absolute, contains `..`, or cannot be that of a file.
    """
    outside = os.path.isabs(name) or ".." in name.replace("\\", "/").split("/")
    if outside or not name.strip() or "\0" in name:
        problem = f"it must be relative to {folder} and must not contain `..`"
    elif not is_utf8(name):
        problem = "it contains halves of characters, which no file name does"
    elif len(name.encode()) > MAX_NAME_BYTES:
        problem = f"it has {len(name.encode())} bytes; file names have at most {MAX_NAME_BYTES}"
    else:
        return folder / name
    message = f"{list_file}: file name {shortened(ascii(name))} is not allowed: {problem}"
    raise Defect("unreadable annotation", list_file, shortened(name), message)


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


def other_files(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """List the files of a folder that have none of the suffixes, by name, without hidden ones."""
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() not in suffixes
        and not path.name.startswith(".")
        and not path.is_dir()
    ]


def describe_others(paths: Sequence[Path], suffixes: Collection[str]) -> str:
    """Count the files that are ignored for their suffix, by suffix, and name the first ones.

    Args:
        paths: the files.
        suffixes: of the files that are used.
    """
    if not paths:
        return ""
    kinds = Counter(path.suffix.lower() or "no suffix" for path in paths).most_common()
    counted = abbreviate([f"{count} {kind}" for kind, count in kinds])
    named = abbreviate([path.name for path in paths])
    plural = "file is" if len(paths) == 1 else "files are"
    used = ", ".join(sorted(suffixes))
    return f"{len(paths)} {plural} not of a used kind ({used}): {counted}: {named}"


def complete_samples(reader: Reader) -> tuple[list[Sample], Sequence[Defect]]:
    """Return the samples that have all of their files, and the defects of the others.

    Raises:
        DataError: the dataset has an unexpected layout.
    """
    try:
        return reader.samples(), []
    except MissingPartnersError as error:
        return list(error.complete), error.defects


def layout_error(root: Path, layout: str) -> DataError:
    """Build the error for a folder that is missing or has unexpected content.

    Args:
        root: the dataset's folder.
        layout: expected content.
    """
    if not root.is_dir():
        return DataError(f"{root} is not a folder; expected a folder with {layout}")
    found = ", ".join(sorted(shortened(p.name) for p in root.iterdir())[:8]) or "nothing"
    return DataError(f"{root} has an unexpected layout: expected {layout}; found {found}")


def _repeated(sample: Sample, count: int, listed: str) -> Defect:
    message = f"{sample.annotation}: {sample.name} is the name of {count} images in {listed}"
    return Defect("unreadable annotation", sample.annotation, sample.name, message)


def _without_image(sample: Sample) -> Defect:
    message = f"{sample.image}: no such image, but {sample.annotation} has labels for it"
    return Defect("missing partner", sample.image, sample.name, message)


def _without_annotation(image: Path) -> Defect:
    return Defect("missing partner", image, image.stem, f"{image}: the image has no annotation")
