"""Cloth textures: colors and weaves as functions of texture coordinates in head heights."""

from collections.abc import Sequence
from typing import TypeVar

import cv2
import numpy as np

from clothseg.dataset.wardrobe.canvas import floats
from clothseg.dataset.wardrobe.piece import Array, Cloth

TILE = 64
"""Side of a noise tile."""
Option = TypeVar("Option")


def pick(rng: np.random.Generator, options: Sequence[Option]) -> Option:
    """Sample one of several options uniformly."""
    return options[int(rng.integers(len(options)))]


def cloth_color(rng: np.random.Generator) -> Array:
    """Sample a color, as clothes, walls, cars and posters share it: RGB, 0 to 255."""
    if rng.random() < 0.4:
        gray: np.int_ = rng.choice([24, 45, 90, 140, 190, 232])
        return np.clip(gray + rng.normal(0, 7, 3), 8, 248).astype(np.float32)
    if rng.random() < 0.3:
        return earth_color(rng)
    hue, saturation, value = rng.uniform(0, 360), rng.uniform(0.2, 0.85), rng.uniform(0.25, 0.95)
    pixel = floats([[[hue, saturation, value]]])
    color: Array = cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0] * 255
    return color


def earth_color(rng: np.random.Generator) -> Array:
    """Sample an earth tone (camel, wood, brick, sand), close to skin and hair: RGB, 0 to 255."""
    light = rng.uniform(35, 245)
    warmth = floats([1.0, rng.uniform(0.68, 0.9), rng.uniform(0.48, 0.8)])
    return (light * warmth).astype(np.float32)


def contrast_color(rng: np.random.Generator, color: Array, gap: float = 70) -> Array:
    """Sample a cloth color whose brightness differs by at least gap (0 to 100)."""
    other = cloth_color(rng)
    while abs(float((other - color) @ [0.3, 0.6, 0.1])) < gap:
        other = cloth_color(rng)
    return other


def noise_tile(rng: np.random.Generator) -> Array:
    """Sample white noise [TILE,TILE], the input of :func:`noise`."""
    return rng.normal(0, 1, (TILE, TILE)).astype(np.float32)


def noise(tile: Array, u: Array, v: Array) -> Array:
    """Return smooth periodic noise at coordinates [h,w], one bump per unit."""
    smooth: Array = cv2.remap(
        tile,
        np.mod(u, TILE).astype(np.float32),
        np.mod(v, TILE).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )
    return smooth


def plain(color: Array) -> Cloth:
    """Return a cloth of one color."""
    return Cloth(lambda u, v: np.broadcast_to(color, (*u.shape, 3)))


def mix(first: Array, second: Array, weight: Array) -> Array:
    """Blend two colors by a weight map [h,w] in 0 to 1: [h,w,3]."""
    return first + np.clip(weight, 0, 1)[..., None] * (second - first)


def wave(x: Array, sharpness: float = 4.0) -> Array:
    """Return a periodic band, 0 to 1, of period 1."""
    band: Array = 0.5 + sharpness * np.sin(2 * np.pi * x) / 2
    return np.clip(band, 0, 1)


def add_folds(rng: np.random.Generator, base: Cloth, depth: float, along: float = 0.7) -> Cloth:
    """Add folds that run along the second coordinate, and slight unevenness.

    Args:
        rng: source of their positions.
        base: the cloth.
        depth: change in brightness of a fold, 0 to 1.
        along: bumps per head height along the cloth; across it there are 3.
    """
    tile, slant = noise_tile(rng), rng.uniform(-0.5, 0.5)

    def texture(u: Array, v: Array) -> Array:
        fold = noise(tile, 3 * u + slant * v, along * v) + 0.4 * noise(tile, 7 * u, 7 * v)
        return base(u, v) * (1 + depth * np.clip(fold, -1.5, 1.5) / 1.5)[..., None]

    return Cloth(texture, base.pattern)


def stripes(rng: np.random.Generator, color: Array, upright: bool) -> Cloth:
    """Return stripes across the cloth, or along it if upright."""
    other, period = contrast_color(rng, color), rng.uniform(0.16, 0.34)
    return Cloth(
        lambda u, v: mix(color, other, wave((u if upright else v) / period)), "geometrical"
    )


def stripes_across(rng: np.random.Generator, color: Array) -> Cloth:
    """Return stripes across the cloth."""
    return stripes(rng, color, upright=False)


def plaid(rng: np.random.Generator, color: Array) -> Cloth:
    """Return plaid: crossing bands and a thin line."""
    other, line = contrast_color(rng, color, 50), cloth_color(rng)
    period = rng.uniform(0.3, 0.5)

    def texture(u: Array, v: Array) -> Array:
        weight = 0.45 * wave(u / period) + 0.45 * wave(v / period)
        thin = np.maximum(wave(u / period + 0.3, 9), wave(v / period + 0.3, 9))
        return mix(mix(color, other, weight)[..., :], line, 0.35 * (thin > 0.97))

    return Cloth(texture, "geometrical")


def dots(rng: np.random.Generator, color: Array) -> Cloth:
    """Return round dots on a staggered grid."""
    other, period, radius = contrast_color(rng, color), rng.uniform(0.2, 0.32), 0.28

    def texture(u: Array, v: Array) -> Array:
        row = np.floor(v / period)
        x = np.mod(u / period + 0.5 * np.mod(row, 2), 1) - 0.5
        y = np.mod(v / period, 1) - 0.5
        return mix(color, other, (radius - np.hypot(x, y)) * 12 + 0.5)

    return Cloth(texture, "geometrical")


