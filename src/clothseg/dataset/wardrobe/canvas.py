"""Canvas that renders antialiased, shaded shapes into an image and exact ids into its mask."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from clothseg.dataset.wardrobe.names import CCP_ID
from clothseg.dataset.wardrobe.piece import Array, Piece, Texture

SUBPIXEL_BITS = 4
"""Fractional bits of the fixed-point coordinates passed to cv2."""


@dataclass(frozen=True)
class Grain:
    """Origin and direction of a texture.

    Args:
        origin: pixel (x, y) where both texture coordinates are 0.
        along: unit vector of the second coordinate; the first is perpendicular to it.
        unit: pixels per head height.
    """

    origin: Array
    along: Array
    unit: float

    def coordinates(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Return the texture coordinates of pixels, in head heights."""
        dx, dy = (x - self.origin[0]) / self.unit, (y - self.origin[1]) / self.unit
        return dx * self.along[1] - dy * self.along[0], dx * self.along[0] + dy * self.along[1]


@dataclass
class Canvas:
    """Image that is being rendered, with its annotation.

    Args:
        image: float32 [H,W,3], RGB, 0 to 255.
        mask: uint8 [H,W], CCP ids.
        light: unit vector (x, y) toward the light, in the image plane.

    Attributes:
        pieces: everything painted so far.
        amodal_masks: all pixels of every piece, visible or occluded, bool [H,W].
        piece_map: uint8 [H,W], number of the visible piece, counted from 1; 0 is none.
        details: kind of every detail (sleeve, pocket, ...) and the number of its piece.
        detail_map: uint8 [H,W], number of the visible detail, counted from 1; 0 is none.
    """

    image: Array
    mask: NDArray[np.uint8]
    light: Array
    pieces: list[Piece] = field(default_factory=list, init=False)
    amodal_masks: list[NDArray[np.bool_]] = field(default_factory=list, init=False)
    piece_map: NDArray[np.uint8] = field(init=False)
    details: list[tuple[str, int]] = field(default_factory=list, init=False)
    detail_map: NDArray[np.uint8] = field(init=False)

    def __post_init__(self) -> None:
        """Start with empty maps of pieces and details."""
        self.piece_map, self.detail_map = np.zeros_like(self.mask), np.zeros_like(self.mask)

    def paint(
        self,
        outlines: Sequence[Array],
        piece: Piece | None,
        texture: Texture,
        grain: Grain,
        relief: float = 0.5,
        shadow: float = 0.35,
        opacity: float = 1.0,
        within: Piece | None = None,
        detail: str = "",
    ) -> None:
        """Fill the union of closed outlines with a shaded texture.

        Args:
            outlines: closed polygons [n,2] in pixels.
            piece: the piece to label in the mask; None leaves the mask unchanged.
            texture: the cloth.
            grain: origin and direction of the texture.
            relief: apparent roundness of the piece, 0 (flat) to 1.
            shadow: darkness of the soft shadow cast on whatever lies below, 0 to 1.
            opacity: 1 fully covers whatever lies below.
            within: paint only pixels already labeled with the CCP name of this piece.
            detail: kind of detail that the shape is, such as `sleeve`; empty if none.
        """
        box = self._box(np.concatenate(list(outlines)), max(3, round(0.15 * grain.unit)))
        cover = rasterize(outlines, box)
        if within is not None:
            cover[self.mask[box] != CCP_ID[within.name]] = 0
        solid = cover >= 128
        if not solid.any():
            return
        alpha = cover.astype(np.float32)[..., None] * np.float32(opacity / 255)
        y, x = np.mgrid[box].astype(np.float32)
        color = texture(*grain.coordinates(x, y))
        if relief:
            color = color * self._shading(solid, grain.unit, relief)[..., None]
        below = self.image[box]
        if shadow:
            below = below * (1 - shadow * self._shadow(cover, grain.unit))[..., None]
        self.image[box] = below + alpha * (color - below)
        if piece is not None:
            self.mask[box][solid] = CCP_ID[piece.name]
            number = self._number(piece)
            self.piece_map[box][solid] = number
            self.amodal_masks[number - 1][box] |= solid
            self.detail_map[box][solid] = self._new_detail(detail, number) if detail else 0

    def stroke(
        self, line: Array, color: Array, width: float, within: Piece, detail: str = ""
    ) -> None:
        """Draw an open line, such as a seam, on pixels of one CCP name; the mask is unchanged.

        Args:
            line: points [n,2] in pixels.
            color: RGB.
            width: pixels.
            within: the garment that the line belongs to.
            detail: kind of detail that the line is, such as `pocket`; empty if none.
        """
        box = self._box(line, round(width) + 2)
        cover = np.zeros(self.mask[box].shape, np.uint8)
        if cover.size == 0:
            return
        corner = (box[1].start, box[0].start)
        thickness = max(1, round(width))
        cv2.polylines(
            cover, [_fixed_point(line - corner)], False, 255, thickness, cv2.LINE_AA, SUBPIXEL_BITS
        )
        cover[self.mask[box] != CCP_ID[within.name]] = 0
        alpha = cover.astype(np.float32)[..., None] * np.float32(min(width, 1) / 255)
        self.image[box] += alpha * (color - self.image[box])
        if detail:
            number = self._number(within)
            painted = (cover >= 128) & (self.piece_map[box] == number)
            self.detail_map[box][painted] = self._new_detail(detail, number)

    def _number(self, piece: Piece) -> int:
        """Return the number of a piece, registering it on first use."""
        if piece not in self.pieces:
            self.pieces.append(piece)
            self.amodal_masks.append(np.zeros(self.mask.shape, bool))
        return self.pieces.index(piece) + 1

    def _new_detail(self, kind: str, number: int) -> int:
        """Register a detail of a piece and return its number."""
        self.details.append((kind, number))
        return len(self.details)

    def _box(self, points: Array, margin: int) -> tuple[slice, slice]:
        """Return the rows and columns of the canvas that enclose points [n,2] with a margin."""
        size = np.array(self.mask.shape[::-1])
        left, top = np.clip(np.floor(points.min(0)).astype(int) - margin, 0, size)
        right, bottom = np.clip(np.ceil(points.max(0)).astype(int) + margin + 1, 0, size)
        return slice(top, max(bottom, top)), slice(left, max(right, left))

    def _shading(self, solid: NDArray[np.bool_], unit: float, relief: float) -> Array:
        """Return the brightness of a bulging piece: lit on the light's side, dark at its edges."""
        distance = cv2.distanceTransform(solid.astype(np.uint8), cv2.DIST_L2, 3)
        depth = np.minimum(distance / (0.35 * unit), 1)
        bulge: Array = cv2.GaussianBlur(np.sqrt(1 - (1 - depth) ** 2), (0, 0), 0.04 * unit + 0.5)
        slope_x = cv2.Sobel(bulge, cv2.CV_32F, 1, 0) * (0.06 * unit)
        slope_y = cv2.Sobel(bulge, cv2.CV_32F, 0, 1) * (0.06 * unit)
        lit: Array = np.clip(-(slope_x * self.light[0] + slope_y * self.light[1]), -1, 1)
        return 1 + relief * (0.34 * lit + 0.4 * (bulge - 0.85))

    def _shadow(self, cover: NDArray[np.uint8], unit: float) -> Array:
        """Return the soft shadow of a piece, cast away from the light."""
        shift = -0.05 * unit * self.light
        moved = cv2.warpAffine(
            cover, floats([[1, 0, shift[0]], [0, 1, shift[1]]]), cover.shape[::-1]
        )
        soft: Array = cv2.GaussianBlur(moved, (0, 0), 0.05 * unit + 0.5).astype(np.float32) / 255
        return soft


