"""Rompers, skirts and dresses; each function paints one garment of a CCP name on a figure."""

import numpy as np

from clothseg.dataset.wardrobe import textures as cloth
from clothseg.dataset.wardrobe.canvas import Canvas, curve, floats
from clothseg.dataset.wardrobe.figure import Figure
from clothseg.dataset.wardrobe.garments import (
    SLEEVES,
    Random,
    Sleeve,
    draw_neckline,
    draw_short_legs,
    sleeve_painter,
    sleeve_size,
)
from clothseg.dataset.wardrobe.piece import Array, Cloth, Piece

KNEE = 1.76
"""Spine level of a skirt that ends at the knees."""


def draw_romper(canvas: Canvas, figure: Figure, rng: Random, name: str) -> Sleeve:
    """Draw a romper or bodysuit: one floral print from chest to short legs, tied at the waist."""
    unit, color = figure.unit, cloth.cloth_color(rng)
    texture = cloth.add_folds(rng, cloth.floral(rng, color), 0.14)
    piece = Piece(name, texture, "short", part="upper")
    end = rng.uniform(0.14, 0.28) if name == "romper" else 0.05
    legs = Piece(name, texture, "short", part="lower")
    draw_short_legs(canvas, figure, legs, end, 0.16 if name == "romper" else 0.02)
    top = rng.choice([0.04, 0.22])
    canvas.paint([figure.trunk(top, 1.02, 0.06)], piece, texture, figure.grain(), relief=0.7)
    trim = cloth.contrast_color(rng, color)
    if top < 0.1:
        draw_neckline(canvas, figure, rng, piece, trim)
    else:
        for side in (0, 1):
            strap = np.stack([
                figure.edge(floats([0.05]), side, 0.3 * unit)[0],
                figure.edge(floats([0.3]), side, 0.38 * unit)[0],
            ])  # fmt: skip
            canvas.paint(
                [_ribbon(strap, 0.06 * unit)], piece, cloth.plain(trim), figure.grain(), 0.2
            )
    half = 0.9 * unit
    band = np.concatenate([figure.edge(floats([0.68]), s, half) for s in (0, 1)])
    canvas.stroke(band, trim, 0.13 * unit, piece)
    knot = figure.spine(0.68)[0]
    for sign in (-1, 1):
        tail = knot + unit * floats([[0, 0], [sign * 0.14, 0.2], [sign * 0.1, 0.5]])
        canvas.stroke(curve(tail), trim, 0.07 * unit, piece, "bow")
    length = rng.uniform(*SLEEVES[name]) if top < 0.1 else 0.0
    piece.size = sleeve_size(length)
    return sleeve_painter(canvas, figure, piece, length, 0.05, trim)


def _ribbon(line: Array, half: float) -> Array:
    """Return the outline of a straight band around a line of two points."""
    step = line[1] - line[0]
    normal = floats([-step[1], step[0]]) / max(float(np.linalg.norm(step)), 1e-6) * half
    return np.concatenate([line + normal, (line - normal)[::-1]])


def draw_skirt(canvas: Canvas, figure: Figure, rng: Random, name: str, start: float) -> Cloth:
    """Draw a pleated skirt, or that of a dress; return its cloth with pleats that do not spread."""
    color = cloth.cloth_color(rng)
    base = cloth.dots(rng, color) if rng.random() < 0.35 else cloth.plain(color)
    hem = rng.uniform(1.45, 2.3)
    flare = rng.uniform(0.12, 0.6)
    pleats = rng.uniform(2.6, 3.8)
    texture = cloth.add_folds(rng, cloth.add_pleats(base, pleats, 0.55 * flare), 0.1)
    part = "lower" if name == "dress" else ""
    piece = Piece(name, texture, "short" if hem < KNEE else "long", part)
    levels = np.linspace(start, hem, 12)
    half = figure.torso_width(np.minimum(levels, 1.1)) + figure.unit * (
        0.04 + flare * np.maximum(levels - 0.72, 0)
    )
    sway = figure.unit * rng.normal(0, 0.1) * np.maximum(levels - 1, 0)
    middle = figure.spine(levels) + np.stack([sway, 0 * sway], 1)
    left, right = middle - half[:, None] * figure.across, middle + half[:, None] * figure.across
    at = np.linspace(0, 1, 25)[1:-1, None]
    wavy = 0.05 * np.sin(at * rng.uniform(20, 40)) + 0.12 * np.sin(np.pi * at)
    edge = left[-1] + at * (right[-1] - left[-1]) + figure.unit * wavy * floats([0, 1])
    outline = np.concatenate([left, edge, right[::-1]]).astype(np.float32)
    canvas.paint([outline], piece, texture, figure.grain(), relief=0.6, shadow=0.5)
    rim = np.concatenate([left[-1:], edge, right[-1:]]) - floats([0, 0.07 * figure.unit])
    canvas.stroke(rim, 0.65 * color, 0.05 * figure.unit, piece)
    return cloth.add_pleats(base, pleats, 0.0)


def draw_dress(canvas: Canvas, figure: Figure, rng: Random) -> Sleeve:
    """Draw a dress: a fitted bodice over a skirt, both pleated, with a seam at the waist."""
    unit = figure.unit
    base = draw_skirt(canvas, figure, rng, "dress", 0.66)
    texture = cloth.add_folds(rng, base, 0.14)
    piece = Piece("dress", texture, part="upper")
    canvas.paint([figure.trunk(0.04, 0.76, 0.03)], piece, texture, figure.grain(), relief=0.7)
    trim = cloth.cloth_color(rng)
    draw_neckline(canvas, figure, rng, piece, trim)
    half = 0.9 * unit
    band = np.concatenate([figure.edge(floats([0.7]), s, half) for s in (0, 1)])
    canvas.stroke(band, trim, 0.08 * unit, piece)
    for side in (0, 1):
        dart = figure.edge(floats([0.3, 0.68]), side, 0.26 * unit)
        canvas.stroke(dart, floats([40, 36, 36]), 0.02 * unit, piece)
    length = rng.uniform(*SLEEVES["dress"])
    piece.size = sleeve_size(length)
    return sleeve_painter(canvas, figure, piece, length, 0.05, trim)