def floral(rng: np.random.Generator, color: Array) -> Cloth:
    """Return blotches of two more colors, like printed flowers or leopard spots."""
    petal, leaf = contrast_color(rng, color, 60), cloth_color(rng)
    tile, scale = noise_tile(rng), rng.uniform(3.5, 5.5)

    def texture(u: Array, v: Array) -> Array:
        bloom = noise(tile, scale * u, scale * v)
        stem = noise(tile, scale * u + 17, scale * v + 31)
        return mix(mix(color, leaf, (stem - 0.5) * 4)[...], petal, (bloom - 0.35) * 5)

    return Cloth(texture, "fancy")


def knit(rng: np.random.Generator, color: Array) -> Cloth:
    """Return a knit: columns of slanted stitches."""
    period = rng.uniform(0.1, 0.16)

    def texture(u: Array, v: Array) -> Array:
        column: Array = np.abs(np.mod(u / period, 1) - 0.5) * 2
        stitch: Array = np.sin(2 * np.pi * (v / (0.7 * period) + column))
        return color * (0.88 + 0.2 * column + 0.1 * stitch)[..., None]

    return Cloth(texture)


def ribbed(rng: np.random.Generator, color: Array) -> Cloth:
    """Return ribbed cloth: ridges along it."""
    period = rng.uniform(0.09, 0.13)
    return Cloth(lambda u, v: color * (0.88 + 0.22 * wave(u / period, 1.2))[..., None])


def twill(rng: np.random.Generator, color: Array) -> Cloth:
    """Return denim: a fine diagonal weave, washed out in places."""
    tile = noise_tile(rng)
    washed = color + 0.35 * (225 - color)

    def texture(u: Array, v: Array) -> Array:
        weave: Array = np.sin(2 * np.pi * (u + v) / 0.07) * 0.06 + 0.1 * noise(tile, 30 * u, 12 * v)
        worn = 0.5 + 0.45 * noise(tile, 1.5 * u, 0.8 * v)
        return mix(color, washed, worn) * (1 + weave)[..., None]

    return Cloth(texture)


def tweed(rng: np.random.Generator, color: Array) -> Cloth:
    """Return tweed: a coarse zigzag weave with flecks."""
    other, tile = contrast_color(rng, color, 40), noise_tile(rng)

    def texture(u: Array, v: Array) -> Array:
        zigzag = np.abs(np.mod(u / 0.36, 1) - 0.5) * 2
        weight = 0.4 + 0.4 * np.sin(2 * np.pi * (v / 0.2 + zigzag))
        return mix(color, other, weight + 0.2 * noise(tile, 22 * u, 22 * v))

    return Cloth(texture, "geometrical")


def leather(rng: np.random.Generator, color: Array) -> Cloth:
    """Return leather: smooth, with bright streaks of reflected light."""
    tile = noise_tile(rng)

    def texture(u: Array, v: Array) -> Array:
        shine: Array = np.clip(noise(tile, 4 * u + v, 1.6 * v - u) - 0.6, 0, 1)
        return color * 0.9 + 110 * shine[..., None]

    return Cloth(texture)


def quilted(rng: np.random.Generator, color: Array) -> Cloth:
    """Return quilted cloth: diamonds with stitched grooves between them."""
    period = rng.uniform(0.28, 0.38)

    def texture(u: Array, v: Array) -> Array:
        groove: Array = np.minimum(
            np.abs(np.mod((u + v) / period, 1) - 0.5), np.abs(np.mod((u - v) / period, 1) - 0.5)
        )
        return color * (0.7 + 0.4 * np.clip(groove * 5, 0, 1))[..., None]

    return Cloth(texture)


def argyle(rng: np.random.Generator, color: Array) -> Cloth:
    """Return argyle: diamonds in two colors with softer edges than a print."""
    other, period = contrast_color(rng, color, 60), rng.uniform(0.4, 0.56)

    def texture(u: Array, v: Array) -> Array:
        diamond = np.sin(np.pi * (u + v) / period) * np.sin(np.pi * (u - v) / period)
        return mix(color, other, 0.5 + 4 * diamond)

    return Cloth(texture, "geometrical")


def add_pleats(base: Cloth, pleats: float, spread: float) -> Cloth:
    """Add pleats that fan out from the waist.

    Args:
        base: the cloth.
        pleats: number of pleats per head height at the waist.
        spread: relative increase of the width of a pleat per head height below the waist.
    """

    def texture(u: Array, v: Array) -> Array:
        phase: Array = np.mod(u / np.maximum(1 + spread * v, 0.3) * pleats, 1)
        return base(u, v) * (0.6 + 0.66 * phase)[..., None]

    return Cloth(texture, base.pattern)


def strands(rng: np.random.Generator, color: Array, wavy: float) -> Cloth:
    """Return hair: thin light and dark streaks, with waves of amplitude wavy (0 is straight)."""
    tile = noise_tile(rng)

    def texture(u: Array, v: Array) -> Array:
        x = u + wavy * np.sin(4.5 * v + 2 * u)
        streak = 0.8 * noise(tile, 24 * x, 0.9 * v) + noise(tile, 8 * x, 0.4 * v)
        return np.clip(color * (1 + 0.22 * streak)[..., None] + 8 * streak[..., None], 0, 255)

    return Cloth(texture)
