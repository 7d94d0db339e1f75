"""Prediction of people, their parts and what these are like."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from clothseg.commands.predict.areas import photo_row
from clothseg.commands.predict.memory import on_device, require_memory
from clothseg.commands.predict.photos import MASKS, OVERLAYS, SUBMISSION, Photo
from clothseg.config.run_config import RunConfig
from clothseg.dataset import rle
from clothseg.dataset.cihp_submission import write_picture
from clothseg.error import ConfigError, shortened
from clothseg.files import write_bytes, write_json
from clothseg.geometry import OwnAspect
from clothseg.metric.names import PARTS
from clothseg.run.restore import load_parser
from clothseg.task.description import Part, describe, sentence
from clothseg.task.people import People
from clothseg.terminal.screen import say

PEOPLE = "people"
"""Output subfolder of the descriptions of people."""
MAX_SENTENCE = 400
"""Most characters of a sentence about a person on the screen."""


class PhotoParser:
    """Human parsing of photos of any size.

    Photos are reduced to the longest side of the run's images; the result has their original size.

    Args:
        config: configuration of a recorded run.
        runs: its run folder.
        tta: `none`; averages over flips or scales are not defined for people.
        scales: [1.0].
        overlays: also draw people and maps over the photo.

    Raises:
        ConfigError: several runs, flips or scales are to be averaged, or the run's images were
            cropped to one person.
    """

    def __init__(
        self,
        config: RunConfig,
        runs: Sequence[Path],
        tta: str,
        scales: Sequence[float],
        overlays: bool,
    ) -> None:
        if config.preparation.crop != "none":
            raise ConfigError(
                [
                    f"run={runs[0]}: trained on images cropped to one person (dataset.crop="
                    f"{config.preparation.crop}), which photos of several people are not; use a "
                    "run with dataset.crop=none"
                ]
            )
        self.labels, self.overlays = config.labels, overlays
        self.form = OwnAspect(max(config.data.frame.size))
        self.parser = on_device(load_parser(config, runs, tta, scales), config)
        self.values = self.parser.values

    def __call__(self, photo: np.ndarray) -> People:
        """Find the people in a photo uint8 [H,W,3], RGB."""
        height, width = photo.shape[:2]
        require_memory((height, width), sum(map(len, self.values.values())))
        image = self.form.placement(height, width).image(photo)
        return self.parser.predict(image, (height, width))

    def write(self, output: Path, photo: Photo, pixels: np.ndarray, people: People) -> None:
        """Write masks, people and, if enabled, the overlay of a photo, and say who is in it.

        A submission has all people that are scored; the others are those that are shown.

        Raises:
            WriteError: a file cannot be written.
        """
        mask = cv2.imencode(".png", self.labels.file_ids[people.maps[PARTS]])[1]
        write_bytes(output / MASKS / f"{photo.name}.png", mask.tobytes())
        write_picture(output / SUBMISSION, photo.name, people.picture())
        shown = people.shown()
        described = person_rows(shown, pixels, self.values)
        row = {"photo": photo.name, "width": pixels.shape[1], "height": pixels.shape[0]}
        write_json(output / PEOPLE / f"{photo.name}.json", row | {"people": described})
        for person in described:
            text = shortened(person["description"] or "no part", MAX_SENTENCE)
            say(f"{photo.name}  person {person['number']} ({100 * person['score']:.0f} %): {text}")
        if self.overlays:
            self._draw(output / OVERLAYS / f"{photo.name}.png", photo, pixels, shown)

    def row(self, photo: Photo, pixels: np.ndarray, people: People) -> dict[str, Any]:
        """Describe a photo for the tables."""
        row = photo_row(photo, pixels, people.maps[PARTS], self.labels.names)
        return row | {"people": len(people.shown().scores)}

    def _draw(self, path: Path, photo: Photo, pixels: np.ndarray, people: People) -> None:
        from clothseg.report.people import PeoplePicture, ShownPeople, draw_people

        shown = ShownPeople(people.person, people.maps, people.scores)
        colors = {PARTS: [*self.labels.colors]}
        picture = PeoplePicture(photo.name, pixels, shown)
        draw_people([picture], self.values, colors, path, "People, parts and characteristics")


def person_rows(
    people: People, image: np.ndarray, values: Mapping[str, Sequence[str]]
) -> list[dict[str, Any]]:
    """Describe people for JSON, in the order of their numbers.

    Args:
        people: the people.
        image: RGB uint8 [H,W,3].
        values: names of the values of each map.
    """
    return [
        {
            "number": number,
            "score": float(people.scores[number - 1]),
            "box": _box(people.person == number),
            "description": sentence(parts, values),
            "mask": _mask(people.person == number),
            "parts": [_part_row(part, number, people, values) for part in parts],
        }
        for number, parts in enumerate(describe(people, image), start=1)
    ]


def _part_row(
    part: Part, number: int, people: People, values: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """Describe a part; a characteristic has the fraction of the part's pixels that have it."""
    found = {
        kind: {"value": values[kind][value], "fraction": fraction}
        for kind, (value, fraction) in part.characteristics.items()
    }
    mask = (people.person == number) & (people.maps[PARTS] == part.label)
    name = values[PARTS][part.label]
    row = {"class": name, "score": part.score, "pixels": part.pixels}
    colors = list(map(asdict, part.colors))
    return row | found | {"colors": colors, "mask": _mask(mask)}


def _box(mask: np.ndarray) -> list[int]:
    """Left, top, width and height of a mask, pixels."""
    return list(map(int, cv2.boundingRect(mask.astype(np.uint8))))


def _mask(mask: np.ndarray) -> dict[str, Any]:
    """Encode a mask as COCO's run-length encoding."""
    return {"size": list(mask.shape), "counts": rle.encode(mask)}
