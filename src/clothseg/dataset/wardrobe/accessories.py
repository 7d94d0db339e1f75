"""Scarves, ties, necklaces, belts, gloves and bags."""

import numpy as np

from clothseg.dataset.wardrobe import textures as cloth
from clothseg.dataset.wardrobe.canvas import Canvas, curve, ellipse, floats, tube
from clothseg.dataset.wardrobe.figure import Figure
from clothseg.dataset.wardrobe.piece import Array, Cloth, Piece

Random = np.random.Generator


def draw_tie(canvas: Canvas, figure: Figure, rng: Random) -> None:
    """Draw a tie: a knot at the collar and a blade down to the waist."""
    unit = figure.unit
    color = cloth.cloth_color(rng)
    texture = cloth.add_folds(rng, cloth.stripes(rng, color, False), 0.08)
    tie = Piece("tie", texture, "long")
    levels = floats([0.12, 0.3, 0.62, 0.74])
    widths = floats([0.06, 0.1, 0.16, 0.01]) * unit
    blade = np.concatenate([figure.edge(levels, 0, widths), figure.edge(levels, 1, widths)[::-1]])
    knot = figure.spine(0.08)[0] + unit * floats(
        [[-0.11, -0.08], [0.11, -0.08], [0.07, 0.12], [-0.07, 0.12]]
    )
    grain = figure.grain(along=floats([0.7, 0.7]))
    canvas.paint([blade], tie, texture, grain, relief=0.7, shadow=0.5)
    canvas.paint([knot], tie, texture, figure.grain(), relief=0.8, shadow=0.5)


def draw_scarf(canvas: Canvas, figure: Figure, rng: Random) -> None:
    """Draw a scarf: thick wraps around the neck and one or two fringed tails."""
    unit, neck = figure.unit, figure.neck
    color = cloth.cloth_color(rng)
    base = cloth.pick(rng, (cloth.ribbed, cloth.plaid))(rng, color)
    texture = cloth.add_folds(rng, base, 0.25)
    scarf = Piece("scarf", texture, "long")
    for side in (0, 1)[: rng.integers(1, 3)]:
        start = neck + unit * floats([(2 * side - 1) * 0.24, 0.15])
        end = start + unit * floats([rng.uniform(-0.1, 0.1), rng.uniform(0.9, 1.6)])
        path = np.stack([start, 0.5 * (start + end) + floats([0.06 * unit, 0]), end])
        grain = figure.grain(start, end - start)
        canvas.paint(
            [tube(path, [0.17 * unit, 0.2 * unit, 0.21 * unit])], scarf, texture, grain, 0.8, 0.5
        )
        thread = end + unit * floats([[0, -0.02], [0.02, 0.22]])
        fringe = [
            tube(thread + floats([x * unit, 0]), [0.022 * unit, 0.012 * unit])
            for x in np.linspace(-0.19, 0.17, 7)
        ]
        yarn = cloth.plain(0.8 * color)
        canvas.paint(fringe, scarf, yarn, grain, 0.3, 0.3, detail="fringe")
    for height, wide in ((0.14, 0.47), (-0.03, 0.4), (-0.17, 0.33)):
        middle = neck + floats([0.05 * figure.turn * unit, height * unit])
        wrap = curve(middle + unit * floats(
            [[-wide, -0.12], [0, -0.02], [wide, -0.12], [wide, 0.05], [0.5 * wide, 0.17], [0, 0.2],
             [-0.5 * wide, 0.17], [-wide, 0.05]]), closed=True)  # fmt: skip
        canvas.paint([wrap], scarf, texture, figure.grain(middle, floats([0.95, 0.3])), 1.0, 0.5)


def draw_necklace(canvas: Canvas, figure: Figure, rng: Random) -> None:
    """Draw a chain with a pendant, from the neck to the chest."""
    unit = figure.unit
    metal = cloth.plain(cloth.pick(rng, (floats([214, 178, 92]), floats([206, 208, 214]))))
    necklace = Piece("necklace", metal)
    low = figure.spine(rng.uniform(0.24, 0.36))[0]
    ends = [figure.edge(floats([0.02]), side, 0.2 * unit)[0] for side in (0, 1)]
    sag = 0.1 * unit * figure.across
    chain = np.stack([ends[0], low - sag, low, low + sag, ends[1]])
    pendant = ellipse(low + floats([0, 0.05 * unit]), 0.08 * unit, 0.1 * unit)
    shapes = [tube(chain, [0.03 * unit] * 5), pendant]
    canvas.paint(shapes, necklace, metal, figure.grain(), relief=0.4, shadow=0.3)


