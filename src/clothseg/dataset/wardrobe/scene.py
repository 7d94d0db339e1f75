"""Background scenes: walls, windows, foliage, shop fronts, passers-by and other clutter."""

import cv2
import numpy as np

from clothseg.dataset.wardrobe.canvas import floats
from clothseg.dataset.wardrobe.piece import Array
from clothseg.dataset.wardrobe.textures import (
    cloth_color,
    contrast_color,
    earth_color,
    noise,
    noise_tile,
    pick,
)


def draw_scene(rng: np.random.Generator, height: int, width: int) -> Array:
    """Render a background without labeled people: float32 [height,width,3], RGB, 0 to 255."""
    horizon = int(height * rng.uniform(0.5, 0.8))
    image = np.empty((height, width, 3), np.float32)
    image[:horizon] = pick(rng, (_bricks, _facade, _park, _shop_front, _room, _skyline))(
        rng, horizon, width
    )
    image[horizon:] = _ground(rng, height - horizon, width)
    for _ in range(rng.integers(2, 6)):
        pick(rng, (_pole, _poster, _car, _passer_by, _bench, _rack))(rng, image, horizon)
    return _out_of_focus(image, rng.uniform(3, 7))


def _out_of_focus(image: Array, sigma: float) -> Array:
    """Blur with a Gaussian of sigma pixels, at half resolution, which is four times as fast."""
    height, width = image.shape[:2]
    half = cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    blurred: Array = cv2.resize(cv2.GaussianBlur(half, (0, 0), sigma / 2), (width, height))
    return blurred


def _grid(height: int, width: int) -> tuple[Array, Array]:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return x, y


def _rectangle(image: Array, x: float, y: float, width: float, height: float, color: Array) -> None:
    corner = (int(x), int(y)), (int(x + width), int(y + height))
    cv2.rectangle(image, *corner, [float(c) for c in color], -1)


def _wall_color(rng: np.random.Generator) -> Array:
    if rng.random() < 0.4:
        return earth_color(rng)
    color = cloth_color(rng)
    return color + rng.uniform(0.1, 0.5) * (rng.uniform(150, 225) - color)


def _bricks(rng: np.random.Generator, height: int, width: int) -> Array:
    x, y = _grid(height, width)
    tall = rng.uniform(8, 18)
    row = np.floor(y / tall)
    across = x / (2.2 * tall) + 0.5 * np.mod(row, 2)
    joint = (np.mod(y, tall) < 1.5) | (np.mod(across, 1) < 0.07)
    tone = noise(noise_tile(rng), np.floor(across) * 3.7, row * 5.3)
    wall = _wall_color(rng) * (1 + 0.12 * tone)[..., None]
    return np.where(joint[..., None], _wall_color(rng), wall)


def _facade(rng: np.random.Generator, height: int, width: int) -> Array:
    image = np.empty((height, width, 3), np.float32)
    image[:] = _wall_color(rng)
    glass, frame = cloth_color(rng) * 0.6, _wall_color(rng)
    step_x, step_y = rng.uniform(45, 90), rng.uniform(60, 110)
    for top in np.arange(rng.uniform(-40, 10), height, step_y):
        for left in np.arange(rng.uniform(-40, 10), width, step_x):
            tone = rng.uniform(0.6, 1.4)
            _rectangle(image, left - 3, top - 3, 0.55 * step_x + 6, 0.65 * step_y + 6, frame)
            _rectangle(image, left, top, 0.55 * step_x, 0.65 * step_y, glass * tone)
            _rectangle(image, left + 0.26 * step_x, top, 3, 0.65 * step_y, frame)
    return image


def _foliage(rng: np.random.Generator, height: int, width: int) -> Array:
    x, y = _grid(height, width)
    tile = noise_tile(rng)
    octaves = [noise(tile, x / size + y / 90, y / size) for size in (4.3, 9.1, 31)]
    leaves: Array = np.clip(np.sum(octaves, 0), -2, 2)
    hue = rng.uniform([50, 70, 20], [120, 140, 70]).astype(np.float32)
    return np.clip(hue * (1 + 0.3 * leaves)[..., None], 0, 255)


