"""Photos segmented with a recorded run: masks, pictures to look at, and areas."""

import errno
import glob
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from clothseg import build
from clothseg.config.command_line import check_command
from clothseg.config.schema import Predict, Preparation
from clothseg.dataset.cropped import widen
from clothseg.dataset.image import read_image
from clothseg.dataset.person_boxes import largest_person
from clothseg.dataset.person_detector import PersonDetector
from clothseg.error import ConfigError, DataError, WriteError, first_line
from clothseg.files import write_bytes, write_csv, write_json
from clothseg.label_file import LABEL_FILE, label_rows
from clothseg.labels import LabelSpace
from clothseg.run.restore import ensemble_members, load_task, recorded_config, warn_of_unfinished
from clothseg.screen import console, progress_bar
from clothseg.threads import map_in_order

if TYPE_CHECKING:
    from clothseg.task.semantic import SemanticSegmentation

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
"""What photos end with, in small or capital letters."""
MASKS, OVERLAYS = "masks", "overlays"
"""Folders of what is written."""
NAME_REFUSED = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)
"""What a file system answers to a name that is too long, or has a character that it does not take;
another name can be written there."""


def predict_command(overrides: list[str]) -> int:
    """Segment photos and write what was found; returns the exit status.

    Returns:
        0, when no photo was left out.

    Raises:
        ConfigError: the command line is wrong, or the folder holds no run with a best epoch.
        DataError: there is no photo, the output cannot be written, or, after all others are done,
            photos were left out.
    """
    options = Predict(**check_command(overrides, "predict", Predict)[0].config)
    runs = ensemble_members(Path(options.run), options.ensemble)
    config = recorded_config(runs[0], options.trust)
    warn_of_unfinished(runs)
    output = Path(options.output)
    photos = find_photos(options.input, output)
    segmenter = Segmenter(config, runs, options.tta, options.scales)
    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    reading = map_in_order(_read, photos, ahead=2)
    with progress_bar("segmenting", len(photos)) as advance, reading as read:
        for photo, found in zip(photos, read, strict=True):
            try:
                if isinstance(found, DataError):
                    raise found
                mask = segmenter(found)
                _write_pictures(output, photo, found, mask, segmenter.labels, options)
            except WriteError as error:
                if error.errno not in NAME_REFUSED:
                    raise
                refused = f"its mask cannot be named like it ({error.reason}); rename it"
                problems.append(f"{photo.path}: {refused}")
            except (DataError, MemoryError, RuntimeError, cv2.error) as error:
                text = first_line(error)
                told = isinstance(error, DataError)
                problems.append(text if told else f"{photo.path}: {text}")
            else:
                rows.append(area_row(photo, mask, segmenter.labels.names))
            advance(1)
    if rows:
        _write_tables(output, rows, segmenter.labels)
        console.print(f"{len(rows)} photos segmented", highlight=False)
        console.print(f"written to {output}", soft_wrap=True, markup=False)
    if problems:
        raise DataError(
            "\n".join([f"{len(problems)} of {len(photos)} photos left out:", *problems])
        )
    return 0


@dataclass(frozen=True)
class Photo:
    """One photo that is segmented.

    Args:
        path: the file.
        name: of what is written for it, with the folders below the input, or below the folder that
            all photos of a pattern share.
    """

    path: Path
    name: str


def find_photos(given: str, output: Path) -> list[Photo]:
    """The photos of a file, a folder with all below it, or a pattern, in the order of their names.

    Masks and overlays in the output are none: they are of an earlier time. Two photos whose names
    differ in the suffix only keep it in their names.

    Raises:
        DataError: there is none.
    """
    place = Path(given)
    if place.is_file():
        return [Photo(place, place.stem)]
    if place.is_dir():
        matching = [path for path in sorted(place.rglob("*")) if path.suffix.lower() in SUFFIXES]
    else:
        matching = list(map(Path, sorted(glob.glob(given, recursive=True))))  # noqa: PTH207
    # A broken link is no folder, and told as a photo that cannot be read.
    paths = [path for path in matching if not path.is_dir() and not _written(path, output)]
    if not paths:
        kinds = ", ".join(SUFFIXES)
        what = f"holds no photo ({kinds})" if place.is_dir() else "is no photo, folder or pattern"
        raise DataError(f"input={given} {what}")
    folders = [place] if place.is_dir() else [path.parent for path in paths]
    shared = os.path.commonpath([os.path.abspath(folder) for folder in folders])  # noqa: PTH100
    names = [Path(os.path.relpath(path, shared)) for path in paths]
    bare = [str(name.with_suffix("")) for name in names]
    unique = [str(name) if bare.count(b) > 1 else b for name, b in zip(names, bare, strict=True)]
    twice = sorted({name for name in unique if unique.count(name) > 1})
    if twice:
        raise DataError(f"input={given}: several photos are called {', '.join(twice[:3])}")
    return [Photo(path, name) for path, name in zip(paths, unique, strict=True)]


