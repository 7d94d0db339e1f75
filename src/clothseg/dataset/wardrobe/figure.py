"""Posed body: joints, widths and its framing in the image."""

from dataclasses import dataclass, replace

import numpy as np

from clothseg.dataset.wardrobe.canvas import Grain, curve, floats, tube
from clothseg.dataset.wardrobe.piece import Array, Piece, Side
from clothseg.dataset.wardrobe.textures import plain

SKIN_TONES = (
    (246, 214, 190), (233, 190, 160), (216, 166, 130), (190, 136, 98), (152, 100, 66),
    (104, 66, 46),
)  # fmt: skip
LIMB_POINTS = 8
TORSO_LEVELS = (0.0, 0.06, 0.14, 0.22, 0.4, 0.66, 0.86, 1.0, 1.12, 1.5, 3.0)
TORSO_WIDTHS = (0.17, 0.3, 0.66, 0.72, 0.6, 0.48, 0.58, 0.66, 0.66, 0.64, 0.6)
"""Half-width of the torso, in head heights, from the neck (level 0) over the waist (0.66) to the
hips (1) and the thighs (above 1)."""


@dataclass(frozen=True)
class Body:
    """Labeled parts of a body; pairs as in :class:`Figure`."""

    torso: Piece
    face: Piece
    arms: tuple[Piece, Piece]
    legs: tuple[Piece, Piece]


@dataclass(frozen=True)
class Figure:
    """Joints of a body in pixels; pairs are (left in the image, right in the image).

    Args:
        unit: pixels per head height.
        build: width of the body; 1 is average.
        turn: direction of face and feet, -1 (left) to 1 (right).
        head: center of the head.
        neck: base of the neck.
        waist: middle of the waist.
        pelvis: middle of the hips.
        across: unit vector from the left to the right shoulder.
        arms: per side, shoulder, elbow, wrist and fingertips [4,2].
        legs: per side, hip, knee, ankle and toes [4,2].
        skin: RGB.
        behind: True if the body is seen from behind.
        body: its labeled parts.
    """

    unit: float
    build: float
    turn: float
    head: Array
    neck: Array
    waist: Array
    pelvis: Array
    across: Array
    arms: tuple[Array, Array]
    legs: tuple[Array, Array]
    skin: Array
    behind: bool
    body: Body

    def anatomical_side(self, side: int) -> Side:
        """Return the anatomical side of an image side (0 left, 1 right)."""
        return anatomical_side(side, self.behind)

    def spine(self, level: Array | float) -> Array:
        """Return points of the body's midline: neck at 0, hips at 1, straight down beyond."""
        level = np.atleast_1d(np.asarray(level, np.float32))[:, None]
        upper = self.neck + (self.waist - self.neck) * level / 0.66
        lower = self.waist + (self.pelvis - self.waist) * (level - 0.66) / 0.34
        beyond = self.pelvis + floats([0, 2.1 * self.unit]) * (level - 1)
        return np.where(level < 0.66, upper, np.where(level < 1, lower, beyond)).astype(np.float32)

    def torso_width(self, level: Array) -> Array:
        """Return the half-width of the body at spine levels, in pixels."""
        narrow = 1 - 0.12 * abs(self.turn)
        width = np.interp(level, TORSO_LEVELS, TORSO_WIDTHS)
        return width * (self.build * narrow * self.unit)

    def trunk(self, start: float, end: float, ease: float, flare: float = 0.0) -> Array:
        """Return the outline of the body between two spine levels.

        Args:
            start: upper level.
            end: lower level.
            ease: distance of the cloth from the body, in head heights.
            flare: additional distance per level below the waist.
        """
        levels = np.linspace(start, end, 14)
        extra = (ease + flare * np.maximum(levels - 0.66, 0)) * self.unit
        extra = extra * np.clip((levels + 0.06) / 0.12, 0.3, 1)
        half = (self.torso_width(levels) + extra)[:, None] * self.across
        middle = self.spine(levels)
        return np.concatenate([middle - half, (middle + half)[::-1]])

    def edge(self, levels: Array, side: int, offset: Array | float) -> Array:
        """Return points next to the spine, offset pixels away on a side (0 left, 1 right)."""
        half = np.broadcast_to(np.asarray(offset), levels.shape)[:, None] * self.across
        return (self.spine(levels) + (2 * side - 1) * half).astype(np.float32)

    def sleeve(self, side: int, length: float, ease: float, cuff: float = 0.0) -> Array:
        """Return the outline of an arm from the shoulder to a length of 0 to 1 (the wrist)."""
        widths = np.interp(
            np.linspace(0, length, LIMB_POINTS), [0, 0.15, 0.5, 1], [0.2, 0.19, 0.145, 0.1]
        )
        widths = widths * np.sqrt(self.build) + ease + cuff * np.linspace(0, 1, LIMB_POINTS) ** 2
        widths[0] *= 0.5
        return tube(self.along(self.arms[side], 0, length), list(widths * self.unit), 4)

    def trouser(
        self, side: int, start: float, end: float, ease: float, flare: float = 0.0
    ) -> Array:
        """Return the outline of a leg between two lengths: hip 0, knee 0.5, ankle 1."""
        lengths = np.linspace(start, end, LIMB_POINTS)
        widths = np.interp(
            lengths, [0, 0.2, 0.48, 0.62, 0.9, 1.1], [0.35, 0.32, 0.2, 0.21, 0.115, 0.11]
        )
        extra = ease * np.clip(0.4 + lengths, 0, 1) + flare * np.maximum(lengths - 0.45, 0)
        return tube(
            self.along(self.legs[side], start, end),
            list((widths * self.build + extra) * self.unit),
            4,
        )

    def translate(self, offset: Array) -> "Figure":
        """Return the body translated by offset (x, y) pixels."""
        return replace(
            self,
            head=self.head + offset,
            neck=self.neck + offset,
            waist=self.waist + offset,
            pelvis=self.pelvis + offset,
            arms=(self.arms[0] + offset, self.arms[1] + offset),
            legs=(self.legs[0] + offset, self.legs[1] + offset),
        )

    @staticmethod
    def along(limb: Array, start: float, end: float) -> Array:
        """Return points of a limb [4,2] between two lengths, 0 at joint 1 and 1 at joint 3."""
        path = curve(limb[:3], 8)
        at = np.linspace(start, end, LIMB_POINTS) * (len(path) - 1)
        beyond: Array = np.maximum(at - (len(path) - 1), 0)[:, None] * (path[-1] - path[-2])
        return (
            np.stack([np.interp(at, np.arange(len(path)), path[:, k]) for k in (0, 1)], 1) + beyond
        ).astype(np.float32)

    def grain(self, origin: Array | None = None, along: Array | None = None) -> Grain:
        """Return a grain from an origin along a vector, by default down the spine."""
        origin = self.waist if origin is None else origin
        along = self.pelvis - self.neck if along is None else along
        return Grain(origin, along / max(float(np.linalg.norm(along)), 1e-6), self.unit)

    def limb_grain(self, limb: Array) -> Grain:
        """Return a grain that runs along an arm or a leg."""
        return self.grain(limb[0], limb[2] - limb[0])


