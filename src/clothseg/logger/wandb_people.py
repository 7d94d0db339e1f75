"""Weights & Biases images of people: their boxes, the people themselves, and maps of their parts.

Each image has a key of its own: the service shows those of a list in the size of the first one, but
pictures of people differ in size.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clothseg.datamodule.pictures import person_boxes
from clothseg.labels import IGNORE
from clothseg.logger.wandb_client import import_wandb
from clothseg.logger.wandb_keys import numbered
from clothseg.logger.wandb_media import caption, overlay

if TYPE_CHECKING:
    from clothseg.report.people import PeoplePicture, ShownPeople
    from clothseg.report.predictions import Example


def people_images(
    key: str, examples: Sequence["Example"], values: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """Create images with switchable boxes and overlays, by logging key: `<key>_1`, `<key>_2` etc.

    Args:
        key: first part of the keys.
        examples: test images, each with its people; those without are left out.
        values: names of the values of each map of people, in id order.
    """
    wandb = import_wandb()
    return {
        numbered(key, number): wandb.Image(
            example.image,
            caption=caption(example),
            boxes=box_overlays(example.people),
            masks=mask_overlays(example.people, values),
        )
        for number, example in enumerate(examples, start=1)
        if example.people
    }


def box_overlays(picture: "PeoplePicture") -> dict[str, Any]:
    """Describe the boxes around the people of a picture as the service does.

    A box is a fraction of the picture, its class is the number of the person.

    Returns:
        The boxes of `prediction`, with scores, and of `truth`, if there is one.
    """
    return {
        side: {
            "box_data": _boxes(people),
            "class_labels": {number: _person(number) for number in people.numbers},
        }
        for side, people in _sides(picture).items()
    }


def mask_overlays(picture: "PeoplePicture", values: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Describe people and the maps of a picture as the service does.

    Args:
        picture: the picture.
        values: names of the values of each map, in id order.

    Returns:
        Masks such as `people_prediction`, `people_truth`, `parts_prediction` and `color_truth`.
    """
    masks = {}
    for side, people in _sides(picture).items():
        last = max(people.numbers, default=0)
        names = ["none", *map(_person, range(1, last + 1))]
        masks[f"people_{side}"] = overlay(people.person, names)
        for kind, found in people.maps.items():
            masks[f"{kind}_{side}"] = overlay(found, values[kind])
    return masks


def _sides(picture: "PeoplePicture") -> dict[str, "ShownPeople"]:
    """People that were predicted, and true ones if they are known."""
    truth = {} if picture.truth is None else {"truth": picture.truth}
    return {"prediction": picture.prediction} | truth


def _boxes(people: "ShownPeople") -> list[dict[str, Any]]:
    boxes, numbers = person_boxes(np.where(people.person == IGNORE, 0, people.person))
    entries = []
    for (x, y, width, height), number in zip(boxes.tolist(), numbers.tolist(), strict=True):
        position = {"middle": [x, y], "width": width, "height": height}
        entry = {"position": position, "class_id": number, "box_caption": _person(number)}
        if people.scores is not None:
            score = float(people.scores[number - 1])
            entry |= {"scores": {"score": score}, "box_caption": f"{_person(number)} {score:.2f}"}
        entries.append(entry)
    return entries


def _person(number: int) -> str:
    return f"person {number}"
