"""Rendering of skin: legs, torso, arms, hands and face."""

import numpy as np

from clothseg.dataset.wardrobe.canvas import Canvas, curve, ellipse, floats, tube
from clothseg.dataset.wardrobe.figure import Figure
from clothseg.dataset.wardrobe.piece import Cloth
from clothseg.dataset.wardrobe.textures import noise, noise_tile, plain


def draw_body(canvas: Canvas, figure: Figure, rng: np.random.Generator) -> None:
    """Paint the skin of legs, torso and neck; arms and head follow later, on top of the clothes."""
    for side in (0, 1):
        leg = figure.legs[side]
        foot = tube(leg[2:], [0.13 * figure.unit, 0.08 * figure.unit])
        canvas.paint(
            [figure.trouser(side, 0, 1.04, 0), foot], figure.body.legs[side],
            skin(rng, figure), figure.limb_grain(leg), relief=0.6, shadow=0.2,
        )  # fmt: skip
    throat = tube(
        np.stack([figure.head + floats([0, 0.2 * figure.unit]), figure.spine(0.1)[0]]),
        [0.2 * figure.unit, 0.22 * figure.unit],
    )
    canvas.paint(
        [figure.trunk(0, 1.1, 0), throat], figure.body.torso, skin(rng, figure), figure.grain(),
        shadow=0.1,
    )  # fmt: skip


def draw_arm(canvas: Canvas, figure: Figure, rng: np.random.Generator, side: int) -> None:
    """Paint one bare arm and its hand."""
    unit, arm, piece = figure.unit, figure.arms[side], figure.body.arms[side]
    hand = tube(
        np.stack([arm[2], 0.5 * (arm[2] + arm[3]), arm[3]]),
        [0.09 * unit, 0.125 * unit, 0.06 * unit],
    )
    canvas.paint(
        [figure.sleeve(side, 1, 0), hand], piece, skin(rng, figure), figure.limb_grain(arm)
    )
    middle, tip = 0.5 * (arm[2] + arm[3]), arm[3]
    for offset in (-0.035, 0.02):
        line = np.stack([middle, tip]) + floats([offset * unit, 0])
        canvas.stroke(line, 0.72 * figure.skin, 0.012 * unit, piece)


def draw_face(canvas: Canvas, figure: Figure, rng: np.random.Generator) -> None:
    """Paint the head with eyes, brows, nose and mouth."""
    unit, center, face = figure.unit, figure.head, figure.body.face
    head = curve(
        center + unit * floats(
            [[0, -0.5], [0.3, -0.38], [0.37, -0.05], [0.3, 0.26], [0.12, 0.49], [-0.12, 0.49],
             [-0.3, 0.26], [-0.37, -0.05], [-0.3, -0.38]]
        ), closed=True,
    )  # fmt: skip
    ears = [
        ellipse(center + unit * floats([s * 0.37, 0.03]), 0.06 * unit, 0.11 * unit) for s in (-1, 1)
    ]
    canvas.paint([*ears, head], face, skin(rng, figure), figure.grain(center), relief=0.55)
    if figure.behind:
        return
    shift = 0.1 * figure.turn * unit
    dark = 0.45 * figure.skin
    for side in (-1, 1):
        eye = center + floats([shift + side * 0.16 * unit, -0.01 * unit])
        for shape, color in (
            (ellipse(eye, 0.075 * unit, 0.035 * unit), floats([240, 236, 230])),
            (ellipse(eye, 0.036 * unit, 0.036 * unit), floats([50, 36, 28])),
        ):
            canvas.paint([shape], None, plain(color), figure.grain(), 0, 0, within=face)
        brow = eye + unit * floats([[-0.09, -0.08], [0, -0.11], [0.09, -0.08]])
        canvas.stroke(curve(brow), dark, 0.035 * unit, face)
    nose = center + floats([shift, 0]) + unit * floats([[0.02, 0.02], [0.05, 0.16], [-0.04, 0.17]])
    canvas.stroke(nose, 0.78 * figure.skin, 0.025 * unit, face)
    lips = figure.skin * floats([0.85, 0.5, 0.5]) + floats([rng.uniform(0, 40), 0, 0])
    mouth = ellipse(center + floats([0.9 * shift, 0.29 * unit]), 0.12 * unit, 0.036 * unit)
    canvas.paint([mouth], None, plain(lips), figure.grain(), 0, 0, within=face)


def skin(rng: np.random.Generator, figure: Figure) -> Cloth:
    """Return skin with a soft, uneven blush."""
    tile = noise_tile(rng)
    return Cloth(lambda u, v: figure.skin * (1 + 0.05 * noise(tile, 2 * u, 2 * v))[..., None])
