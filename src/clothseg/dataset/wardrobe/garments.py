"""Clothes for trunk, arms and legs; each function paints one garment of a CCP name on a figure."""

from collections.abc import Callable

import numpy as np

from clothseg.dataset.wardrobe import textures as cloth
from clothseg.dataset.wardrobe.canvas import Canvas, curve, floats
from clothseg.dataset.wardrobe.figure import Figure
from clothseg.dataset.wardrobe.piece import Array, Cloth, Piece, Size

Random = np.random.Generator
Sleeve = Callable[[int], None]
"""Function that paints the sleeve of one side, called after the arm, which may cross the trunk."""

SLEEVES = {
    "t-shirt": (0.3, 0.42), "blouse": (0.55, 0.95), "shirt": (0.9, 0.97), "sweater": (0.9, 0.99),
    "jumper": (0.9, 0.99), "sweatshirt": (0.85, 0.99), "hoodie": (0.9, 0.99), "top": (0.0, 0.3),
    "vest": (0.0, 0.0), "dress": (0.0, 0.6), "romper": (0.0, 0.45), "bodysuit": (0.0, 0.0),
}  # fmt: skip


def _shirting(rng: Random, color: Array) -> Cloth:
    """Sample cloth for shirts: horizontal stripes, or plain."""
    return cloth.stripes_across(rng, color) if rng.random() < 0.6 else cloth.plain(color)


def sleeve_painter(
    canvas: Canvas, figure: Figure, piece: Piece, length: float, ease: float, trim: Array
) -> Sleeve:  # fmt: skip
    """Return a function that paints one sleeve and its cuff; a length of 0 paints none."""

    def paint(side: int) -> None:
        if length < 0.08:
            return
        grain = figure.limb_grain(figure.arms[side])
        outline = figure.sleeve(side, length, ease, 0.02)
        canvas.paint([outline], piece, piece.cloth, grain, relief=0.8, detail="sleeve")
        reach = figure.along(figure.arms[side], 0, length)[-2:]
        normal = floats([-1, 1]) * (reach[1] - reach[0])[::-1]
        normal = normal / max(float(np.linalg.norm(normal)), 1e-6) * 0.3 * figure.unit
        cuff = np.stack([reach[1] - normal, reach[1] + normal])
        canvas.stroke(cuff, trim, 0.09 * figure.unit, piece)

    return paint


def sleeve_size(length: float) -> Size:
    """Return `short` for sleeves down to the elbow; length is 0 at the shoulder, 1 at the wrist."""
    return "short" if length < 0.6 else "long"


def draw_top(canvas: Canvas, figure: Figure, rng: Random, name: str, tucked: bool) -> Sleeve:
    """Draw a top of any kind with its neckline, hem and, if the kind has them, buttons or print."""
    unit = figure.unit
    color = cloth.cloth_color(rng)
    knitted = name in ("sweater", "jumper", "vest")
    base = cloth.knit(rng, color) if knitted else _shirting(rng, color)
    loose = {"sweater": 0.1, "jumper": 0.1, "sweatshirt": 0.11, "hoodie": 0.13}.get(name, 0.05)
    texture = cloth.add_folds(rng, base, 0.16)
    piece = Piece(name, texture)
    hem = 0.98 if tucked else rng.uniform(1.02, 1.2)
    canvas.paint([figure.trunk(0.03, hem, loose, 0.05)], piece, texture, figure.grain(), relief=0.7)
    trim = color * 0.72 if color.mean() > 90 else color + 55
    draw_neckline(canvas, figure, rng, piece, trim)
    if name in ("shirt", "blouse", "vest"):
        _placket(canvas, figure, piece, trim, hem)
    if name in ("sweatshirt", "t-shirt") and rng.random() < 0.6:
        _badge(canvas, figure, rng, piece, color)
    if knitted or name in ("sweatshirt", "hoodie"):
        band = (
            figure.edge(floats([hem - 0.03]), 0, 0.9 * unit),
            figure.edge(floats([hem - 0.03]), 1, 0.9 * unit),
        )
        canvas.stroke(np.concatenate(band), trim, 0.11 * unit, piece)
    length = rng.uniform(*SLEEVES[name])
    piece.size = sleeve_size(length)
    return sleeve_painter(canvas, figure, piece, length, 0.02 + 0.5 * loose, trim)


