"""Command `scripts/predict.py`: segment photos with a recorded run; write masks and areas."""

import errno
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from clothseg.commands.predict.areas import write_tables
from clothseg.commands.predict.parsing import PhotoParser
from clothseg.commands.predict.photos import Photo, find_photos, other_files, read_photo
from clothseg.commands.predict.semantic import PhotoSegmenter
from clothseg.config.command_line import check_settings
from clothseg.config.run_config import RunConfig
from clothseg.config.settings import Predict
from clothseg.error import DataError, DivergedError, WriteError, first_line, listed
from clothseg.run.restore import ensemble_members, recorded_config, warn_if_unfinished
from clothseg.task import Parsing
from clothseg.terminal.screen import console, progress_bar
from clothseg.threads import map_in_order

INVALID_NAME_ERRORS = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)
"""Errors of a file system for a name that is too long or has unsupported characters; files with
other names can be written to the same folder."""


class Predictor(Protocol):
    """Prediction for photos, one at a time."""

    def __call__(self, photo: np.ndarray) -> Any:
        """Return the prediction for a photo uint8 [H,W,3], RGB."""

    def write(self, output: Path, photo: Photo, pixels: np.ndarray, result: Any) -> None:
        """Write the prediction for a photo into the output folder."""

    def row(self, photo: Photo, pixels: np.ndarray, result: Any) -> dict[str, Any]:
        """Describe a photo for the tables."""


def predict_command(overrides: list[str]) -> int:
    """Segment photos, and write the results; return the exit status.

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
    predictor = _predictor(config, runs, options)
    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    reading = map_in_order(read_photo, photos, ahead=2)
    with progress_bar("segmenting", len(photos)) as advance, reading as read:
        for photo, found in zip(photos, read, strict=True):
            try:
                if isinstance(found, DataError):
                    raise found
                result = predictor(found)
                predictor.write(output, photo, found, result)
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
                rows.append(predictor.row(photo, found, result))
            advance(1)
    if rest := other_files(options.input, output):
        console.print(rest, soft_wrap=True, markup=False)
    if rows:
        write_tables(output, rows, config.labels)
        console.print(f"{len(rows)} photos segmented", highlight=False)
        console.print(f"written to {output}", soft_wrap=True, markup=False)
    if problems:
        raise DataError(
            "\n".join([f"{len(problems)} of {len(photos)} photos skipped:", *listed(problems)])
        )
    return 0


def _predictor(config: RunConfig, runs: Sequence[Path], options: Predict) -> Predictor:
    """Choose the prediction by the task of the run."""
    averaged = options.tta, options.scales
    if isinstance(config.task, Parsing):
        return PhotoParser(config, runs, *averaged, options.overlays)
    return PhotoSegmenter(config, runs, *averaged, options.overlays, options.opacity)
