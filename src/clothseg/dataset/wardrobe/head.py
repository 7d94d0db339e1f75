"""Hair, hats and glasses."""

from dataclasses import dataclass, replace

import numpy as np

from clothseg.dataset.wardrobe import textures as cloth
from clothseg.dataset.wardrobe.canvas import Canvas, curve, ellipse, floats, tube
from clothseg.dataset.wardrobe.figure import Figure
from clothseg.dataset.wardrobe.piece import Array, Piece, Size

Random = np.random.Generator
HAIR_COLORS = (
    (30, 24, 22), (52, 36, 26), (84, 54, 32), (122, 80, 44), (176, 128, 72), (216, 180, 120),
    (140, 62, 32), (150, 148, 146),
)  # fmt: skip


@dataclass(frozen=True)
class Hair:
    """Hair style, sampled once and painted both behind and in front of the body.

    Args:
        style: short, bob, long, bun, tail, afro or sparse.
        piece: the labeled piece that its pixels belong to.
        length: distance it hangs below the center of the head, in head heights; 0 is not hanging.
        parting: position of the parting, in head heights to the right of the middle.
        fringe: True if it covers the forehead.
    """

    style: str
    piece: Piece
    length: float
    parting: float
    fringe: bool

    def draw_back(self, canvas: Canvas, figure: Figure) -> None:
        """Paint the hair behind head and shoulders; for a figure seen from behind, all of it."""
        unit, center = figure.unit, figure.head
        grain = figure.grain(center, floats([0, 1]))
        shapes: list[Array] = []
        if self.length:
            spread = 0.47 + 0.1 * min(self.length, 1)
            right = [[0.4, -0.42], [spread, 0.1], [spread, self.length], [0.3, self.length + 0.08]]
            shapes.append(curve(center + unit * _mirror([[0, -0.6], *right]), closed=True))
        elif self.style == "afro":
            shapes.append(ellipse(center - floats([0, 0.16 * unit]), 0.62 * unit, 0.58 * unit))
        elif self.style == "bun":
            shapes.append(ellipse(center - floats([0, 0.66 * unit]), 0.22 * unit, 0.2 * unit))
        elif self.style == "tail":
            side = -1 if figure.turn > 0 else 1
            path = center + unit * floats(
                [[side * 0.2, -0.4], [side * 0.5, -0.1], [side * 0.55, 0.5], [side * 0.45, 0.95]]
            )
            shapes.append(tube(path, [0.1 * unit, 0.15 * unit, 0.14 * unit, 0.03 * unit]))
        if figure.behind:
            shapes.append(self._back_of_head(figure))
        if shapes:
            canvas.paint(shapes, self.piece, self.piece.cloth, grain, relief=0.5)

    def _back_of_head(self, figure: Figure) -> Array:
        """Return the outline of the hair on the skull, seen from behind."""
        skull = [[0, -0.64], [0.28, -0.56], [0.45, -0.25], [0.41, 0.16], [0.28, 0.42], [0, 0.48]]
        if self.style == "sparse":
            skull = [[0, -0.06], [0.39, -0.1], [0.39, 0.16], [0.28, 0.38], [0, 0.42]]
        return curve(figure.head + figure.unit * _mirror(skull), closed=True)

    def _temples(self, figure: Figure) -> list[Array]:
        """Return the outlines of the patches of sparse hair above the ears."""
        patch = floats([[0.33, -0.3], [0.42, -0.22], [0.42, 0.0], [0.37, 0.02], [0.34, -0.12]])
        return [
            curve(figure.head + figure.unit * patch * floats([sign, 1]), closed=True)
            for sign in (-1, 1)
        ]

    def draw_front(self, canvas: Canvas, figure: Figure) -> None:
        """Paint the cap of hair over the forehead and the locks that fall over the shoulders."""
        unit, center = figure.unit, figure.head
        grain = figure.grain(center - floats([0, 0.5 * unit]), floats([0, 1]))
        part, brow = self.parting + 0.1 * figure.turn, -0.14 if self.fringe else -0.3
        sides = 0.02 if self.style in ("short", "bun", "tail") else 0.2
        outer = [[-0.43, sides], [-0.45, -0.25], [-0.28, -0.56], [0, -0.64], [0.28, -0.56]]
        outer += [[0.45, -0.25], [0.43, sides]]
        inner = [[0.36, -0.1], [0.24, brow + 0.03], [part, brow - 0.1], [-0.24, brow + 0.03]]
        inner += [[-0.36, -0.1]]
        cap = [curve(center + unit * floats(outer + inner), closed=True)]
        if self.style == "sparse":
            cap = self._temples(figure)
        canvas.paint(cap, self.piece, self.piece.cloth, grain, relief=0.5, shadow=0.3)
        if self.length:
            for side in (-1, 1):
                lock = center + unit * floats(
                    [[side * 0.36, -0.3], [side * 0.43, 0.15], [side * 0.47, 0.55 * self.length],
                     [side * 0.4, self.length]])  # fmt: skip
                canvas.paint(
                    [tube(lock, [0.07 * unit, 0.1 * unit, 0.16 * unit, 0.03 * unit])], self.piece,
                    self.piece.cloth, grain, relief=0.5, shadow=0.3,
                )  # fmt: skip