def anatomical_side(side: int, behind: bool) -> Side:
    """Return the anatomical side; a person facing the camera has the right hand at image left."""
    return "left" if (side == 1) != behind else "right"


def pose(
    rng: np.random.Generator, crop: str, height: int, width: int, behind: bool = False
) -> Figure:
    """Sample a body in a pose.

    Args:
        rng: the only source of randomness.
        crop: framing: `full`, `knee` (head to knees), `half` (head to hips) or `legs` (waist to
            shoes).
        height: height of the photo in pixels.
        width: width of the photo in pixels.
        behind: True if the body is seen from behind.
    """
    heads = {"full": (7.0, 7.6), "knee": (4.7, 5.5), "half": (3.1, 3.9), "legs": (3.7, 4.6)}[crop]
    unit = height / rng.uniform(*heads)
    turn = rng.uniform(-1, 1)
    lean = rng.normal(0, 0.05)
    tilt = rng.normal(0, 0.05)
    build = rng.uniform(0.84, 1.16)
    up = floats([np.sin(lean), -np.cos(lean)])
    across = floats([np.cos(tilt + lean), np.sin(tilt + lean)])
    pelvis = floats([0, 0])
    waist = up * 0.75 + floats([rng.normal(0, 0.04), 0])
    neck = waist + 1.32 * (up + floats([rng.normal(0, 0.03), 0]))
    head = neck + floats([0.1 * turn + rng.normal(0, 0.04), -0.62])
    hip_across = floats([np.cos(tilt), -np.sin(tilt)]) * 0.3 * build
    shoulder_across = across * 0.62 * build * (1 - 0.12 * abs(turn))
    below = neck + 0.28 * -up
    arms = [_arm(rng, below + (2 * side - 1) * shoulder_across, side) for side in (0, 1)]
    stance = str(rng.choice(["straight", "step", "cross", "wide"]))
    legs = [_leg(rng, pelvis + (2 * side - 1) * hip_across, side, stance, turn) for side in (0, 1)]
    spread = 0.14 if crop == "full" else 0.1
    x = width * (0.5 + rng.uniform(-spread, spread))
    if crop == "legs":
        y = height * rng.uniform(0.94, 0.99) - 3.45 * unit
    else:
        y = height * rng.uniform(0.02, 0.05) - (head[1] - 0.6) * unit
    origin = floats([x, y])
    tone = _skin_tone(rng)
    head, neck, waist, pelvis = (origin + unit * point for point in (head, neck, waist, pelvis))
    return Figure(
        unit=unit,
        build=build,
        turn=turn,
        head=head,
        neck=neck,
        waist=waist,
        pelvis=pelvis,
        across=across,
        arms=(origin + unit * arms[0], origin + unit * arms[1]),
        legs=(origin + unit * legs[0], origin + unit * legs[1]),
        skin=tone,
        behind=behind,
        body=_body(tone, behind),
    )