def _park(rng: np.random.Generator, height: int, width: int) -> Array:
    image = _sky(rng, height, width)
    start = int(height * rng.uniform(0, 0.5))
    image[start:] = _foliage(rng, height - start, width)
    for _ in range(rng.integers(1, 4)):
        trunk = rng.uniform([40, 30, 20], [120, 95, 75])
        _rectangle(image, rng.uniform(0, width), 0, rng.uniform(8, 26), height, trunk)
    return image


def _sky(rng: np.random.Generator, height: int, width: int) -> Array:
    top = rng.uniform([120, 150, 190], [225, 235, 250])
    fade = np.linspace(0, 1, height)[:, None, None]
    image = np.empty((height, width, 3), np.float32)
    image[:] = top + fade * (238 - top)
    return image


def _skyline(rng: np.random.Generator, height: int, width: int) -> Array:
    image = _sky(rng, height, width)
    left = -rng.uniform(0, 40)
    while left < width:
        wide, tall = rng.uniform(30, 90), rng.uniform(0.2, 0.95) * height
        color = _wall_color(rng)
        _rectangle(image, left, height - tall, wide, tall, color)
        for top in np.arange(height - tall + 6, height, 13):
            _rectangle(image, left + 4, top, wide - 9, 5, 0.7 * color)
        left += wide
    return image


def _shop_front(rng: np.random.Generator, height: int, width: int) -> Array:
    image = np.empty((height, width, 3), np.float32)
    image[:] = cloth_color(rng)
    x, y = _grid(height, width)
    top = int(height * rng.uniform(0.2, 0.4))
    inside = cloth_color(rng) * (0.7 + 0.3 * noise(noise_tile(rng), x / 25, y / 40))[..., None]
    image[top:-14, 12:-12] = inside[top:-14, 12:-12]
    for left in np.arange(12, width, rng.uniform(60, 110)):
        _rectangle(image, left, top, 5, height, _wall_color(rng))
    first, second = cloth_color(rng), cloth_color(rng)
    for index, left in enumerate(range(0, width, 18)):
        _rectangle(image, left, top - 34, 18, 40, (first, second)[index % 2])
    return image


def _room(rng: np.random.Generator, height: int, width: int) -> Array:
    image = np.empty((height, width, 3), np.float32)
    image[:] = _wall_color(rng)
    if rng.random() < 0.6:
        x, _ = _grid(height, width)
        folds = np.sin(x / rng.uniform(4, 9)) * 0.16
        edge = int(width * rng.uniform(0.2, 0.5))
        part = np.s_[:, :edge] if rng.random() < 0.5 else np.s_[:, -edge:]
        image[part] = (cloth_color(rng) * (1 + folds)[..., None])[part]
    _rectangle(image, 0, height - 12, width, 12, _wall_color(rng))
    return image


def _ground(rng: np.random.Generator, height: int, width: int) -> Array:
    x, y = _grid(height, width)
    tile = noise_tile(rng)
    color = _wall_color(rng) * rng.uniform(0.6, 1)
    image = (
        color
        * (1 + 0.07 * noise(tile, x / 3, y / 2) + 0.08 * noise(tile, x / 40, y / 20))[..., None]
    )
    if rng.random() < 0.6:
        depth = 60 / (y + 12)
        lines = (np.mod((x - width * rng.random()) * depth / 22, 1) < 0.06) | (
            np.mod(10 * np.log(y + 12), rng.uniform(2, 5)) < 0.35
        )
        image[lines] *= 0.78
    return image


def _pole(rng: np.random.Generator, image: Array, horizon: int) -> None:
    height, width = image.shape[:2]
    wide = rng.uniform(4, 16)
    x = rng.uniform(0, width)
    color = cloth_color(rng)
    _rectangle(image, x, 0, wide, rng.uniform(horizon, height), color)
    _rectangle(image, x, 0, wide / 3, rng.uniform(horizon, height), np.minimum(1.25 * color, 255))


