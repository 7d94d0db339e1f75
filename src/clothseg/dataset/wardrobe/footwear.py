"""Socks and shoes."""

import numpy as np

from clothseg.dataset.wardrobe import textures as cloth
from clothseg.dataset.wardrobe.canvas import Array, Canvas, Texture, ellipse, tube
from clothseg.dataset.wardrobe.figure import Figure

Random = np.random.Generator


def draw_socks(canvas: Canvas, figure: Figure, rng: Random, name: str) -> None:
    """Socks up to the calf or knee, or stockings above it, with a striped, ribbed cuff."""
    colour = cloth.cloth_colour(rng)
    start = rng.uniform(0.5, 0.72) if name == "socks" else rng.uniform(0.24, 0.4)
    stripe = cloth.contrast_colour(rng, colour)
    period = rng.uniform(0.16, 0.26)
    rib = cloth.ribbed(rng, colour)

    def texture(u: Array, v: Array) -> Array:
        return cloth.mix(rib(u, v), stripe, cloth.wave(v / period, 6))

    for side in (0, 1):
        leg = figure.legs[side]
        grain = figure.limb_grain(leg)
        foot = tube(leg[2:], [0.15 * figure.unit, 0.1 * figure.unit])
        canvas.paint(
            [figure.trouser(side, start, 1.05, 0.025), foot], name, texture, grain, 0.9, 0.3
        )
        cuff = figure.trouser(side, start - 0.02, start + 0.04, 0.06)
        canvas.paint([cuff], name, cloth.ribbed(rng, stripe), grain, 0.6, 0.3)


def draw_shoes(canvas: Canvas, figure: Figure, rng: Random, name: str) -> None:
    """A pair of shoes with soles, and shafts, heels, laces or straps as the kind has them."""
    colour = cloth.cloth_colour(rng)
    sole = (
        np.float32([240, 238, 230])
        if name == "sneakers"
        else cloth.contrast_colour(rng, colour, 60)
    )
    hide = cloth.leather(rng, colour)
    shaft = rng.uniform(0.62, 0.86)
    for side in (0, 1):
        _shoe(canvas, figure, name, side, hide, colour, sole, shaft)


def _shoe(
    canvas: Canvas, figure: Figure, name: str, side: int, hide: Texture, colour: Array,
    sole: Array, shaft: float,
) -> None:  # fmt: skip
    unit = figure.unit
    _, _, ankle, toe = figure.legs[side]
    heel_up = {"heels": 0.18, "pumps": 0.16, "wedges": 0.16, "boots": 0.08}.get(name, 0.0)
    heel = ankle + np.float32([-0.3 * (toe[0] - ankle[0]), 0.16 * unit])
    tip = toe + np.float32([0.25 * (toe[0] - ankle[0]), 0.04 * unit])
    grain = figure.grain(ankle, toe - ankle)
    bottom = np.stack([heel, 0.5 * (heel + tip) + np.float32([0, 0.06 * unit]), tip])
    base = tube(bottom + np.float32([0, 0.07 * unit]), [0.1 * unit, 0.13 * unit, 0.11 * unit])
    canvas.paint([base], name, cloth.plain(sole), grain, relief=0.3, shadow=0.6)
    if heel_up:
        post = tube(
            np.stack([heel, heel + np.float32([0, (0.12 + heel_up) * unit])]),
            [0.1 * unit, 0.06 * unit],
        )
        canvas.paint([post], name, cloth.plain(sole), grain, relief=0.4)
    upper = tube(
        np.stack(
            [
                ankle + np.float32([0, 0.04 * unit]),
                0.5 * (ankle + toe) + np.float32([0, 0.03 * unit]),
                toe,
                tip,
            ]
        ),
        [0.14 * unit, 0.17 * unit, 0.15 * unit, 0.09 * unit],
    )
    if name == "sandals":
        for start, end in ((0.0, 0.14), (0.45, 0.62), (0.8, 1.0)):
            strap = tube(
                np.stack([ankle + start * (tip - ankle), ankle + end * (tip - ankle)]),
                [0.18 * unit, 0.18 * unit],
            )
            canvas.paint([strap], name, hide, grain, relief=0.6)
        return
    shapes = [upper]
    if name == "boots":
        shapes.append(figure.trouser(side, shaft, 1.06, 0.06))
    canvas.paint(shapes, name, hide, grain, relief=1.0, shadow=0.4)
    if name == "boots":
        rim = figure.trouser(side, shaft, shaft + 0.04, 0.08)
        canvas.paint([rim], name, cloth.plain(sole), figure.limb_grain(figure.legs[side]))
    elif name in ("heels", "pumps", "flats"):
        instep = ellipse(ankle + 0.25 * (toe - ankle), 0.09 * unit, 0.08 * unit)
        canvas.paint([instep], "skin", cloth.plain(0.9 * figure.skin), grain, relief=0.2, shadow=0)
    else:
        for at in (0.35, 0.5, 0.65):
            lace = ankle + at * (toe - ankle) + unit * np.float32([[-0.1, 0], [0.1, 0]])
            canvas.stroke(lace, sole, 0.04 * unit, name)