def draw_neckline(canvas: Canvas, figure: Figure, rng: Random, piece: Piece, trim: Array) -> None:
    """Draw the skin above a round or pointed neckline, with a rim or a collar around it."""
    if figure.behind:
        return
    unit, name = figure.unit, piece.name
    pointed = name in ("shirt", "blouse", "vest") or rng.random() < 0.3
    depth = rng.uniform(0.14, 0.24) + 0.06 * pointed
    half = 0.27 * unit
    top = figure.spine(0.03)[0]
    left, right = top - half * figure.across, top + half * figure.across
    low = figure.spine(depth)[0]
    bulge = 0.0 if pointed else 0.18 * unit
    rim = curve(
        np.stack([left, low - bulge * figure.across, low + bulge * figure.across, right]), 5
    )
    if pointed:
        rim = np.stack([left, low, right])
    skin = figure.skin
    canvas.paint(
        [np.concatenate([rim, [right - (0, 0.1 * unit), left - (0, 0.1 * unit)]])],
        figure.body.torso, cloth.plain(0.94 * skin), figure.grain(), relief=0, shadow=0,
    )  # fmt: skip
    if name == "hoodie":
        for point in (left, right):
            cord = np.stack([point, point + floats([0, 0.7 * unit])])
            canvas.stroke(cord, floats([235, 235, 230]), 0.05 * unit, piece)
    canvas.stroke(rim, trim, 0.09 * unit, piece, "neckline")
    if name in ("shirt", "blouse"):
        for point, sign in ((left, -1), (right, 1)):
            wing = np.stack([
                point - (0, 0.1 * unit), low, low + unit * floats([sign * 0.3, -0.06]),
                point + sign * 0.12 * unit * figure.across,
            ])  # fmt: skip
            canvas.paint(
                [wing], piece, cloth.plain(trim), figure.grain(), 0.3, 0.4, detail="collar"
            )


def _placket(canvas: Canvas, figure: Figure, piece: Piece, trim: Array, hem: float) -> None:
    """Draw the line of buttons down the front."""
    if figure.behind:
        return
    levels = np.linspace(0.2, hem, 12).astype(np.float32)
    line = figure.spine(levels)
    canvas.stroke(line, trim, 0.05 * figure.unit, piece)
    for point in line[1:-1:2]:
        canvas.stroke(
            point + floats([[0, 0], [0.5, 0]]), 255 - 0.8 * trim, 0.075 * figure.unit, piece
        )


def _badge(canvas: Canvas, figure: Figure, rng: Random, piece: Piece, color: Array) -> None:
    """Draw a chest print of one to three bars."""
    if figure.behind:
        return
    piece.print = "geometrical"
    ink = cloth.contrast_color(rng, color)
    for level in (0.33, 0.41, 0.49)[: rng.integers(1, 4)]:
        half = rng.uniform(0.15, 0.36) * figure.unit
        points = np.concatenate([figure.edge(floats([level]), side, half) for side in (0, 1)])
        canvas.stroke(points, ink, 0.1 * figure.unit, piece, "applique")


