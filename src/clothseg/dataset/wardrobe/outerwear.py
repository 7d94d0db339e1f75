"""Coats, jackets, blazers, cardigans and capes, worn open or closed over the other clothes."""

from dataclasses import dataclass

import numpy as np

from clothseg.dataset.wardrobe import textures as cloth
from clothseg.dataset.wardrobe.canvas import Canvas, curve, floats
from clothseg.dataset.wardrobe.figure import Figure
from clothseg.dataset.wardrobe.piece import Array, Cloth, Piece

HEMS = {
    "jacket": (0.9, 1.08), "blazer": (1.1, 1.28), "suit": (1.1, 1.25), "coat": (1.45, 2.1),
    "cardigan": (1.05, 1.6), "cape": (1.0, 1.3),
}  # fmt: skip


@dataclass(frozen=True)
class Coat:
    """Coat, sampled once and painted in three steps: back, front and sleeves.

    Args:
        piece: the labeled piece that its pixels belong to.
        color: RGB.
        hem: spine level of its lower edge.
        gap: half the distance between its fronts, in head heights; 0 is closed.
        flare: widening per spine level below the waist, in head heights.
    """

    piece: Piece
    color: Array
    hem: float
    gap: float
    flare: float

    @property
    def name(self) -> str:
        """CCP name of the coat."""
        return self.piece.name


def choose_coat(rng: np.random.Generator, name: str) -> Coat:
    """Sample cloth and cut of a coat."""
    color = cloth.cloth_color(rng)
    weaves = {
        "cardigan": [cloth.argyle], "jacket": [cloth.quilted, cloth.quilted, cloth.leather],
        "cape": [cloth.tweed, cloth.plaid],
    }.get(name, [cloth.tweed, cloth.plaid, _wool])  # fmt: skip
    texture = cloth.add_folds(rng, weaves[rng.integers(len(weaves))](rng, color), 0.2)
    gap = 0.0 if rng.random() < 0.2 else rng.uniform(0.16, 0.36)
    hem = rng.uniform(*HEMS[name])
    piece = Piece(name, texture, "short" if hem < 1.15 else "long")
    return Coat(piece, color, hem, gap, rng.uniform(0.02, 0.22))


def _wool(rng: np.random.Generator, color: Array) -> Cloth:
    """Return felted wool: one color with a coarse, soft grain."""
    tile = cloth.noise_tile(rng)
    return Cloth(lambda u, v: color * (1 + 0.08 * cloth.noise(tile, 13 * u, 13 * v))[..., None])


def draw_coat_back(canvas: Canvas, figure: Figure, coat: Coat) -> None:
    """Draw the inside of the back, visible between the fronts and the legs."""
    lining = cloth.plain(0.45 * coat.color)
    back = figure.trunk(0.05, coat.hem - 0.03, 0.08, coat.flare)
    canvas.paint([back], coat.piece, lining, figure.grain(), relief=0.3)


def draw_coat_front(canvas: Canvas, figure: Figure, coat: Coat, rng: np.random.Generator) -> None:
    """Draw two fronts with lapels, edges, pockets and buttons; from behind, a back with a seam."""
    if figure.behind:
        _draw_whole_back(canvas, figure, coat)
        return
    unit = figure.unit
    levels = np.linspace(0.02, coat.hem, 16).astype(np.float32)
    ease = 0.12 + coat.flare * np.maximum(levels - 0.66, 0)
    if coat.name == "cape":
        ease = ease + 0.5 * np.clip(levels / 0.6, 0, 1) ** 0.7
    ease = ease * np.clip((levels + 0.04) / 0.12, 0.3, 1)
    outer = figure.torso_width(levels) + ease * unit
    inner = unit * (np.clip(coat.gap * (0.75 + 0.5 * levels), 0, None) - 0.04 * (coat.gap == 0))
    inner = np.minimum(np.maximum(inner, 0.2 * unit * (levels < 0.12)), 0.8 * outer)
    pale = np.minimum(coat.color * 1.35 + 30, 255)
    dark = 0.55 * coat.color
    for side in rng.permutation(2):
        edge = figure.edge(levels, side, inner)
        panel = np.concatenate([edge, figure.edge(levels, side, outer)[::-1]])
        canvas.paint([panel], coat.piece, coat.piece.cloth, figure.grain(), relief=0.9, shadow=0.5)
        canvas.stroke(edge, dark, 0.04 * unit, coat.piece)
        canvas.stroke(
            figure.edge(levels[2:], side, inner[2:] + 0.09 * unit), pale, 0.035 * unit, coat.piece
        )
        canvas.stroke(
            np.stack([edge[-1], panel[len(edge)]]) - floats([0, 0.1 * unit]), dark,
            0.05 * unit, coat.piece,
        )  # fmt: skip
        _pocket(canvas, figure, coat, side, dark)
        if coat.name in ("blazer", "suit", "coat", "jacket"):
            _lapel(canvas, figure, coat, side, inner, pale)
        for level in np.arange(0.55, min(coat.hem, 1.2), 0.16):
            at = np.interp(level, levels, inner) + 0.16 * unit
            button = figure.edge(floats([level]), side, at)[0]
            canvas.stroke(
                button + floats([[0, 0], [0.5, 0]]), 255 - 0.85 * coat.color, 0.13 * unit,
                coat.piece,
            )  # fmt: skip


