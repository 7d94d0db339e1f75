"""Rendered photos of people in a scene, with per-pixel annotation."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from clothseg.dataset.wardrobe.canvas import Canvas, ellipse, floats
from clothseg.dataset.wardrobe.figure import Figure, pose
from clothseg.dataset.wardrobe.outfit import add_extras, choose_outfit, dress_figure
from clothseg.dataset.wardrobe.piece import Array, Piece
from clothseg.dataset.wardrobe.scene import draw_scene

HEIGHT, WIDTH = 384, 256
MAX_PEOPLE = 5
"""Maximum number of people side by side, and by default of those in one photo."""
IN_A_ROW = 6
"""People in each row of a crowd."""
GROUPS = {"full": (MAX_PEOPLE, 0.27, 0.78), "knee": (4, 0.4, 0.88), "half": (3, 0.56, 0.9)}
"""Per crop, the maximum number of people, the width per person in image heights, and the minimum
scale of a person; 1 is the nearest."""


@dataclass(frozen=True)
class Photo:
    """Photo of one or more people with its ground truth.

    Args:
        image: uint8 [H,W,3], RGB.
        pieces: garments and body parts of all people.
        people: number of the person of every piece, counted from 1, the farthest first.
        amodal_masks: all pixels of every piece, visible or occluded, bool [H,W].
        piece_map: uint16 [H,W], number of the visible piece, counted from 1; 0 is background.
        details: kind of every detail (sleeve, pocket, ...) and the number of its piece.
        detail_map: uint16 [H,W], number of the visible detail, counted from 1; 0 is none.
    """

    image: NDArray[np.uint8]
    pieces: list[Piece]
    people: list[int]
    amodal_masks: list[NDArray[np.bool_]]
    piece_map: NDArray[np.uint16]
    details: list[tuple[str, int]]
    detail_map: NDArray[np.uint16]


def draw_photo(seed: int, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Render one photo in the style of Clothing Co-Parsing, determined by the arguments alone.

    Args:
        seed: seed of the entire wardrobe.
        index: index of the photo, from 0.

    Returns:
        The photo, uint8 [H,W,3] RGB, and its mask, uint8 [H,W] of CCP ids (0 is background).
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0, index]))
    outfit = choose_outfit(seed, index, rng)
    figure = pose(rng, outfit.crop, HEIGHT, WIDTH)
    light = _sample_light(rng)
    canvas = _new_canvas(draw_scene(rng, HEIGHT, WIDTH), light)
    _cast_shadow(canvas, figure)
    dress_figure(canvas, figure, outfit, rng)
    return _expose(rng, canvas.image), canvas.mask


def draw_portrait(seed: int, index: int, height: int, width: int) -> Photo:
    """Render one person, including accessories that Clothing Co-Parsing does not annotate.

    Args:
        seed: seed of the entire wardrobe.
        index: index of the photo, from 0.
        height: height in pixels.
        width: width in pixels.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 2, index]))
    outfit = add_extras(choose_outfit(seed, index, rng), rng)
    figure = pose(rng, outfit.crop, height, width)
    light = _sample_light(rng)
    canvas = _new_canvas(draw_scene(rng, height, width), light)
    _cast_shadow(canvas, figure)
    dress_figure(canvas, figure, outfit, rng)
    return _merge_people(_expose(rng, canvas.image), [canvas])


def draw_people(seed: int, index: int, max_people: int = MAX_PEOPLE) -> Photo:
    """Render a group, or a crowd if a larger number of people is drawn.

    Args:
        seed: seed of the entire wardrobe.
        index: index of the photo, from 0.
        max_people: maximum number of people; each number from 2 is equally likely above five.
    """
    if max_people > MAX_PEOPLE:
        rng = np.random.default_rng(np.random.SeedSequence([seed, 4, index]))
        count = int(rng.integers(2, max_people + 1))
        if count > MAX_PEOPLE:
            return draw_crowd(seed, index, count)
    return draw_group(seed, index)