def _mirror(right: list[list[float]]) -> Array:
    """Return a symmetric outline from the points of its right half."""
    points = floats(right)
    return np.concatenate([points, points[:0:-1] * floats([-1, 1])])


def choose_hair(rng: Random) -> Hair:
    """Sample color and style of the hair."""
    color = floats(HAIR_COLORS[rng.integers(len(HAIR_COLORS))])
    if rng.random() < 0.15:
        color = cloth.cloth_color(rng)
    style = str(rng.choice(["short", "bob", "long", "long", "bun", "tail", "afro"]))
    wavy = rng.uniform(0, 0.06)
    texture = cloth.strands(rng, color * rng.uniform(0.85, 1.15), wavy)
    length = {"bob": rng.uniform(0.55, 0.8), "long": rng.uniform(0.95, 1.9)}.get(style, 0.0)
    size: Size = "long" if style in ("long", "tail") else "short"
    hair = Piece("hair", texture, size)
    return Hair(style, hair, length, rng.uniform(-0.16, 0.16), bool(rng.random() < 0.35))


def thin_out(hair: Hair) -> Hair:
    """Return the same hair thinned to the `sparse` style."""
    piece = Piece("hair", hair.piece.cloth, "sparse")
    return replace(hair, style="sparse", piece=piece, length=0.0)


def draw_face_mask(canvas: Canvas, figure: Figure, rng: Random) -> None:
    """Draw a protective mask over mouth and nose, with its folds."""
    unit, center = figure.unit, figure.head
    color = cloth.pick(
        rng, (floats([150, 196, 222]), floats([232, 234, 236]), floats([42, 44, 50]))
    )
    base = cloth.plain(color) if rng.random() < 0.7 else cloth.stripes_across(rng, color)
    mask = Piece("accessories", base, "short", part="face mask")
    shift = floats([0.06 * figure.turn * unit, 0])
    outline = curve(center + shift + unit * floats(
        [[-0.3, 0.06], [0, 0.02], [0.3, 0.06], [0.28, 0.34], [0, 0.5], [-0.28, 0.34]]),
        closed=True)  # fmt: skip
    grain = figure.grain(center, floats([0, 1]))
    canvas.paint([outline], mask, base, grain, relief=0.7, shadow=0.3)
    for height in (0.17, 0.27):
        fold = center + shift + unit * floats([[-0.24, height], [0, height + 0.03], [0.24, height]])
        canvas.stroke(curve(fold), 0.8 * color, 0.03 * unit, mask)