def _draw_whole_back(canvas: Canvas, figure: Figure, coat: Coat) -> None:
    """Draw the outside of the back; a cape is as wide there as in front."""
    ease = 0.5 if coat.name == "cape" else 0.12
    back = figure.trunk(0.02, coat.hem, ease, coat.flare)
    canvas.paint([back], coat.piece, coat.piece.cloth, figure.grain(), relief=0.9, shadow=0.5)
    seam = figure.spine(np.linspace(0.08, coat.hem, 12).astype(np.float32))
    canvas.stroke(seam, 0.55 * coat.color, 0.035 * figure.unit, coat.piece)


def _pocket(canvas: Canvas, figure: Figure, coat: Coat, side: int, color: Array) -> None:
    """Draw the flap of a pocket below the waist."""
    if coat.hem < 1:
        return
    middle = figure.edge(floats([0.95]), side, 0.5 * figure.unit)[0]
    flap = np.stack(
        [middle - 0.16 * figure.unit * figure.across, middle + 0.16 * figure.unit * figure.across]
    )
    canvas.stroke(flap, color, 0.07 * figure.unit, coat.piece, "pocket")


def _lapel(
    canvas: Canvas, figure: Figure, coat: Coat, side: int, inner: Array, color: Array
) -> None:
    """Draw a turned-back collar that ends in a point next to the opening."""
    unit, sign = figure.unit, 2 * side - 1
    neck = figure.edge(floats([-0.02]), side, 0.2 * unit)[0]
    low = figure.edge(floats([0.52]), side, inner[4])[0]
    notch = figure.edge(floats([0.2]), side, inner[3] + 0.3 * unit)[0]
    collar = figure.edge(floats([0.04]), side, 0.36 * unit)[0]
    shape = curve(np.stack([neck, collar, notch, low]), 4)

    def texture(u: Array, v: Array) -> Array:
        return 0.35 * color + 0.65 * coat.piece.cloth(u * sign, v)

    canvas.paint([shape], coat.piece, texture, figure.grain(), 0.5, 0.5, detail="lapel")
    canvas.stroke(np.stack([collar, notch, low]), 0.45 * coat.color, 0.035 * unit, coat.piece)


def draw_coat_sleeve(canvas: Canvas, figure: Figure, coat: Coat, side: int) -> None:
    """Draw one long sleeve with a cuff."""
    grain = figure.limb_grain(figure.arms[side])
    outline = figure.sleeve(side, 0.97, 0.075, 0.03)
    canvas.paint([outline], coat.piece, coat.piece.cloth, grain, 0.9, 0.5, detail="sleeve")
    cuff = figure.along(figure.arms[side], 0, 0.9)[-2:]
    step = cuff[1] - cuff[0]
    normal = floats([-step[1], step[0]]) / max(float(np.linalg.norm(step)), 1e-6) * 0.4
    line = np.stack([cuff[1] - normal * figure.unit, cuff[1] + normal * figure.unit])
    canvas.stroke(line, 0.55 * coat.color, 0.05 * figure.unit, coat.piece)
