"""Socks and shoes."""

import numpy as np

from clothseg.dataset.wardrobe import textures as cloth
from clothseg.dataset.wardrobe.canvas import Canvas, ellipse, floats, tube
from clothseg.dataset.wardrobe.figure import Figure
from clothseg.dataset.wardrobe.piece import Array, Cloth, Piece, Size

Random = np.random.Generator


def draw_socks(canvas: Canvas, figure: Figure, rng: Random, name: str) -> None:
    """Draw striped socks up to calf or knee, or stockings above it, with a ribbed cuff."""
    color = cloth.cloth_color(rng)
    start = rng.uniform(0.44, 0.66) if name == "socks" else rng.uniform(0.24, 0.4)
    stripe = cloth.contrast_color(rng, color)
    period = rng.uniform(0.16, 0.26)
    rib = cloth.ribbed(rng, color)

    def texture(u: Array, v: Array) -> Array:
        return cloth.mix(rib(u, v), stripe, cloth.wave(v / period, 6))

    striped = Cloth(texture, "geometrical")
    for side in (0, 1):
        sock = Piece(
            name, striped, "short" if start > 0.55 else "long", side=figure.anatomical_side(side)
        )
        leg = figure.legs[side]
        grain = figure.limb_grain(leg)
        foot = tube(leg[2:], [0.15 * figure.unit, 0.1 * figure.unit])
        canvas.paint(
            [figure.trouser(side, start, 1.05, 0.025), foot], sock, striped, grain, 0.9, 0.3
        )
        cuff = figure.trouser(side, start - 0.02, start + 0.04, 0.06)
        canvas.paint([cuff], sock, cloth.ribbed(rng, stripe), grain, 0.6, 0.3)


def draw_shoes(canvas: Canvas, figure: Figure, rng: Random, name: str, bare: bool) -> None:
    """Draw a pair of shoes with soles and, depending on the kind, shafts, heels, laces or straps.

    Low shoes show the instep of a bare foot.
    """
    color = cloth.cloth_color(rng)
    sole = floats([240, 238, 230]) if name == "sneakers" else cloth.contrast_color(rng, color, 60)
    leather = cloth.leather(rng, color)
    shaft = rng.uniform(0.62, 0.86)
    size: Size = "long" if name == "boots" else "short"
    for side in (0, 1):
        shoe = Piece(name, leather, size, side=figure.anatomical_side(side))
        _shoe(canvas, figure, shoe, side, sole, shaft, bare)


def _shoe(
    canvas: Canvas,
    figure: Figure,
    shoe: Piece,
    side: int,
    sole: Array,
    shaft: float,
    bare: bool,
) -> None:
    """Draw one shoe: sole and heel, then straps or an upper with its details."""
    unit, name, leather = figure.unit, shoe.name, shoe.cloth
    _, _, ankle, toe = figure.legs[side]
    forward = toe - ankle
    tip = toe + floats([0.25 * forward[0], 0.04 * unit])
    grain = figure.grain(ankle, forward)
    _sole(canvas, figure, shoe, ankle + floats([-0.3 * forward[0], 0.16 * unit]), tip, sole)
    if name == "sandals":
        for start, end in ((0.0, 0.14), (0.45, 0.62), (0.8, 1.0)):
            line = np.stack([ankle + start * (tip - ankle), ankle + end * (tip - ankle)])
            canvas.paint([tube(line, [0.18 * unit] * 2)], shoe, leather, grain, relief=0.6)
        return
    instep = 0.5 * (ankle + toe) + floats([0, 0.03 * unit])
    path = np.stack([ankle + floats([0, 0.04 * unit]), instep, toe, tip])
    shapes = [tube(path, [0.14 * unit, 0.17 * unit, 0.15 * unit, 0.09 * unit])]
    if name == "boots":
        shapes.append(figure.trouser(side, shaft, 1.06, 0.06))
    canvas.paint(shapes, shoe, leather, grain, relief=1.0, shadow=0.4)
    if name == "boots":
        rim = figure.trouser(side, shaft, shaft + 0.04, 0.08)
        canvas.paint([rim], shoe, cloth.plain(sole), figure.limb_grain(figure.legs[side]))
    elif name not in ("heels", "pumps", "flats"):
        for at in (0.35, 0.5, 0.65):
            lace = ankle + at * forward + unit * floats([[-0.1, 0], [0.1, 0]])
            canvas.stroke(lace, sole, 0.04 * unit, shoe)
    elif bare:
        opening = ellipse(ankle + 0.25 * forward, 0.09 * unit, 0.08 * unit)
        canvas.paint(
            [opening], figure.body.legs[side], cloth.plain(0.9 * figure.skin), grain, 0.2, 0
        )


def _sole(
    canvas: Canvas, figure: Figure, shoe: Piece, heel: Array, tip: Array, color: Array
) -> None:
    """Draw the sole from heel to tip, with a raised heel if the kind of shoe has one."""
    unit = figure.unit
    raised = {"heels": 0.18, "pumps": 0.16, "wedges": 0.16, "boots": 0.08}.get(shoe.name, 0.0)
    middle = 0.5 * (heel + tip) + floats([0, 0.06 * unit])
    bottom = np.stack([heel, middle, tip]) + floats([0, 0.07 * unit])
    shapes = [tube(bottom, [0.1 * unit, 0.13 * unit, 0.11 * unit])]
    if raised:
        post = np.stack([heel, heel + floats([0, (0.12 + raised) * unit])])
        shapes.append(tube(post, [0.1 * unit, 0.06 * unit]))
    grain = figure.grain(heel, tip - heel)
    canvas.paint(shapes, shoe, cloth.plain(color), grain, relief=0.3, shadow=0.6)
