"""Lettering printed on the chest."""

import numpy as np

from clothseg.dataset.wardrobe import textures as cloth
from clothseg.dataset.wardrobe.canvas import Canvas, floats
from clothseg.dataset.wardrobe.figure import Figure
from clothseg.dataset.wardrobe.piece import Piece

LETTERS = (
    (((0, 1), (0.5, 0), (1, 1)), ((0.2, 0.6), (0.8, 0.6))),  # A
    (((1, 0), (0, 0), (0, 1), (1, 1)), ((0, 0.5), (0.8, 0.5))),  # E
    (((0, 0), (0, 1)), ((1, 0), (1, 1)), ((0, 0.5), (1, 0.5))),  # H
    (((0, 0), (0, 1), (1, 1)),),  # L
    (((0, 1), (0, 0), (0.5, 0.6), (1, 0), (1, 1)),),  # M
    (((0, 1), (0, 0), (1, 1), (1, 0)),),  # N
    (((0, 0), (1, 0), (1, 1), (0, 1), (0, 0)),),  # O
    (((0, 1), (0, 0), (1, 0), (1, 0.5), (0, 0.5)),),  # P
    (((1, 0), (0, 0), (0, 0.5), (1, 0.5), (1, 1), (0, 1)),),  # S
    (((0, 0), (1, 0)), ((0.5, 0), (0.5, 1))),  # T
    (((0, 0), (0.5, 1), (1, 0)),),  # V
    (((0, 0), (1, 1)), ((1, 0), (0, 1))),  # X
)
"""Strokes of each letter in a unit square, x to the right and y down."""


def draw_lettering(
    canvas: Canvas, figure: Figure, rng: np.random.Generator, piece: Piece, level: float
) -> None:
    """Print a word of three or four letters across the trunk.

    Args:
        canvas: the canvas to paint on.
        figure: the wearer.
        rng: source of word and color.
        piece: the garment to print on.
        level: spine level of the top of the letters.
    """
    unit = figure.unit
    color = piece.cloth(np.zeros((1, 1), np.float32), np.zeros((1, 1), np.float32))[0, 0]
    ink = cloth.contrast_color(rng, color)
    across, down = figure.across, floats([-figure.across[1], figure.across[0]])
    word = rng.choice(len(LETTERS), int(rng.integers(3, 5)))
    wide, tall, step = 0.16 * unit, 0.28 * unit, 0.24 * unit
    corner = figure.spine(level)[0] - 0.5 * (step * (len(word) - 1) + wide) * across
    for position, letter in enumerate(word):
        for stroke in LETTERS[letter]:
            points = floats(stroke)
            line = corner + (position * step + wide * points[:, :1]) * across
            line = line + tall * points[:, 1:] * down
            canvas.stroke(line.astype(np.float32), ink, 0.055 * unit, piece, "applique")
    piece.print = "letters"