def draw_belt(canvas: Canvas, figure: Figure, rng: Random) -> None:
    """Draw a belt around the waist, with a buckle in front."""
    unit = figure.unit
    texture = cloth.leather(rng, cloth.cloth_color(rng))
    belt = Piece("belt", texture)
    level = rng.uniform(0.66, 0.74)
    band = figure.trunk(level, level + 0.09, 0.07)
    canvas.paint([band], belt, texture, figure.grain(), relief=0.5, shadow=0.4)
    if figure.behind:
        return
    middle = figure.spine(level + 0.045)[0]
    frame = middle + unit * floats([[-0.12, -0.1], [0.12, -0.1], [0.12, 0.1], [-0.12, 0.1]])
    metal = cloth.plain(floats([220, 190, 110]))
    canvas.paint([frame], belt, metal, figure.grain(), 0.4, 0.3, detail="buckle")


def choose_gloves(rng: Random) -> Cloth:
    """Sample the cloth of a pair of gloves."""
    return cloth.pick(rng, (cloth.leather, cloth.ribbed))(rng, cloth.cloth_color(rng))


def draw_glove(canvas: Canvas, figure: Figure, texture: Cloth, side: int) -> None:
    """Draw one glove over hand and wrist."""
    unit, arm = figure.unit, figure.arms[side]
    glove = Piece("gloves", texture, "short", side=figure.anatomical_side(side))
    wrist = arm[2] + 0.2 * (arm[1] - arm[2])
    path = np.stack([wrist, arm[2], 0.5 * (arm[2] + arm[3]), arm[3]])
    shape = tube(path, [0.16 * unit, 0.13 * unit, 0.15 * unit, 0.08 * unit])
    canvas.paint([shape], glove, texture, figure.limb_grain(arm), relief=0.7, shadow=0.3)


def draw_bag(canvas: Canvas, figure: Figure, rng: Random, name: str) -> None:
    """Draw a handbag, shoulder bag or cross-body bag; a purse is a clutch held in the hand."""
    unit = figure.unit
    color = cloth.cloth_color(rng)
    texture = cloth.pick(rng, (cloth.leather, cloth.quilted))(rng, color)
    trim = cloth.contrast_color(rng, color, 50)
    bag = Piece(name, texture)
    side = int(rng.integers(2))
    hand = figure.arms[side][3]
    style = "clutch" if name == "purse" else rng.choice(["hand", "shoulder", "cross"])
    wide, tall = (
        (0.46, 0.2) if style == "clutch" else (rng.uniform(0.38, 0.56), rng.uniform(0.32, 0.5))
    )
    if style == "clutch":
        middle = hand + floats([0, 0.02 * unit])
    elif style == "hand":
        middle = hand + floats([0, (0.34 + tall) * unit])
    else:
        middle = figure.edge(floats([1.1]), side, 0.78 * unit)[0]
    top = middle - floats([0, 0.9 * tall * unit])
    handles: list[Array] = []
    if style == "hand":
        foot = floats([0.26 * unit, 0])
        arch = np.stack([top - foot, hand - floats([0, 0.02 * unit]), top + foot])
        handles = [tube(arch, [0.045 * unit] * 3)]
    elif style in ("shoulder", "cross"):
        start = figure.edge(floats([0.07]), side if style == "shoulder" else 1 - side, 0.42 * unit)[
            0
        ]
        handles = [tube(np.stack([start, 0.5 * (start + top), top]), [0.06 * unit] * 3)]
    grain = figure.grain(middle, floats([0, 1]))
    if handles:
        canvas.paint(handles, bag, cloth.plain(trim), grain, 0.5, 0.5)
    body = curve(middle + unit * floats(
        [[-0.84 * wide, -tall], [0, -0.96 * tall], [0.84 * wide, -tall], [wide, 0.7 * tall],
         [0.85 * wide, tall], [0, 1.03 * tall], [-0.85 * wide, tall], [-wide, 0.7 * tall]]),
        closed=True)  # fmt: skip
    canvas.paint([body], bag, texture, grain, relief=1.0, shadow=0.6)
    flap = middle + unit * floats(
        [
            [-0.9 * wide, -0.9 * tall],
            [-0.8 * wide, 0.0],
            [0, 0.3 * tall],
            [0.8 * wide, 0.0],
            [0.9 * wide, -0.9 * tall],
        ]
    )
    canvas.stroke(curve(flap), trim, 0.055 * unit, bag)
    rim = np.concatenate([body, body[:1]])
    canvas.stroke(rim, trim, 0.06 * unit, bag)
    clasp = middle + unit * floats([[0, 0.2 * tall], [0, 0.36 * tall]])
    canvas.stroke(clasp, floats([236, 206, 120]), 0.12 * unit, bag, "buckle")