def _poster(rng: np.random.Generator, image: Array, horizon: int) -> None:
    wide, tall = rng.uniform(30, 80), rng.uniform(40, 110)
    x, y = rng.uniform(-10, image.shape[1] - 20), rng.uniform(0, max(horizon - tall, 1))
    paper = cloth_color(rng)
    _rectangle(image, x, y, wide, tall, paper)
    for _ in range(rng.integers(2, 6)):
        _rectangle(
            image, x + rng.uniform(2, wide / 2), y + rng.uniform(2, tall - 8),
            rng.uniform(5, wide / 2), rng.uniform(3, tall / 5), contrast_color(rng, paper, 30),
        )  # fmt: skip


def _car(rng: np.random.Generator, image: Array, horizon: int) -> None:
    width = image.shape[1]
    size, x = rng.uniform(50, 110), rng.uniform(-30, width - 20)
    color = cloth_color(rng)
    body = floats(
        [
            [0, 0],
            [0, -0.22],
            [0.2, -0.26],
            [0.4, -0.5],
            [0.95, -0.5],
            [1.2, -0.26],
            [1.5, -0.2],
            [1.5, 0],
        ]
    )
    glass = floats([[0.3, -0.27], [0.44, -0.45], [0.9, -0.45], [1.08, -0.27]])
    corner = floats([x, horizon + 8])
    for shape, tone in ((body, color), (glass, 0.3 * color + 40)):
        cv2.fillPoly(image, [np.int32(corner + size * shape)], [float(c) for c in tone])
    for wheel in (0.3, 1.2):
        center = int(x + wheel * size), horizon + 8
        cv2.circle(image, center, int(0.14 * size), (25, 25, 28), -1)


def _passer_by(rng: np.random.Generator, image: Array, horizon: int) -> None:
    """Draw a distant person, who is unlabeled background."""
    size = rng.uniform(9, 17)
    x, y = rng.uniform(0, image.shape[1]), horizon - rng.uniform(2.5, 4) * size
    upper, lower, hair = cloth_color(rng), cloth_color(rng), rng.uniform(20, 110) * np.ones(3)
    tone = floats([205, 160, 130]) * rng.uniform(0.5, 1.1)
    for side in (-1, 1):
        leg = floats([[0, 3], [side * 0.75, 3], [side * 0.6, 6.6], [side * 0.15, 6.6]])
        cv2.fillPoly(image, [np.int32(leg * size + (x, y))], [float(c) for c in lower])
    trunk = floats([[-0.8, 1], [0.8, 1], [1, 3], [0.7, 3.4], [-0.7, 3.4], [-1, 3]])
    cv2.fillPoly(image, [np.int32(trunk * size + (x, y))], [float(c) for c in upper])
    cv2.circle(image, (int(x), int(y + 0.4 * size)), int(0.52 * size), hair.tolist(), -1)
    cv2.circle(image, (int(x), int(y + 0.55 * size)), int(0.4 * size), tone.tolist(), -1)


def _bench(rng: np.random.Generator, image: Array, horizon: int) -> None:
    x, size, color = rng.uniform(-40, image.shape[1]), rng.uniform(60, 120), cloth_color(rng)
    for plank in range(4):
        _rectangle(image, x, horizon - 26 + 11 * plank, size, 7, color * (1 - 0.06 * plank))
    for leg in (0.1, 0.85):
        _rectangle(image, x + leg * size, horizon + 14, 5, 26, 0.5 * color)


def _rack(rng: np.random.Generator, image: Array, horizon: int) -> None:
    """Draw a row of hanging cloth, as on a market stall."""
    x, y = rng.uniform(-20, image.shape[1] - 30), rng.uniform(0.3, 0.7) * horizon
    for _ in range(rng.integers(3, 8)):
        wide, tall, color = rng.uniform(8, 20), rng.uniform(50, 110), cloth_color(rng)
        _rectangle(image, x, y, wide, tall, color)
        _rectangle(image, x + 0.6 * wide, y, 0.3 * wide, tall, 0.8 * color)
        x += wide
