"""Photos: people in a scene, and what is known about every pixel of them."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from clothseg.dataset.wardrobe.canvas import Array, Canvas, ellipse, floats
from clothseg.dataset.wardrobe.figure import Figure, pose
from clothseg.dataset.wardrobe.outfit import add_extras, choose_outfit, dress_figure
from clothseg.dataset.wardrobe.piece import Piece
from clothseg.dataset.wardrobe.scene import draw_scene

HEIGHT, WIDTH = 384, 256
PEOPLE = 5
"""At most in one photo."""
GROUPS = {"full": (PEOPLE, 0.27, 0.78), "knee": (4, 0.4, 0.88), "half": (3, 0.56, 0.9)}
"""Per crop, the most people, the space for each in heights of the photo, and the scale of the
smallest: 1 is the nearest."""


@dataclass(frozen=True)
class Photo:
    """A photo of one or more people, and its truth.

    Args:
        image: uint8 [H,W,3], RGB.
        pieces: the garments and body parts of all people.
        people: the person of every piece, counted from 1, the farthest first.
        extents: all pixels of every piece, seen or hidden, bool [H,W].
        seen: uint16 [H,W], the piece that one sees, counted from 1; 0 is background.
        details: every sleeve, pocket and the like: its kind and the number of its piece.
        detail: uint16 [H,W], the detail that one sees, counted from 1; 0 is none.
    """

    image: NDArray[np.uint8]
    pieces: list[Piece]
    people: list[int]
    extents: list[NDArray[np.bool_]]
    seen: NDArray[np.uint16]
    details: list[tuple[str, int]]
    detail: NDArray[np.uint16]


def draw_photo(seed: int, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw one photo as Clothing Co-Parsing has it; nothing but the two arguments decides.

    Args:
        seed: of the whole wardrobe.
        index: of the photo, from 0.

    Returns:
        The photo, uint8 [H,W,3] RGB, and its mask, uint8 [H,W] of CCP ids (0 is background).
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0, index]))
    outfit = choose_outfit(seed, index, rng)
    figure = pose(rng, outfit.crop, HEIGHT, WIDTH)
    light = _light(rng)
    canvas = _canvas(draw_scene(rng, HEIGHT, WIDTH), light)
    _cast_shadow(canvas, figure)
    dress_figure(canvas, figure, outfit, rng)
    return _expose(rng, canvas.image), canvas.mask


def draw_portrait(seed: int, index: int, height: int, width: int) -> Photo:
    """Draw one person, with what is worn in other datasets than Clothing Co-Parsing as well.

    Args:
        seed: of the whole wardrobe.
        index: of the photo, from 0.
        height: pixels.
        width: pixels.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 2, index]))
    outfit = add_extras(choose_outfit(seed, index, rng), rng)
    figure = pose(rng, outfit.crop, height, width)
    light = _light(rng)
    canvas = _canvas(draw_scene(rng, height, width), light)
    _cast_shadow(canvas, figure)
    dress_figure(canvas, figure, outfit, rng)
    return _taken(_expose(rng, canvas.image), [canvas])


def draw_group(seed: int, index: int) -> Photo:
    """Draw two to five people beside each other, some of them seen from behind.

    Args:
        seed: of the whole wardrobe.
        index: of the photo, from 0.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 3, index]))
    crop = str(rng.choice(["full", "full", "knee", "half"]))
    most, space, smallest = GROUPS[crop]
    count = int(rng.integers(2, most + 1))
    height = int(rng.integers(320, 421))
    slot = round(space * height)
    width = slot * count + round(0.2 * height)
    scales = rng.uniform(smallest, 1, count)
    light = _light(rng)
    image = draw_scene(rng, height, width)
    canvases = []
    for place in np.argsort(scales):
        scale = scales[place]
        outfit = add_extras(choose_outfit(seed, PEOPLE * index + int(place), rng), rng)
        behind = bool(rng.random() < 0.25)
        figure = pose(rng, crop, round(scale * height), slot, behind)
        # Feet of people further away stand higher; a frame that cuts people cuts all of them.
        below = (0.6 if crop == "full" else 1.0) * (1 - scale) * height
        figure = figure.moved(floats([slot * place + 0.1 * height, below]))
        canvas = _canvas(image, light)
        _cast_shadow(canvas, figure)
        dress_figure(canvas, figure, replace(outfit, crop=crop), rng)
        canvases.append(canvas)
    return _taken(_expose(rng, image), canvases)


def _taken(image: NDArray[np.uint8], canvases: list[Canvas]) -> Photo:
    """Join people, each painted on a canvas over the ones before."""
    photo = Photo(
        image, [], [], [], np.zeros(image.shape[:2], np.uint16), [],
        np.zeros(image.shape[:2], np.uint16),
    )  # fmt: skip
    for person, canvas in enumerate(canvases, start=1):
        pieces, details = len(photo.pieces), len(photo.details)
        here = canvas.seen > 0
        photo.seen[here] = canvas.seen[here].astype(np.uint16) + pieces
        number = canvas.detail[here].astype(np.uint16)
        photo.detail[here] = np.where(number, number + details, 0)
        photo.pieces.extend(canvas.pieces)
        photo.people.extend([person] * len(canvas.pieces))
        photo.extents.extend(canvas.extents)
        photo.details.extend((kind, piece + pieces) for kind, piece in canvas.details)
    return photo


def _canvas(image: Array, light: Array) -> Canvas:
    """A canvas on which nothing is labelled yet."""
    return Canvas(image, np.zeros(image.shape[:2], np.uint8), light)


def _light(rng: np.random.Generator) -> Array:
    """Where the light comes from: a unit vector that points up."""
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
    """Take the photo: white balance, exposure, vignette and sensor noise."""
    height, width = image.shape[:2]
    balance = floats(rng.uniform(0.93, 1.07, 3) * rng.uniform(0.85, 1.12))
    y, x = np.mgrid[:height, :width].astype(np.float32)
    radius = np.hypot(x / width - 0.5, y / height - 0.5)
    lit = image * balance * (1 - 0.25 * radius**2)[..., None]
    grain = rng.uniform(1, 4) * rng.standard_normal(image.shape, np.float32)
    exposed: NDArray[np.uint8] = np.clip(np.rint(lit + grain), 0, 255).astype(np.uint8)
    return exposed
