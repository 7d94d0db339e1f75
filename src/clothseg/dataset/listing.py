"""Which samples a dataset has, and what is said of those that lack a file."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

from clothseg.dataset.defect import Defect, MissingPartnersError
from clothseg.dataset.reader import Reader
from clothseg.dataset.sample import Sample
from clothseg.error import DataError

Missing = Literal["error", "leave_out"]
"""What becomes of annotations whose photo is not there."""


def present(
    samples: Sequence[Sample],
    listed: str,
    missing: Missing,
    folder: Path | None = None,
    unusable: Sequence[Defect] = (),
) -> list[Sample]:
    """The samples whose photo is there.

    Args:
        samples: all that the annotations list.
        listed: where they are listed, for the message.
        missing: what becomes of the others.
        folder: of the photos, where each has to be annotated; one that is not is an error, too,
            unless the missing ones are left out.
        unusable: entries of the list that make no sample, or spoil one.

    Raises:
        MissingPartnersError: photos or annotations are missing and that is an error, no photo is
            there, or entries cannot be used.
    """
    there = [sample for sample in samples if sample.image.is_file()]
    strict = missing == "error" or not there
    absent = [sample for sample in samples if strict and not sample.image.is_file()]
    stray = unannotated(samples, folder) if folder and missing == "error" else []
    problems = []
    if absent:
        problems.append(f"{len(absent)} photos of {listed} are missing")
    if stray:
        problems.append(f"{len(stray)} photos are not in {listed}")
    if unusable:
        problems.append(f"{len(unusable)} entries of {listed} cannot be used")
    if problems:
        defects = [*unusable, *map(_without_photo, absent), *map(_without_annotation, stray)]
        raise MissingPartnersError(there, defects, " and ".join(problems))
    return there


def unannotated(samples: Sequence[Sample], folder: Path) -> list[Path]:
    """The JPEGs of a folder that belong to no sample."""
    known = {sample.image.name for sample in samples}
    return [path for path in files_of(folder, {".jpg"}) if path.name not in known]


def files_of(folder: Path, endings: Collection[str]) -> list[Path]:
    """The files of some kinds in a folder, by name, without hidden ones, which systems leave there.

    Args:
        folder: a folder; one that does not exist has none.
        endings: of names, in lower case; names may have them in either.
    """
    if not folder.is_dir():
        return []
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in endings and not path.name.startswith(".")
    ]


def complete_samples(reader: Reader) -> tuple[list[Sample], Sequence[Defect]]:
    """The samples of which all files are there, and what is missing to the others.

    Raises:
        DataError: the dataset has another layout.
    """
    try:
        return reader.samples(), []
    except MissingPartnersError as error:
        return list(error.there), error.defects


def some(items: Sequence[object]) -> str:
    """The first three of a list, for a message."""
    return ", ".join(map(str, items[:3])) + (" …" if len(items) > 3 else "")


def other_layout(root: Path, layout: str) -> DataError:
    """The error for a folder that is missing or holds something else.

    Args:
        root: the dataset's folder.
        layout: what is expected in it.
    """
    if not root.is_dir():
        return DataError(f"{root} is not a folder; expected there: {layout}")
    found = ", ".join(sorted(p.name for p in root.iterdir())[:8]) or "nothing"
    return DataError(f"{root} has another layout: expected {layout}; found {found}")


def _without_photo(sample: Sample) -> Defect:
    message = f"{sample.image}: there is no such photo, but {sample.annotation} has labels for it"
    return Defect("missing partner", sample.image, sample.name, message)


def _without_annotation(photo: Path) -> Defect:
    return Defect("missing partner", photo, photo.stem, f"{photo}: the photo has no annotation")
