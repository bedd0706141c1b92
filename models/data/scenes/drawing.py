"""Draws scenes as 64×64 pictures: shapes from signed distances on noisy, nearly grey grounds.

Imports `world` and `picture`.
"""

import cmath
import colorsys
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from models.data.scenes.picture import SIDE, Image
from models.data.scenes.world import PLACES, Scene, Thing

NOISE = 0.05
"""The standard deviation of the noise on each channel of each pixel, where full brightness is 1."""

Array = npt.NDArray[np.floating]
Disc = tuple[float, float, float]
"""Where a thing is: x (to the right) and y (downwards) of its centre and its radius, in pixels."""

HUES = {  # centre and spread, in degrees
    "red": (0, 5),
    "orange": (28, 4),
    "yellow": (57, 5),
    "green": (120, 12),
    "cyan": (183, 7),
    "blue": (222, 8),
    "purple": (280, 7),
    "pink": (328, 7),
}
RADII = {"small": (7.0, 8.2), "big": (11.0, 13.0), "inner": (9.0, 10.5), "outer": (21.5, 24.0), "three": (7.2, 9.0)}
LOW, MIDDLE, HIGH = 14.0, 32.0, 50.0
THIRDS = (11.0, 32.0, 53.0)

_Y, _X = np.mgrid[:SIDE, :SIDE].astype(np.float32) + np.float32(0.5)


def draw(scene: Scene, rng: np.random.Generator) -> Image:
    """A picture (64, 64, 3) of the scene, whose exact positions, sizes, hues and background are drawn from `rng`."""
    canvas = _ground(rng)
    discs = _LAYOUTS[scene.kind](scene, rng)
    for thing, disc in reversed(list(zip(scene.things, discs, strict=True))):  # what is inside comes first
        _paint(canvas, thing, disc, rng)
    canvas += np.float32(NOISE) * rng.standard_normal(canvas.shape, dtype=np.float32)
    return (255 * canvas.clip(0, 1) + 0.5).astype(np.uint8)


def _paint(canvas: Array, thing: Thing, disc: Disc, rng: np.random.Generator) -> None:
    """Paints one thing onto the canvas, slightly rotated and shaded, its edge smoothed over one pixel."""
    x, y, radius = disc
    turn, light = rng.uniform(-0.2, 0.2), rng.uniform(0, 2 * math.pi)
    u, v = _rotated((_X - x) / radius, (_Y - y) / radius, turn)
    cover = (0.5 - radius * _DISTANCES[thing.shape](u, v)).clip(0, 1)  # (64, 64)
    shade = 1 + 0.12 * _rotated(u, v, light)[0].clip(-1, 1)
    canvas += cover[..., None] * (shade[..., None] * _colour(thing.colour, rng) - canvas)


def _rotated(x: Array, y: Array, angle: float) -> tuple[Array, Array]:
    cos, sin = math.cos(angle), math.sin(angle)
    return cos * x + sin * y, cos * y - sin * x


def _colour(name: str, rng: np.random.Generator) -> Array:
    """The red, green and blue of a named colour, with varied hue, saturation and brightness."""
    hue, spread = HUES[name]
    saturation, brightness = ((0.45, 0.65), (0.9, 1.0)) if name == "pink" else ((0.75, 1.0), (0.75, 1.0))
    degrees = (hue + rng.uniform(-spread, spread)) % 360
    rgb = colorsys.hsv_to_rgb(degrees / 360, rng.uniform(*saturation), rng.uniform(*brightness))
    return np.array(rgb, np.float32)


# Where things lie.


def _single(scene: Scene, rng: np.random.Generator) -> list[Disc]:
    (row,) = (index for index, places in enumerate(PLACES) if scene.place in places)
    column = PLACES[row].index(scene.place)
    grid = (LOW, MIDDLE, HIGH)
    return [(grid[column] + _jitter(rng, 3), grid[row] + _jitter(rng, 3), _radius(scene.things[0].size, rng))]


def _left_right(scene: Scene, rng: np.random.Generator) -> list[Disc]:
    height = MIDDLE + _jitter(rng, 4)
    return [
        (x + _jitter(rng, 2.5), height + _jitter(rng, 3), _radius(thing.size, rng))
        for x, thing in zip((LOW, HIGH), scene.things, strict=True)
    ]


