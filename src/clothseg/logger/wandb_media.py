"""What a page of Weights & Biases shows of a run: tables, a matrix, photos under their masks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clothseg.labels import IGNORE
from clothseg.logger.wandb_client import client
from clothseg.report.results import figures

if TYPE_CHECKING:
    from clothseg.report.predictions import Example


def class_table(rows: Sequence[Mapping[str, Any]]) -> Any:
    """The scores of all classes as a table.

    Args:
        rows: one flat row per class, all with the same keys.
    """
    columns = list(rows[0])
    return client().Table(columns=columns, data=[[row[key] for key in columns] for row in rows])


def confusion_plot(matrix: np.ndarray, names: Sequence[str]) -> Any:
    """The service's own plot of a confusion matrix, from counts.

    Its usual maker takes lists with one entry per sample, and there are millions of pixels.

    Args:
        matrix: pixel counts int64 [K,K], rows = truth.
        names: class names [K].
    """
    wandb = client()
    data = [
        [actual, predicted, int(matrix[i, j])]
        for i, actual in enumerate(names)
        for j, predicted in enumerate(names)
    ]
    columns = ["Actual", "Predicted", "nPredictions"]
    return wandb.plot_table(
        vega_spec_name="wandb/confusion_matrix/v1",
        data_table=wandb.Table(columns=columns, data=data),
        fields={column: column for column in columns},
        string_fields={"title": "pixels of the test part"},
    )


def figure_images(folder: Path) -> dict[str, Any]:
    """The figures of a record by the keys that they are logged under."""
    wandb = client()
    return {f"figures/{name}": wandb.Image(str(path)) for name, path in figures(folder).items()}


def overlaid(examples: Sequence["Example"], names: Sequence[str]) -> list[Any]:
    """Photos over which truth and prediction can be laid, class by class.

    Args:
        examples: test photos.
        names: class names [K].
    """
    wandb = client()
    labels = dict(enumerate(names)) | {IGNORE: "ignored"}
    images = []
    for example in examples:
        masks = {"prediction": example.prediction, "truth": example.ground_truth}
        images.append(
            wandb.Image(
                example.image,
                caption=f"{example.name}, IoU {100 * example.iou:.1f} %",
                masks={
                    key: {"mask_data": mask, "class_labels": labels} for key, mask in masks.items()
                },
            )
        )
    return images