def floats(values: Any) -> Array:
    """Convert points or colors to single precision."""
    return np.asarray(values, np.float32)


def rasterize(outlines: Sequence[Array], box: tuple[slice, slice]) -> NDArray[np.uint8]:
    """Rasterize the antialiased union of closed outlines in a box of the canvas: uint8 [h,w]."""
    rows, columns = box
    cover = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.uint8)
    for outline in outlines if cover.size else ():
        points = _fixed_point(outline - (columns.start, rows.start))
        cv2.fillPoly(cover, [points], 255, cv2.LINE_AA, SUBPIXEL_BITS)
    return cover


def _fixed_point(points: Array) -> NDArray[np.int32]:
    """Convert pixel coordinates to the fixed-point integers that cv2 draws with."""
    return np.round(points * (1 << SUBPIXEL_BITS)).astype(np.int32)


def curve(points: Array, steps: int = 6, closed: bool = False) -> Array:
    """Return a Catmull-Rom spline through points [n,2]: [about n * steps, 2]."""
    points = np.asarray(points, np.float32)
    if closed:
        padded = np.concatenate([points[-1:], points, points[:2]])
    else:
        padded = np.concatenate(
            [2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]]
        )
    t = (np.arange(steps, dtype=np.float32) / steps)[None, :, None]
    a, b, c, d = (padded[k : len(padded) - 3 + k, None] for k in range(4))
    path = 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * (b - c) + d - a) * t**3
    )
    path = path.reshape(-1, 2)
    return path if closed else np.concatenate([path, points[-1:]])


def tube(points: Array, widths: Sequence[float], steps: int = 6) -> Array:
    """Return the outline of a bent limb: a spline through points [n,2] with half-widths [n]."""
    profile = np.stack([np.arange(len(widths)), widths], 1)
    middle = curve(points, steps)
    half = curve(profile, steps)[:, 1:]
    direction = np.gradient(middle, axis=0)
    direction /= np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-6)
    normal = np.stack([-direction[:, 1], direction[:, 0]], 1)
    return np.concatenate([middle + half * normal, (middle - half * normal)[::-1]])


def ellipse(center: Array, width: float, height: float, angle: float = 0.0) -> Array:
    """Return the outline of an ellipse; semi-axes in pixels, angle in radians."""
    turn = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    x, y = width * np.cos(turn), height * np.sin(turn)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([center[0] + x * cos - y * sin, center[1] + x * sin + y * cos], 1).astype(
        np.float32
    )
