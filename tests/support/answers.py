"""Independently computed answers that tests compare with; `tests/answers/README.md` describes them.

Each function loads one topic and is named after what it returns.
"""

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from support.paths import REPOSITORY

ANSWERS = REPOSITORY / "tests" / "answers"

METRIC_CASES = (
    "random_ignore",
    "absent_classes",
    "single_class_images",
    "all_ignored",
    "one_image_ignored",
    "components",
    "ccp15",
    "ccp15_ignore_edges",
    "ccp15_good",
    "ccp15_perfect",
    "ccp59",
)


PARSING_SCENES = (
    "plain",
    "empty_cases",
    "duplicates",
    "absent_classes",
    "ties",
    "crowd12",
    "perfect",
)

PERSON_SCENES = (
    "noisy",
    "tied",
    "crowded",
    "equal_ious",
    "seven_of_twenty",
    "no_true_people",
    "no_predictions",
)


@dataclass(frozen=True)
class MetricCase:
    """Masks uint8 [N,H,W], number of classes, and scores by name (NaN where undefined)."""

    prediction: np.ndarray
    target: np.ndarray
    classes: int
    scores: dict[str, np.ndarray]

    def expect(self, score: str) -> np.ndarray:
        """The expected values of a score."""
        return self.scores[score]


@dataclass(frozen=True)
class LossCase:
    """Logits [N,K,H,W], target [N,H,W], class weights; values and gradients by name of the loss."""

    logits: np.ndarray
    target: np.ndarray
    weights: np.ndarray
    values: dict[str, float]
    gradients: dict[str, np.ndarray]


def metric_case(name: str) -> MetricCase:
    """One of `METRIC_CASES` with everything that is scored in it."""
    case = _json("metrics")[name]
    masks = _arrays("metric_masks", f"{name}/")
    scores = {key: _array(values) for key, values in case["scores"].items()}
    return MetricCase(masks["prediction"], masks["target"], case["classes"], scores)


def loss_cases() -> dict[str, LossCase]:
    """Batches with the value of every loss, and for two of them some gradients."""
    cases = {}
    for name, values in _json("losses")["values"].items():
        inputs = _arrays("loss_inputs", f"{name}/")
        gradients = _arrays("loss_inputs", f"{name}/gradient/")
        cases[name] = LossCase(
            inputs["logits"], inputs["target"], inputs["weights"], values, gradients
        )
    return cases


def class_weight_answers() -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Pixels by class, pixels of the images with the class, and raw weights by scheme."""
    answers = _json("losses")["class_weights"]
    weights = {scheme: _array(values) for scheme, values in answers["weights"].items()}
    return _array(answers["pixels"]), _array(answers["pixels_of_images_with_class"]), weights


def pooled_label_cases() -> dict[str, dict[str, np.ndarray]]:
    """A mask without and with ignored pixels: `target` [1,H,W], and by level 1 to 6 whether classes
    occur, `presence_<level>`, and whether that is known, `valid_<level>`, all uint8 [1,4,h,w].
    """
    return {name: _arrays("label_pooling", f"{name}/") for name in ("clean", "ignore")}


def parsing_scene(name: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Maps and lists of true and predicted people in pictures, and their scores."""
    return _arrays("parsing_scenes", f"{name}/"), _json("parsing_scores")[name]


def person_scene(name: str) -> dict[str, np.ndarray]:
    """One of `PERSON_SCENES`: `people` [N,H,W]; `masks` [M,H,W], their `picture` and `scores`."""
    return _arrays("person_masks", f"{name}/")


def person_precision(name: str) -> np.ndarray:
    """COCO's AP of masks at ten thresholds, in one of `PERSON_SCENES` or `PARSING_SCENES`."""
    return np.array(_json("person_ap")[name], float)


def parsing_losses() -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Outputs and targets of a network for people, and its matches, losses and position code."""
    return _arrays("parsing_losses"), _json("parsing_losses")


def opening_answers() -> dict[str, np.ndarray]:
    """Probabilities [K,H,W], opened ones, and class maps by mode and kernel."""
    return _arrays("openings")


def ccp_names() -> list[str]:
    """CCP's 59 names in the order of their ids."""
    return _json("labels")["ccp59"]


def gathered_ccp_names(space: str) -> dict[str, list[str]]:
    """CCP names that each class of `refined15` or `body4` gathers; classes in the order of ids."""
    return _json("labels")[space]


def imaterialist_descriptions() -> dict[str, list[dict[str, Any]]]:
    """Categories and attributes of iMaterialist 2019 by the names of the release."""
    return _json("labels")["imaterialist"]


def ccp_statistics() -> dict[str, Any]:
    """Counts over CCP's annotated images: pixels and images by class, anomalies, split columns."""
    return _json("ccp")


def model_pairs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Architecture, encoder and outcome of each pair of segmentation-models-pytorch."""
    for architecture, encoders in _json("models").items():
        for encoder, outcome in encoders.items():
            yield architecture, encoder, outcome


def segnet_parameters() -> dict[str, Any]:
    """Parameters by block: printed in the paper, and computed by decoder convolutions."""
    return _json("segnet")


def modanet_split() -> dict[str, Any]:
    """Instances by image and class, and the rule that an evaluation part must meet."""
    return _json("modanet_split")


def unpack_datasets(folder: Path) -> None:
    """Write the drawn datasets (cihp, ccihp, cfpd, imaterialist, modanet) into a folder.

    Label maps lie uncompressed in the archives, which makes the archives smaller.
    """
    for archive in sorted((ANSWERS / "datasets").glob("*.tar.xz")):
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    for path in folder.rglob("*.png"):
        with Image.open(path) as image:
            image.load()
        image.save(path, compress_level=1)


def _json(name: str) -> Any:
    return json.loads((ANSWERS / f"{name}.json").read_text())


def _arrays(name: str, prefix: str = "") -> dict[str, np.ndarray]:
    """Arrays of a file whose names start with the prefix, which is cut off."""
    with np.load(ANSWERS / f"{name}.npz") as file:
        return {key[len(prefix) :]: file[key] for key in file if key.startswith(prefix)}


def _array(values: Any) -> np.ndarray:
    """Numbers of a JSON file as an array, null as NaN."""
    array = np.array(values)
    return array.astype(float) if array.dtype == object else array