def _written(path: Path, output: Path) -> bool:
    """Whether a file is among the pictures that an earlier command wrote."""
    folders = [(output / name).resolve() for name in (MASKS, OVERLAYS)]
    return any(folder in path.resolve().parents for folder in folders)


class Segmenter:
    """Tells the class of every pixel of photos of any size, as a run's own test does.

    Photos are cut to the person where the run's were, resized, and seen by the network; what it
    says is brought to the photo's size. What was cut off is background.

    Args:
        config: of a recorded run.
        runs: run folders whose networks are averaged.
        tta: `none` or `flip`.
        scales: sizes at which photos are seen, in units of the training's.

    Raises:
        ConfigError: photos were cut to their labels, which new photos do not have.
    """

    def __init__(
        self, config: Mapping[str, Any], runs: Sequence[Path], tta: str, scales: Sequence[float]
    ) -> None:
        preparation = Preparation.of(config["dataset"])
        if preparation.crop == "mask":
            raise ConfigError(
                [
                    f"run={runs[0]}: its photos were cut to their labels (dataset.crop=mask), "
                    "which new photos do not have; use a run with dataset.crop=none or detector"
                ]
            )
        self.margin, self.detector = preparation.crop_margin, None
        if preparation.crop == "detector":
            self.detector = PersonDetector(preparation.detector)
            self.detector.require()
        self.labels = build.build_labels(config)
        self.size = config["data"]["image_size"]
        self.task = _on_device(load_task(config, runs, tta, scales), config)

    def __call__(self, photo: np.ndarray) -> np.ndarray:
        """Class ids uint8 [H,W] of a photo uint8 [H,W,3], RGB."""
        box = largest_person(self.detector(photo), *photo.shape[:2]) if self.detector else None
        left, top, right, bottom = widen(box, self.margin, *photo.shape[:2])
        part = photo[top:bottom, left:right]
        small = cv2.resize(part, (self.size, self.size), interpolation=cv2.INTER_AREA)
        mask = np.zeros(photo.shape[:2], np.uint8)
        mask[top:bottom, left:right] = self.task.predict(small[None], part.shape[:2])[0]
        return mask


def area_row(photo: Photo, mask: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """Name, size and the pixels of every class of one photo."""
    pixels = np.bincount(mask.ravel(), minlength=len(names)).tolist()
    height, width = mask.shape
    areas = dict(zip(names, pixels, strict=True))
    return {"photo": photo.name, "width": width, "height": height, "pixels": areas}


def _on_device(task: "SemanticSegmentation", config: Mapping[str, Any]) -> "SemanticSegmentation":
    import torch

    wanted = config["trainer"]["accelerator"] != "cpu"
    return task.to("cuda" if wanted and torch.cuda.is_available() else "cpu")


def _read(photo: Photo) -> "np.ndarray | DataError":
    """The photo uint8 [H,W,3] as people see it, or what is wrong with it."""
    try:
        photo.name.encode()
        return read_image(photo.path, upright=True)
    except UnicodeEncodeError:  # the tables cannot name it
        return DataError(f"{str(photo.path)!a}: the name is not UTF-8; rename the file")
    except DataError as error:
        return error


def _write_pictures(
    output: Path,
    photo: Photo,
    pixels: np.ndarray,
    mask: np.ndarray,
    labels: LabelSpace,
    options: Predict,
) -> None:
    """Write the mask and, when asked to, the overlay of a photo.

    Raises:
        WriteError: a file cannot be written.
    """
    pictures = {output / MASKS / f"{photo.name}.png": mask}
    if options.overlays:
        from clothseg.report.overlay import overlay

        picture = overlay(pixels, mask, labels.names, labels.palette, options.opacity)
        path = output / OVERLAYS / f"{photo.name}.jpg"
        pictures[path] = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    for path, picture in pictures.items():
        write_bytes(path, cv2.imencode(path.suffix, picture)[1].tobytes())


def _write_tables(output: Path, rows: Sequence[Mapping[str, Any]], labels: LabelSpace) -> None:
    write_json(output / LABEL_FILE, label_rows(labels))
    write_json(output / "areas.json", rows)
    table = [[row["photo"], row["width"], row["height"], *row["pixels"].values()] for row in rows]
    write_csv(output / "areas.csv", ["photo", "width", "height", *labels.names], table)