def _inside(scene: Scene, rng: np.random.Generator) -> list[Disc]:
    x, y = MIDDLE + _jitter(rng, 3), MIDDLE + _jitter(rng, 3)
    return [(x + _jitter(rng, 1), y + _jitter(rng, 1), _radius("inner", rng)), (x, y, _radius("outer", rng))]


def _row(scene: Scene, rng: np.random.Generator) -> list[Disc]:
    height = MIDDLE + _jitter(rng, 4)
    return [(x + _jitter(rng, 1.5), height + _jitter(rng, 3), _radius("three", rng)) for x in THIRDS]


def _above_below(scene: Scene, rng: np.random.Generator) -> list[Disc]:
    return [(y, x, radius) for x, y, radius in _left_right(scene, rng)]


def _column(scene: Scene, rng: np.random.Generator) -> list[Disc]:
    return [(y, x, radius) for x, y, radius in _row(scene, rng)]


def _jitter(rng: np.random.Generator, spread: float) -> float:
    return float(rng.uniform(-spread, spread))


def _radius(size: str, rng: np.random.Generator) -> float:
    return float(rng.uniform(*RADII[size]))


_LAYOUTS: dict[str, Callable[[Scene, np.random.Generator], list[Disc]]] = {
    "single": _single,
    "left-right": _left_right,
    "above-below": _above_below,
    "inside": _inside,
    "row": _row,
    "column": _column,
}

# Signed distances (64, 64) to the edge of a shape of radius 1 about the origin, negative inside; v points down.


def _circle(u: Array, v: Array) -> Array:
    return np.hypot(u, v) - 0.95


def _square(u: Array, v: Array) -> Array:
    return np.maximum(abs(u), abs(v)) - 0.85


def _triangle(u: Array, v: Array) -> Array:
    return np.maximum(v, math.sqrt(3) / 2 * abs(u) - v / 2) - 0.58


def _diamond(u: Array, v: Array) -> Array:
    width, height = 0.75, 1.12
    return (height * abs(u) + width * abs(v) - width * height) / math.hypot(width, height)


def _star(u: Array, v: Array) -> Array:
    """The distance to one edge of a five-pointed star, from tip to notch; symmetry folds the other edges onto it."""
    tip, notch = 1.15, 0.5 * cmath.exp(0.2j * math.pi)
    edge = (notch - tip) / abs(notch - tip)
    sector = 0.4 * math.pi
    angle = abs((np.arctan2(u, -v) + sector / 2) % sector - sector / 2)
    distance = np.hypot(u, v)
    return edge.imag * (distance * np.cos(angle) - tip) - edge.real * distance * np.sin(angle)


def _cross(u: Array, v: Array) -> Array:
    return np.maximum(np.maximum(abs(u), abs(v)) - 1.05, np.minimum(abs(u), abs(v)) - 0.34)


_DISTANCES: dict[str, Callable[[Array, Array], Array]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "diamond": _diamond,
    "star": _star,
    "cross": _cross,
}

# The ground.


def _ground(rng: np.random.Generator) -> Array:
    """A nearly grey background (64, 64, 3): dark or light, tinted, with a gradient, plain or patterned."""
    level = rng.uniform(0.12, 0.32) if rng.random() < 0.5 else rng.uniform(0.66, 0.88)
    tint = rng.uniform(-0.05, 0.05, 3).astype(np.float32)
    slope = _rotated(_X - MIDDLE, _Y - MIDDLE, rng.uniform(0, 2 * math.pi))[0] / (SIDE / 2)
    grey = level + rng.uniform(0, 0.08) * slope + rng.uniform(0.03, 0.07) * _pattern(rng)
    return grey.astype(np.float32)[..., None] + tint


def _pattern(rng: np.random.Generator) -> Array:
    """A pattern (64, 64) in [−1, 1]: none, stripes, checks or dots."""
    u, v = _rotated(_X, _Y, rng.uniform(0, math.pi))
    frequency = 2 * math.pi / rng.uniform(6, 14)
    waves = np.sin(frequency * u), np.sin(frequency * v)
    choices = (np.zeros_like(u), np.sign(waves[0]), np.sign(waves[0] * waves[1]), np.sign(waves[0] + waves[1] - 1))
    return choices[rng.integers(len(choices))]
