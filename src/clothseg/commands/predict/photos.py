"""Photos to predict: which ones, and their pixels."""

import glob
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clothseg.dataset.image import read_image
from clothseg.dataset.listing import describe_others
from clothseg.error import DataError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
"""Suffixes of photos, case-insensitive."""
MASKS, OVERLAYS, SUBMISSION = "masks", "overlays", "submission"
"""Subfolders of the output with pictures; the last has those of CIHP's evaluation server."""


@dataclass(frozen=True)
class Photo:
    """Photo to segment.

    Args:
        path: the file.
        name: name of its outputs, including subfolders relative to the input folder, or to the
            common parent folder of all photos that match a pattern.
    """

    path: Path
    name: str


def find_photos(given: str, output: Path) -> list[Photo]:
    """Find the photos of a file, a folder (recursively), or a glob pattern, sorted by name.

    Pictures from an earlier command in the output folder are excluded. Photos whose names differ
    only in the suffix keep the suffix in their names.

    Raises:
        DataError: there is none.
    """
    source = Path(given)
    if source.is_file():
        return [Photo(source, source.stem)]
    if source.is_dir():
        matching = [path for path in sorted(source.rglob("*")) if path.suffix.lower() in SUFFIXES]
    else:
        matching = list(map(Path, sorted(glob.glob(given, recursive=True))))  # noqa: PTH207
    # A broken link is not a folder, and is later reported as an unreadable image.
    paths = [path for path in matching if not path.is_dir() and not _is_output(path, output)]
    if not paths:
        suffixes = ", ".join(SUFFIXES)
        rest = other_files(given, output)
        problem = (
            f"no photo in this folder ({suffixes}){f'; {rest}' if rest else ''}"
            if source.is_dir()
            else "no such photo or folder, and no file matches it as a pattern"
        )
        raise DataError(f"input={given}: {problem}")
    folders = [source] if source.is_dir() else [path.parent for path in paths]
    shared = os.path.commonpath([os.path.abspath(folder) for folder in folders])  # noqa: PTH100
    names = [Path(os.path.relpath(path, shared)) for path in paths]
    stems = [str(name.with_suffix("")) for name in names]
    unique = [str(name) if stems.count(s) > 1 else s for name, s in zip(names, stems, strict=True)]
    repeated = sorted({name for name in unique if unique.count(name) > 1})
    if repeated:
        raise DataError(f"input={given}: several photos are named {', '.join(repeated[:3])}")
    return [Photo(path, name) for path, name in zip(paths, unique, strict=True)]


def other_files(given: str, output: Path) -> str:
    """Count and name the files of an input folder that are not photos; empty if there are none."""
    source = Path(given)
    if not source.is_dir():
        return ""
    paths = [
        path
        for path in sorted(source.rglob("*"))
        if path.suffix.lower() not in SUFFIXES
        and not path.name.startswith(".")
        and not path.is_dir()
        and output.resolve() not in path.resolve().parents
    ]
    return describe_others(paths, SUFFIXES)


def _is_output(path: Path, output: Path) -> bool:
    """True if a file is a picture of an earlier command."""
    folders = [(output / name).resolve() for name in (MASKS, OVERLAYS, SUBMISSION)]
    return any(folder in path.resolve().parents for folder in folders)


def read_photo(photo: Photo) -> "np.ndarray | DataError":
    """Read a photo uint8 [H,W,3] in upright orientation, or return the error."""
    try:
        photo.name.encode()
        return read_image(photo.path, upright=True)
    except UnicodeEncodeError:  # cannot be written into the tables
        return DataError(f"{str(photo.path)!a}: the name is not UTF-8; rename the photo")
    except DataError as error:
        return error
