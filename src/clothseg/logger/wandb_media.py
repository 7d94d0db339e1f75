"""Weights & Biases media of a run: tables, the confusion matrix, and images with masks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clothseg.error import DataError, first_line
from clothseg.labels import IGNORE
from clothseg.logger import wandb_keys as keys
from clothseg.logger.wandb_client import import_wandb
from clothseg.report.masks import lay_over
from clothseg.report.predictions import OPACITY
from clothseg.report.results import figures
from clothseg.terminal.screen import say

if TYPE_CHECKING:
    from clothseg.report.predictions import Example


EXAMPLE_COLUMNS = ("image", "kind", "IoU", "photo", "truth", "prediction")


def class_table(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Create a table of the scores of all classes.

    Args:
        rows: one flat row per class, all with the same keys.
    """
    columns = list(rows[0])
    return import_wandb().Table(
        columns=columns, data=[[row[key] for key in columns] for row in rows]
    )


def confusion_plot(matrix: np.ndarray, names: Sequence[str]) -> Any:
    """Create the service's confusion-matrix plot from counts.

    `wandb.plot.confusion_matrix` takes lists with one entry per sample, too many for pixels.

    Args:
        matrix: pixel counts int64 [K,K]; rows are the ground truth.
        names: class names [K].
    """
    wandb = import_wandb()
    data = [
        [actual, predicted, int(matrix[i, j])]
        for i, actual in enumerate(names)
        for j, predicted in enumerate(names)
    ]
    columns = list(keys.CONFUSION_COLUMNS)
    return wandb.plot_table(
        vega_spec_name=keys.CONFUSION_CHART,
        data_table=wandb.Table(columns=columns, data=data),
        fields={column: column for column in columns},
        string_fields={"title": "pixels of the test set"},
    )


def figure_images(folder: Path) -> dict[str, Any]:
    """Return the figures of a record by logging key, without those that are no pictures in it."""
    images = {}
    for name, path in figures(folder).items():
        try:
            if not path.resolve().is_relative_to(folder.resolve()):
                raise DataError("it leads out of the record")
            images[keys.figure_key(name)] = import_wandb().Image(str(path))
        except Exception as error:  # Pillow raises many types for damaged files
            say(f"warning: {path} is not logged ({first_line(error)})")
    return images


def overlay_masks(examples: Sequence["Example"], names: Sequence[str]) -> list[Any]:
    """Create images with overlays of ground truth and prediction, switchable per class.

    Args:
        examples: test images, each with the prediction of the run.
        names: class names [K].
    """
    wandb = import_wandb()
    images = []
    for example in examples:
        (prediction,) = example.predictions
        masks = {"prediction": prediction.mask, "truth": example.ground_truth}
        images.append(
            wandb.Image(
                example.image,
                caption=caption(example),
                masks={key: overlay(mask, names) for key, mask in masks.items()},
            )
        )
    return images


def example_table(examples: Mapping[str, Sequence["Example"]], colors: np.ndarray) -> Any:
    """Create a table of test images: photo, ground truth and prediction.

    Args:
        examples: test images by kind, each with the prediction of the run.
        colors: class colors RGB uint8 [K,3].
    """
    table = import_wandb().Table(columns=list(EXAMPLE_COLUMNS))
    for kind, shown in examples.items():
        for example in shown:
            (prediction,) = example.predictions
            pictures = [
                example.image,
                *(
                    lay_over(example.image, mask, colors, OPACITY)
                    for mask in (example.ground_truth, prediction.mask)
                ),
            ]
            images = map(import_wandb().Image, pictures)
            table.add_data(example.name, kind, round(prediction.iou, 4), *images)
    return table


def overlay(mask: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """Describe a mask as the service does.

    Args:
        mask: ids [H,W], 255 = ignore.
        names: names of the ids from 0.
    """
    return {"mask_data": mask, "class_labels": dict(enumerate(names)) | {IGNORE: "ignored"}}


def caption(example: "Example") -> str:
    """Return the caption of a test image with the prediction of the run."""
    (prediction,) = example.predictions
    return f"{example.name}, IoU {100 * prediction.iou:.1f} %"