def draw_crowd(seed: int, index: int, count: int) -> Photo:
    """Render people in rows, one above the other as on steps, which occlude the rows behind.

    Args:
        seed: seed of the entire wardrobe.
        index: index of the photo, from 0.
        count: number of people, at least 2; in large crowds some may be occluded entirely.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 5, index]))
    height = int(rng.integers(400, 501))
    slot = round(0.2 * height)
    rows = -(-count // IN_A_ROW)
    light = _sample_light(rng)
    image = draw_scene(rng, height, slot * IN_A_ROW + round(0.3 * height))
    canvases = []
    for number in range(count):
        row, column = divmod(number, IN_A_ROW)
        step = row / max(1, rows - 1)
        scale = 0.45 + 0.1 * step
        outfit = add_extras(choose_outfit(seed, count * index + number, rng), rng)
        behind = bool(rng.random() < 0.25)
        figure = pose(rng, "full", round(scale * height), slot, behind)
        left = slot * (column + 0.5 * (row % 2)) + 0.1 * height
        figure = figure.translate(floats([left, (1 - scale) * height * step]))
        canvas = _new_canvas(image, light)
        dress_figure(canvas, figure, replace(outfit, crop="full"), rng)
        canvases.append(canvas)
    return _merge_people(_expose(rng, image), canvases)


def draw_group(seed: int, index: int) -> Photo:
    """Render two to five people side by side, some of them seen from behind.

    Args:
        seed: seed of the entire wardrobe.
        index: index of the photo, from 0.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 3, index]))
    crop = str(rng.choice(["full", "full", "knee", "half"]))
    max_people, space, min_scale = GROUPS[crop]
    count = int(rng.integers(2, max_people + 1))
    height = int(rng.integers(320, 421))
    slot = round(space * height)
    width = slot * count + round(0.2 * height)
    scales = rng.uniform(min_scale, 1, count)
    light = _sample_light(rng)
    image = draw_scene(rng, height, width)
    canvases = []
    for position in np.argsort(scales):
        scale = scales[position]
        outfit = add_extras(choose_outfit(seed, MAX_PEOPLE * index + int(position), rng), rng)
        behind = bool(rng.random() < 0.25)
        figure = pose(rng, crop, round(scale * height), slot, behind)
        # The feet of distant people are higher up; a frame that crops people crops all of them.
        below = (0.6 if crop == "full" else 1.0) * (1 - scale) * height
        figure = figure.translate(floats([slot * position + 0.1 * height, below]))
        canvas = _new_canvas(image, light)
        _cast_shadow(canvas, figure)
        dress_figure(canvas, figure, replace(outfit, crop=crop), rng)
        canvases.append(canvas)
    return _merge_people(_expose(rng, image), canvases)


def _merge_people(image: NDArray[np.uint8], canvases: list[Canvas]) -> Photo:
    """Merge people, each painted on its own canvas over the previous ones."""
    photo = Photo(
        image, [], [], [], np.zeros(image.shape[:2], np.uint16), [],
        np.zeros(image.shape[:2], np.uint16),
    )  # fmt: skip
    for person, canvas in enumerate(canvases, start=1):
        pieces, details = len(photo.pieces), len(photo.details)
        here = canvas.piece_map > 0
        photo.piece_map[here] = canvas.piece_map[here].astype(np.uint16) + pieces
        number = canvas.detail_map[here].astype(np.uint16)
        photo.detail_map[here] = np.where(number, number + details, 0)
        photo.pieces.extend(canvas.pieces)
        photo.people.extend([person] * len(canvas.pieces))
        photo.amodal_masks.extend(canvas.amodal_masks)
        photo.details.extend((kind, piece + pieces) for kind, piece in canvas.details)
    return photo


def _new_canvas(image: Array, light: Array) -> Canvas:
    """Return a canvas without labels."""
    return Canvas(image, np.zeros(image.shape[:2], np.uint8), light)


def _sample_light(rng: np.random.Generator) -> Array:
    """Sample the direction toward the light: a unit vector that points up."""
    angle = rng.uniform(-2.6, -0.5)
    return floats([np.cos(angle), np.sin(angle)])


def _cast_shadow(canvas: Canvas, figure: Figure) -> None:
    """Darken the ground around the feet."""
    unit = figure.unit
    shade = np.zeros(canvas.mask.shape, np.float32)
    for leg in figure.legs:
        foot = leg[3] + floats([-0.5 * canvas.light[0] * unit, 0.12 * unit])
        cv2.fillPoly(shade, [np.int32(ellipse(foot, 0.75 * unit, 0.16 * unit))], 1.0)
    soft = cv2.GaussianBlur(shade, (0, 0), 0.12 * unit)
    canvas.image *= (1 - 0.5 * soft)[..., None]


def _expose(rng: np.random.Generator, image: Array) -> NDArray[np.uint8]:
    """Simulate the camera: white balance, exposure, vignette and sensor noise."""
    height, width = image.shape[:2]
    balance = floats(rng.uniform(0.93, 1.07, 3) * rng.uniform(0.85, 1.12))
    y, x = np.mgrid[:height, :width].astype(np.float32)
    radius = np.hypot(x / width - 0.5, y / height - 0.5)
    lit = image * balance * (1 - 0.25 * radius**2)[..., None]
    grain = rng.uniform(1, 4) * rng.standard_normal(image.shape, np.float32)
    exposed: NDArray[np.uint8] = np.clip(np.rint(lit + grain), 0, 255).astype(np.uint8)
    return exposed
