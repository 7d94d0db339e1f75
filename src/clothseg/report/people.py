"""People in images, their parts and what these are like: ground truth above, prediction below."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from clothseg.error import shortened
from clothseg.geometry import inscribed
from clothseg.labels import IGNORE
from clothseg.report.canvas import MAX_NAME
from clothseg.report.legend import class_entries, ignored_entry, occurring_values
from clothseg.report.masks import lay_over, with_few_shades
from clothseg.report.palettes import BACKGROUND, PEOPLE, value_colors
from clothseg.report.person_labels import label_people
from clothseg.report.picture_grid import Row, draw_grid

OPACITY = 0.8
"""Opacity of colors over an image; pixels without a value are not painted."""
BRIGHTNESS = 0.55
"""Brightness of the image below colors, which is gray so that its own are not taken for them."""
LONGEST_SIDE = 290
"""Longest side of a picture, pixels."""
MIN_IOU = 0.1
"""IoU above which a predicted person is drawn in the color of a true one, the lowest threshold of
AP^p."""


@dataclass(frozen=True)
class ShownPeople:
    """People of an image, true or predicted.

    Args:
        person: number of the person, integers [H,W] up to 254, 0 = none, 255 = ignore.
        maps: class ids uint8 [H,W] of the parts and of each characteristic, 0 = none, 255 = ignore.
        scores: score of each person by number from 1, float [P], 0 to 1; None for true people.
    """

    person: np.ndarray
    maps: Mapping[str, np.ndarray]
    scores: np.ndarray | None = None

    @property
    def numbers(self) -> list[int]:
        """Numbers of the people that have a pixel, ascending."""
        return [int(n) for n in np.unique(self.person) if n not in (0, IGNORE)]


@dataclass(frozen=True)
class PeoplePicture:
    """Image with its people.

    Args:
        name: name of the sample.
        image: RGB uint8 [H,W,3].
        prediction: the predicted people.
        truth: the true people; None without ground truth.
    """

    name: str
    image: np.ndarray
    prediction: ShownPeople
    truth: ShownPeople | None = None

    @property
    def rows(self) -> dict[str, ShownPeople]:
        """People of each row, by its label."""
        truth = {} if self.truth is None else {"ground truth": self.truth}
        return truth | {"prediction": self.prediction}


def draw_people(
    pictures: Sequence[PeoplePicture],
    names: Mapping[str, Sequence[str]],
    colors: Mapping[str, Sequence[str]],
    path: Path,
    title: str,
    longest_side: int = LONGEST_SIDE,
) -> None:
    """Draw images, their people, and one column for each kind of map that any of them has.

    Two rows per image, ground truth and prediction, or one without ground truth. A predicted person
    has the color of the true one that it overlaps. Each has its number and, where there is room,
    its score. Ignored pixels are hatched gray.

    Args:
        pictures: the images from top to bottom, at least one.
        names: names of the values of each kind of map in id order [K]; columns are in this order.
        colors: one `#rrggbb` per value [K]; kinds that are not in it have those of
            :func:`clothseg.report.palettes.value_colors`.
        path: the PNG to write.
        title: title of the figure.
        longest_side: longest side of a picture, pixels.

    Source: loesch2021, Fig. 1.
    """
    shown = [people for picture in pictures for people in picture.rows.values()]
    kinds = [kind for kind in names if any(kind in people.maps for people in shown)]
    palettes = {kind: colors.get(kind) or value_colors(names[kind]) for kind in kinds}
    rows = [row for picture in pictures for row in _rows(picture, palettes, longest_side)]
    occurring = {
        kind: occurring_values(people.maps[kind] for people in shown if kind in people.maps)
        for kind in kinds
    }
    legends = {
        kind: entries
        for kind in kinds
        if (entries := class_entries(occurring[kind], names[kind], palettes[kind]))
    }
    if any(values[IGNORE] for values in occurring.values()) or any(
        (people.person == IGNORE).any() for people in shown
    ):
        legends["other"] = [ignored_entry()]
    draw_grid(rows, ("image", "people", *kinds), legends, path, title)


def _rows(
    picture: PeoplePicture, palettes: Mapping[str, Sequence[str]], longest_side: int
) -> Iterator[Row]:
    """Yield the rows of an image; only the first of them shows it."""
    height, width = inscribed(picture.image.shape[:2], (longest_side, longest_side))
    shrink = height < picture.image.shape[0]
    method = cv2.INTER_AREA if shrink else cv2.INTER_NEAREST_EXACT
    image = cv2.resize(np.ascontiguousarray(picture.image), (width, height), interpolation=method)
    blank, below = np.full_like(image, 255), _muted(image)
    for index, (label, people) in enumerate(picture.rows.items()):
        truth = None if people is picture.truth else picture.truth
        cells = [blank if index else image, _draw_persons(below, people, truth)]
        for kind, palette in palettes.items():
            found = people.maps.get(kind)
            cells.append(blank if found is None else lay_over(below, found, _rgb(palette), OPACITY))
        count = len(people.numbers)
        caption = "1 person" if count == 1 else f"{count} people"
        if truth is not None and count:
            caption += ", matched colors"
        captions = ["", caption, *[""] * len(palettes)]
        heading = "" if index else shortened(picture.name, MAX_NAME)
        yield Row(label, list(map(with_few_shades, cells)), captions, heading)


def _draw_persons(image: np.ndarray, people: ShownPeople, truth: ShownPeople | None) -> np.ndarray:
    """Lay people over an image, each with its number and score."""
    numbers = _color_numbers(people.person, None if truth is None else truth.person)
    palette = _rgb([BACKGROUND, *(PEOPLE[n % len(PEOPLE)] for n in range(IGNORE - 1))])
    picture = lay_over(image, numbers[people.person], palette, OPACITY)
    texts = {n: [f"{n}"] for n in people.numbers}
    if people.scores is not None:
        texts = {n: _person_texts(n, people.scores[n - 1]) for n in texts}
    return label_people(picture, people.person, texts)


def _color_numbers(person: np.ndarray, truth: np.ndarray | None) -> np.ndarray:
    """Return the number by which each person is colored, that of the true one it overlaps.

    People that overlap no true one have the numbers after those of the true ones.

    Args:
        person: number of the person, integers [H,W].
        truth: number of the true person, integers [H,W]; None without ground truth.

    Returns:
        Table uint8 [256]; 0 and 255 stay as they are.
    """
    table = np.arange(256)
    if truth is not None:
        pairs = np.bincount((truth.astype(np.int64) * 256 + person).ravel(), minlength=256 * 256)
        both = pairs.reshape(256, 256)
        union = both.sum(1, keepdims=True) + both.sum(0) - both
        iou = (both / np.maximum(union, 1))[1:IGNORE, 1:IGNORE]
        true, predicted = linear_sum_assignment(iou, maximize=True)
        same = iou[true, predicted] > MIN_IOU
        others = np.setdiff1d(np.unique(person), [0, IGNORE, *(predicted[same] + 1)])
        last = truth[truth < IGNORE].max(initial=0)
        table[predicted[same] + 1] = true[same] + 1
        table[others] = (last + np.arange(len(others))) % (IGNORE - 1) + 1
    return table.astype(np.uint8)


def _person_texts(number: int, score: float) -> list[str]:
    """Texts of a person, the widest first."""
    percent = f"{100 * score:.0f}%"
    return [f"{number}: {percent}", f"{number}\n{percent}", f"{number}"]


def _muted(image: np.ndarray) -> np.ndarray:
    """Make an image RGB uint8 [H,W,3] gray and darker."""
    gray = BRIGHTNESS * cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.repeat(gray.round().astype(np.uint8)[..., None], 3, -1)


def _rgb(colors: Sequence[str]) -> np.ndarray:
    """Convert `#rrggbb` to RGB uint8 [K,3]."""
    return np.array([list(bytes.fromhex(color[1:])) for color in colors], np.uint8)