def draw_hat(canvas: Canvas, figure: Figure, rng: Random) -> None:
    """Draw a beanie, felt hat, cap, beret or straw hat."""
    unit, center, turn = figure.unit, figure.head, figure.turn
    style = rng.choice(["beanie", "felt", "cap", "straw", "beret"])
    color = cloth.cloth_color(rng)
    base = {"beanie": cloth.ribbed, "straw": cloth.tweed}.get(style, lambda _, c: cloth.plain(c))
    texture = cloth.add_folds(rng, base(rng, color), 0.12)
    hat = Piece("hat", texture, "long" if style in ("felt", "straw") else "short")
    grain = figure.grain(center, floats([0, 1]))
    tall = {"beanie": 0.84, "beret": 0.68, "cap": 0.72}.get(style, 0.92)
    wide = {"beret": 0.6, "beanie": 0.47}.get(style, 0.45)
    crown = curve(center + unit * floats(
        [[-0.45, -0.22], [-wide, -0.42], [-0.34, -tall], [0.05, -tall - 0.04], [0.34, -tall + 0.02],
         [wide, -0.42], [0.45, -0.22], [0, -0.18]]), closed=True)  # fmt: skip
    canvas.paint([crown], hat, texture, grain, relief=0.9, shadow=0.5)
    band = center + unit * floats([[-0.6, -0.28], [0, -0.22], [0.6, -0.28]])
    trim = cloth.contrast_color(rng, color)
    canvas.stroke(curve(band), trim, (0.2 if style == "beanie" else 0.11) * unit, hat)
    if style in ("felt", "straw"):
        brim = ellipse(
            center - floats([0, 0.22 * unit]),
            rng.uniform(0.72, 0.9) * unit,
            0.13 * unit,
            0.05 * turn,
        )
        canvas.paint([brim], hat, texture, grain, relief=0.6, shadow=0.6)
        canvas.stroke(curve(band) - floats([0, 0.1 * unit]), trim, 0.1 * unit, hat)
    if style == "cap":
        peak = ellipse(center + unit * floats([0.3 * turn, -0.22]), 0.44 * unit, 0.11 * unit)
        canvas.paint([peak], hat, texture, grain, relief=0.6, shadow=0.7)
    if style == "beanie" and rng.random() < 0.5:
        ball = ellipse(center - floats([0, 0.94 * unit]), 0.17 * unit, 0.16 * unit)
        canvas.paint([ball], hat, cloth.tweed(rng, trim), grain, relief=0.6)


def draw_glasses(canvas: Canvas, figure: Figure, rng: Random, name: str) -> None:
    """Draw two framed lenses with temples; sunglasses hide the eyes, glasses show them."""
    unit, center = figure.unit, figure.head
    color = cloth.cloth_color(rng)
    middle = center + unit * floats([0.08 * figure.turn, 0.0])
    wide, tall = rng.uniform(0.17, 0.2), rng.uniform(0.12, 0.17)
    grain = figure.grain(middle - floats([0, tall * unit]), floats([0, 1]))
    corners = float(rng.choice([0.45, 0.7, 1.0]))
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    shape = np.stack(
        [np.sign(f) * np.abs(f) ** corners for f in (np.cos(turn), np.sin(turn))], 1
    ).astype(np.float32)
    temples = middle + unit * floats([[-0.42, -0.07], [0.42, -0.07], [0.42, 0.0], [-0.42, 0.0]])
    frame = cloth.plain(color)
    glasses = Piece(name, frame)
    eyes = [middle + floats([side * 0.2 * unit, 0]) for side in (-1, 1)]
    frames = [eye + shape * unit * floats([wide + 0.025, tall + 0.025]) for eye in eyes]
    canvas.paint([temples, *frames], glasses, frame, grain, relief=0.2, shadow=0.4)
    dark = name == "sunglasses"
    tint = 0.5 * cloth.cloth_color(rng) if dark else 0.7 * figure.skin + 60
    for eye in eyes:
        lens = eye + shape * unit * floats([wide - 0.03, tall - 0.03])
        canvas.paint(
            [lens],
            glasses,
            lambda u, v: tint + 55 * np.clip(0.7 - 3 * v, 0, 1)[..., None],
            grain,
            0,
            0,
        )
        if not dark:
            pupil = ellipse(eye, 0.045 * unit, 0.045 * unit)
            canvas.paint([pupil], glasses, cloth.plain(floats([50, 38, 30])), grain, 0, 0)
        glint = eye + unit * floats([[-0.1, 0.04], [0.03, -0.08]])
        canvas.stroke(glint, floats([250, 250, 250]), 0.03 * unit, glasses)