def _body(tone: Array, behind: bool) -> Body:
    """Return body parts of one skin tone."""
    cloth = plain(tone)

    def pair(part: str) -> tuple[Piece, Piece]:
        left, right = (
            Piece("skin", cloth, part=part, side=anatomical_side(s, behind)) for s in (0, 1)
        )
        return left, right

    torso, face = (Piece("skin", cloth, part=part) for part in ("torso", "face"))
    return Body(torso, face, pair("arm"), pair("leg"))


def _skin_tone(rng: np.random.Generator) -> Array:
    """Sample a skin tone by interpolating :data:`SKIN_TONES`."""
    at = rng.uniform(0, len(SKIN_TONES) - 1)
    tones = floats(SKIN_TONES)
    return floats([np.interp(at, np.arange(len(tones)), tones[:, k]) for k in range(3)])


def _direction(side: int, angle: float) -> Array:
    """Return a unit vector, downward at angle 0 and away from the body at positive angles."""
    return floats([(2 * side - 1) * np.sin(angle), np.cos(angle)])


def _arm(rng: np.random.Generator, shoulder: Array, side: int) -> Array:
    """Sample shoulder, elbow, wrist and fingertips of one arm."""
    kind = rng.choice(["hang", "hang", "hip", "front", "raised", "away"])
    upper, lower = {
        "hang": (rng.uniform(0.12, 0.3), rng.uniform(-0.05, 0.15)),
        "hip": (rng.uniform(0.55, 0.75), rng.uniform(-0.9, -0.7)),
        "front": (rng.uniform(0.1, 0.25), rng.uniform(-1.4, -0.8)),
        "raised": (rng.uniform(0.2, 0.4), rng.uniform(1.9, 2.3)),
        "away": (rng.uniform(0.3, 0.5), rng.uniform(0.4, 0.9)),
    }[kind]
    elbow = shoulder + 1.12 * _direction(side, upper)
    wrist = elbow + 0.92 * _direction(side, lower)
    return np.stack([shoulder, elbow, wrist, wrist + 0.36 * _direction(side, lower)])


def _leg(rng: np.random.Generator, hip: Array, side: int, stance: str, turn: float) -> Array:
    """Sample hip, knee, ankle and toes of one leg."""
    thigh, shin, length = {
        "straight": (rng.uniform(-0.02, 0.06), rng.uniform(-0.04, 0.04), 1.0),
        "step": (rng.uniform(0, 0.14), rng.uniform(-0.2, 0.08), rng.uniform(0.88, 1)),
        "cross": (rng.uniform(-0.16, -0.04), rng.uniform(-0.1, 0.1), 1.0),
        "wide": (rng.uniform(0.12, 0.22), rng.uniform(0.02, 0.16), 1.0),
    }[stance]
    knee = hip + 1.6 * _direction(side, thigh)
    ankle = knee + 1.48 * length * _direction(side, shin)
    outward = 0.16 * (2 * side - 1) + 0.24 * turn
    return np.stack([hip, knee, ankle, ankle + floats([outward, 0.3])])
