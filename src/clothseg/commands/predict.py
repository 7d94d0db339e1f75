"""Command `scripts/predict.py`: segment photos with a recorded run; write masks and areas."""

import errno
import glob
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from clothseg.config.command_line import check_settings
from clothseg.config.run_config import RunConfig
from clothseg.config.settings import Predict
from clothseg.dataset.cropped import widen
from clothseg.dataset.image import read_image
from clothseg.dataset.listing import describe_others
from clothseg.dataset.person_boxes import largest_person
from clothseg.dataset.person_detector import open_detector
from clothseg.error import ConfigError, DataError, DivergedError, WriteError, first_line, listed
from clothseg.files import write_bytes, write_csv, write_json
from clothseg.label_file import LABEL_FILE, label_rows
from clothseg.labels import LabelSpace
from clothseg.run.restore import (
    ensemble_members,
    load_segmenter,
    recorded_config,
    warn_if_unfinished,
)
from clothseg.task.color_names import dominant_colors
from clothseg.terminal.screen import console, progress_bar
from clothseg.threads import map_in_order

if TYPE_CHECKING:
    from clothseg.task.segmenter import Segmenter

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
"""Suffixes of photos, case-insensitive."""
MASKS, OVERLAYS = "masks", "overlays"
"""Output subfolders."""
BYTES_PER_LOGIT = 4
INVALID_NAME_ERRORS = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)
"""Errors of a file system for a name that is too long or has unsupported characters; files with
other names can be written to the same folder."""


def predict_command(overrides: list[str]) -> int:
    """Segment photos and write the results; return the exit status.

    Returns:
        0 if no photo was skipped.

    Raises:
        ConfigError: the command line is invalid, or the folder contains no run with a best epoch.
        DataError: there is no photo, the output cannot be written, or photos were skipped, which
            is reported after all others are done.
    """
    options = check_settings(overrides, "predict", Predict)
    runs = ensemble_members(Path(options.run), options.ensemble, options.trust)
    config = recorded_config(runs[0], options.trust)
    warn_if_unfinished(runs)
    output = Path(options.output)
    photos = find_photos(options.input, output)
    segmenter = PhotoSegmenter(config, runs, options.tta, options.scales)
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
                if error.errno not in INVALID_NAME_ERRORS:
                    raise
                reason = f"its mask cannot have the same name ({error.reason}); rename the photo"
                problems.append(f"{photo.path}: {reason}")
            except (DataError, DivergedError, MemoryError, RuntimeError, cv2.error) as error:
                text = first_line(error)
                names_file = isinstance(error, DataError)
                problems.append(text if names_file else f"{photo.path}: {text}")
            else:
                names = segmenter.labels.names
                rows.append(area_row(photo, mask, names) | color_row(found, mask, names))
            advance(1)
    if rest := other_files(options.input, output):
        console.print(rest, soft_wrap=True, markup=False)
    if rows:
        _write_tables(output, rows, segmenter.labels)
        console.print(f"{len(rows)} photos segmented", highlight=False)
        console.print(f"written to {output}", soft_wrap=True, markup=False)
    if problems:
        raise DataError(
            "\n".join([f"{len(problems)} of {len(photos)} photos skipped:", *listed(problems)])
        )
    return 0


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

    Masks and overlays from an earlier command in the output folder are excluded. Photos whose names
    differ only in the suffix keep the suffix in their names.

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
    """True if a file is a mask or an overlay of an earlier command."""
    folders = [(output / name).resolve() for name in (MASKS, OVERLAYS)]
    return any(folder in path.resolve().parents for folder in folders)


class PhotoSegmenter:
    """Segments photos of any size with the preprocessing of a recorded run.

    Photos are cropped to the person if the run's were, placed in the network's input by the run's
    `data.fit`, and passed to the network. The logits are resized to the photo's size; pixels that
    the network has not seen, outside the person or cut off by `data.fit=crop`, are background.

    Args:
        config: configuration of a recorded run.
        runs: run folders whose networks are averaged.
        tta: `none` or `flip`.
        scales: input scales to average over, relative to the training image size.

    Raises:
        ConfigError: the run's images were cropped to their labels, which new photos lack.
    """

    def __init__(
        self, config: RunConfig, runs: Sequence[Path], tta: str, scales: Sequence[float]
    ) -> None:
        preparation = config.preparation
        if preparation.crop == "mask":
            raise ConfigError(
                [
                    f"run={runs[0]}: trained on images cropped to their labels (dataset.crop=mask),"
                    " which new photos do not have; use a run with dataset.crop=none or detector"
                ]
            )
        self.margin, self.detector = preparation.crop_margin, None
        if preparation.crop == "detector":
            self.detector = open_detector(preparation.detector)
            self.detector.require()
        self.labels = config.labels
        self.memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        self.frame = config.data.frame
        self.segmenter = _on_device(load_segmenter(config, runs, tta, scales), config)

    def __call__(self, photo: np.ndarray) -> np.ndarray:
        """Segment a photo uint8 [H,W,3], RGB; return class ids uint8 [H,W].

        Raises:
            MemoryError: the logits of a photo of this size exceed the memory of this machine, so
                that the system would end the command.
        """
        height, width = photo.shape[:2]
        required = BYTES_PER_LOGIT * len(self.labels) * height * width
        if required > self.memory:
            raise MemoryError(
                f"{width}x{height} pixels of {len(self.labels)} classes need "
                f"{required / 1e9:.0f} GB of memory; reduce the size of the photo"
            )
        box = largest_person(self.detector(photo), *photo.shape[:2]) if self.detector else None
        left, top, right, bottom = widen(box, self.margin, *photo.shape[:2])
        crop = photo[top:bottom, left:right]
        placement = self.frame.placement(*crop.shape[:2])
        images = placement.image(crop)[None]
        mask = np.zeros(photo.shape[:2], np.uint8)
        mask[top:bottom, left:right] = self.segmenter.predict(images, placement)[0]
        return mask


def area_row(photo: Photo, mask: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """Name, size, and pixel count of each class for one photo."""
    pixels = np.bincount(mask.ravel(), minlength=len(names)).tolist()
    height, width = mask.shape
    areas = dict(zip(names, pixels, strict=True))
    return {"photo": photo.name, "width": width, "height": height, "pixels": areas}


def color_row(image: np.ndarray, mask: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """Dominant colors of each class but the background, for one photo."""
    found = dominant_colors(image, mask, len(names))
    pairs = zip(names[1:], found[1:], strict=True)
    return {"colors": {name: list(map(asdict, colors)) for name, colors in pairs if colors}}


def _on_device(segmenter: "Segmenter", config: RunConfig) -> "Segmenter":
    import torch

    allowed = config.execution.accelerator != "cpu"
    return segmenter.to("cuda" if allowed and torch.cuda.is_available() else "cpu")


def _read(photo: Photo) -> "np.ndarray | DataError":
    """Read a photo uint8 [H,W,3] in upright orientation, or return the error."""
    try:
        photo.name.encode()
        return read_image(photo.path, upright=True)
    except UnicodeEncodeError:  # cannot be written into the tables
        return DataError(f"{str(photo.path)!a}: the name is not UTF-8; rename the photo")
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
    """Write the mask and, if enabled, the overlay of a photo.

    Raises:
        WriteError: a file cannot be written.
    """
    pictures = {output / MASKS / f"{photo.name}.png": labels.file_ids[mask]}
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