def draw_trousers(canvas: Canvas, figure: Figure, rng: Random, name: str) -> None:
    """Draw jeans, pants, leggings or tights."""
    unit = figure.unit
    color = cloth.cloth_color(rng)
    if name == "tights":
        color = 0.25 * figure.skin + 0.5 * color * min(1.0, 90 / max(color.mean(), 1))
    tight = name in ("leggings", "tights")
    ease = 0.01 if tight else rng.uniform(0.03, 0.1)
    flare = 0.0 if tight else float(rng.choice([0.0, 0.0, 0.12, 0.3]))
    base = {"jeans": cloth.twill, "leggings": cloth.ribbed}.get(name, _suiting)(rng, color)
    texture = cloth.add_folds(rng, cloth.plain(color) if name == "tights" else base, 0.2, 1.2)
    piece = Piece(name, texture, "long")
    end = 1.03 if tight else rng.uniform(0.9, 1.06)
    grain = figure.grain()
    canvas.paint([figure.trunk(0.8, 1.14, 0.02)], piece, texture, grain, relief=0.6)
    for side in rng.permutation(2):
        leg = figure.legs[side]
        canvas.paint(
            [figure.trouser(side, -0.03, end, ease, flare)], piece, texture,
            figure.limb_grain(leg), relief=1.0, shadow=0.45,
        )  # fmt: skip
        if tight:
            continue
        seam = floats([196, 150, 84]) if name == "jeans" else np.minimum(color * 1.3 + 25, 255)
        crease = figure.along(leg, 0.08, end) + floats([(2 * side - 1) * 0.09 * unit, 0])
        canvas.stroke(crease, seam, 0.08 * unit, piece)
        pocket = leg[0] + unit * floats(
            [[0.28 * (2 * side - 1), -0.1], [0.08 * (2 * side - 1), 0.2]]
        )
        canvas.stroke(pocket, 0.6 * color, 0.05 * unit, piece, "pocket")
    if not tight:
        _waistband(canvas, figure, piece, 0.62 * color)


def _suiting(rng: Random, color: Array) -> Cloth:
    """Sample smooth cloth for trousers: plain or leather."""
    return cloth.leather(rng, color) if rng.random() < 0.4 else cloth.plain(color)


def _waistband(canvas: Canvas, figure: Figure, piece: Piece, color: Array) -> None:
    """Draw a waistband and the fly below it."""
    half = 0.9 * figure.unit
    for level in (0.86, 0.95):
        band = np.concatenate([figure.edge(floats([level]), s, half) for s in (0, 1)])
        canvas.stroke(band, color, 0.035 * figure.unit, piece)
    canvas.stroke(figure.spine(floats([0.9, 1.12])), color, 0.04 * figure.unit, piece)


def draw_shorts(canvas: Canvas, figure: Figure, rng: Random) -> None:
    """Draw shorts with turned-up, frayed legs."""
    unit, color = figure.unit, cloth.cloth_color(rng)
    texture = cloth.add_folds(rng, cloth.twill(rng, color), 0.18)
    piece = Piece("shorts", texture, "short")
    end = rng.uniform(0.16, 0.36)
    draw_short_legs(canvas, figure, piece, end, rng.uniform(0.05, 0.12))
    _waistband(canvas, figure, piece, 0.6 * color)
    light = np.minimum(0.4 * color + 150, 255)
    for side in (0, 1):
        leg = figure.legs[side]
        cuff = figure.trouser(side, end - 0.06, end, 0.15)
        canvas.paint([cuff], piece, cloth.ribbed(rng, light), figure.limb_grain(leg))
        pocket = leg[0] + unit * floats(
            [[0.3 * (2 * side - 1), -0.1], [0.06 * (2 * side - 1), 0.16]]
        )
        canvas.stroke(pocket, light, 0.05 * unit, piece, "pocket")


def draw_short_legs(canvas: Canvas, figure: Figure, piece: Piece, end: float, ease: float) -> None:
    """Draw the seat and the two short legs of shorts or a romper."""
    seat = [figure.trunk(0.76, 1.16, 0.04)]
    canvas.paint(seat, piece, piece.cloth, figure.grain(), relief=0.7)
    for side in (0, 1):
        canvas.paint(
            [figure.trouser(side, -0.04, end, ease)], piece, piece.cloth,
            figure.limb_grain(figure.legs[side]), relief=1.0, shadow=0.45,
        )  # fmt: skip
