"""Draws digits with varied strokes, to use in place of MNIST when nothing can be downloaded.

A glyph is a set of points with smooth curves through them; each digit has several ways of being written. A picture
moves the points a little, turns, slants and stretches the whole, and inks what lies within a pen's width of the curves.
Imports `mnist` for the format of digits.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from minigrad.errors import UsageError
from minigrad.op import Array
from models.data.mnist import CLASSES, SIDE, Digits

COUNTS = {"train": 12_000, "test": 2_000}
"""The number of pictures in each part, with equally many of each class."""

_FINE = 4
"""The number of straight segments that approximate each piece of a curve."""
_BLOCK = 100
"""The number of pictures drawn at once."""
_HEIGHT = 19.0
"""The height in pixels before stretching; MNIST's digits are 20 pixels high."""
_CENTRES = np.arange(SIDE, dtype=np.float32) + np.float32(0.5)


class Glyph(NamedTuple):
    """Points (x to the right, y down, in the unit square) and the curves through them.

    A curve is a list of point numbers; one that ends where it began is closed.
    """

    points: tuple[tuple[float, float], ...]
    curves: tuple[tuple[int, ...], ...]


_LOOP = ((0.5, 0.1), (0.27, 0.28), (0.22, 0.5), (0.29, 0.74), (0.5, 0.9), (0.71, 0.74), (0.78, 0.5), (0.73, 0.28))
_EIGHT = ((0.5, 0.47), (0.29, 0.29), (0.5, 0.1), (0.71, 0.29), (0.26, 0.7), (0.5, 0.9), (0.74, 0.7))
GLYPHS: tuple[tuple[Glyph, ...], ...] = (
    (Glyph(_LOOP, ((*range(8), 0),)), Glyph((*_LOOP[:7], (0.68, 0.2), (0.42, 0.13)), (tuple(range(9)),))),
    (
        Glyph(((0.5, 0.1), (0.5, 0.5), (0.5, 0.9)), ((0, 1, 2),)),
        Glyph(((0.36, 0.28), (0.54, 0.1), (0.52, 0.5), (0.52, 0.9)), ((0, 1), (1, 2, 3))),
        Glyph(
            ((0.38, 0.26), (0.52, 0.1), (0.51, 0.5), (0.5, 0.9), (0.32, 0.9), (0.68, 0.9)), ((0, 1), (1, 2, 3), (4, 5))
        ),
    ),
    (
        Glyph(
            ((0.26, 0.3), (0.48, 0.1), (0.73, 0.28), (0.6, 0.56), (0.24, 0.88), (0.5, 0.87), (0.78, 0.88)),
            ((0, 1, 2, 3, 4), (4, 5, 6)),
        ),
        Glyph(
            ((0.28, 0.22), (0.52, 0.1), (0.7, 0.3), (0.5, 0.66), (0.3, 0.88), (0.24, 0.75), (0.42, 0.72), (0.8, 0.86)),
            ((0, 1, 2, 3, 4, 5, 6, 7),),
        ),
    ),
    (
        Glyph(
            ((0.27, 0.2), (0.5, 0.1), (0.7, 0.27), (0.46, 0.47), (0.75, 0.68), (0.52, 0.9), (0.25, 0.8)),
            ((0, 1, 2, 3), (3, 4, 5, 6)),
        ),
        Glyph(
            ((0.28, 0.12), (0.7, 0.12), (0.46, 0.43), (0.74, 0.64), (0.56, 0.88), (0.26, 0.84)),
            ((0, 1), (1, 2), (2, 3, 4, 5)),
        ),
    ),
    (
        Glyph(((0.6, 0.1), (0.22, 0.62), (0.8, 0.62), (0.6, 0.9)), ((0, 1), (1, 2), (0, 3))),
        Glyph(
            ((0.3, 0.12), (0.26, 0.36), (0.34, 0.52), (0.7, 0.48), (0.7, 0.12), (0.66, 0.9)), ((0, 1, 2, 3), (4, 3, 5))
        ),
    ),
    (
        Glyph(
            ((0.73, 0.12), (0.36, 0.13), (0.32, 0.45), (0.55, 0.4), (0.74, 0.62), (0.55, 0.88), (0.25, 0.82)),
            ((0, 1), (1, 2), (2, 3, 4, 5, 6)),
        ),
        Glyph(
            ((0.76, 0.16), (0.45, 0.12), (0.33, 0.34), (0.58, 0.5), (0.66, 0.74), (0.44, 0.9), (0.24, 0.78)),
            ((0, 1, 2, 3, 4, 5, 6),),
        ),
    ),
    (
        Glyph(
            ((0.64, 0.1), (0.38, 0.36), (0.28, 0.68), (0.5, 0.9), (0.72, 0.7), (0.52, 0.52), (0.3, 0.68)),
            ((0, 1, 2, 3, 4, 5, 6),),
        ),
        Glyph(
            ((0.42, 0.1), (0.3, 0.45), (0.34, 0.8), (0.56, 0.9), (0.7, 0.74), (0.56, 0.58), (0.36, 0.76)),
            ((0, 1, 2, 3, 4, 5, 6),),
        ),
    ),
    (
        Glyph(((0.22, 0.14), (0.5, 0.14), (0.76, 0.13), (0.56, 0.5), (0.42, 0.9)), ((0, 1, 2), (2, 3, 4))),
        Glyph(
            ((0.22, 0.16), (0.5, 0.14), (0.74, 0.13), (0.6, 0.48), (0.46, 0.9), (0.4, 0.5), (0.76, 0.47)),
            ((0, 1, 2), (2, 3, 4), (5, 6)),
        ),
        Glyph(((0.26, 0.3), (0.28, 0.15), (0.72, 0.14), (0.58, 0.5), (0.5, 0.9)), ((0, 1), (1, 2), (2, 3, 4))),
    ),
    (
        Glyph(_EIGHT, ((0, 1, 2, 3, 0, 4, 5, 6, 0),)),
        Glyph(((0.7, 0.2), (0.5, 0.1), (0.3, 0.26), (0.5, 0.46), (0.72, 0.7), (0.5, 0.9), (0.28, 0.72), (0.52, 0.46),
               (0.7, 0.22)), ((0, 1, 2, 3, 4, 5, 6, 7, 8),)),
    ),
    (
        Glyph(
            ((0.7, 0.3), (0.5, 0.1), (0.29, 0.3), (0.48, 0.5), (0.7, 0.6), (0.62, 0.9)), ((0, 1, 2, 3, 0), (0, 4, 5))
        ),
        Glyph(((0.7, 0.24), (0.48, 0.1), (0.3, 0.3), (0.46, 0.48), (0.68, 0.66), (0.5, 0.9), (0.3, 0.8)),
              ((0, 1, 2, 3, 0), (0, 4, 5, 6))),
    ),
)  # fmt: skip
"""The ways of writing each digit."""


def draw_digits(part: str = "train", seed: int = 0, count: int | None = None) -> Digits:
    """`count` pictures and labels of a part, "train" or "test"; always the same for the same part, seed and count."""
    count = COUNTS[part] if count is None else count
    if count < 1:
        raise UsageError(f"{count} digits were asked for; it must be at least 1")
    rng = np.random.default_rng([seed, *part.encode()])
    labels = (np.arange(count) % CLASSES).astype(np.uint8)
    ways = np.array([rng.integers(len(GLYPHS[digit])) for digit in labels])
    images = np.empty((count, SIDE, SIDE), np.uint8)
    for digit, glyphs in enumerate(GLYPHS):
        for way, glyph in enumerate(glyphs):
            rows = np.flatnonzero((labels == digit) & (ways == way))
            for start in range(0, len(rows), _BLOCK):
                some = rows[start : start + _BLOCK]
                images[some] = written(glyph, len(some), rng)
    order = rng.permutation(count)
    return Digits(images[order], labels[order])


def written(glyph: Glyph, count: int, rng: np.random.Generator) -> Array:
    """Pictures (count, 28, 28) of a glyph, each written differently."""
    points = np.asarray(glyph.points) + rng.normal(0, 0.022, (count, len(glyph.points), 2))
    placed = (points - 0.5) @ hands(count, rng) + rng.normal(0, 0.5, (count, 1, 2)) + SIDE / 2
    squares = np.full((count, SIDE, SIDE), np.inf, np.float32)
    for curve in glyph.curves:
        line = (smooth(curve, len(glyph.points)) @ placed).astype(np.float32)  # (count, M, 2)
        for a, b in pairwise(np.moveaxis(line, 1, 0)):
            np.minimum(squares, squares_to_segment(a, b), out=squares)
    distance = np.sqrt(squares)
    pen = np.clip(rng.normal(1.35, 0.3, (count, 1, 1)), 0.75, 2.2)
    ink = np.clip((pen - distance) / rng.uniform(0.9, 1.4, (count, 1, 1)) + 0.5, 0, 1)
    ink *= np.clip(rng.normal(0.97, 0.06, (count, 1, 1)), 0.75, 1) + rng.normal(0, 0.03, ink.shape)
    return np.clip(np.rint(255 * ink), 0, 255).astype(np.uint8)


def hands(count: int, rng: np.random.Generator) -> Array:
    """Matrices (count, 2, 2) that map the unit square to pixels with random stretching, slant and rotation."""
    width, height = _HEIGHT * np.exp(rng.normal(0, [[0.13], [0.05]], (2, count)))
    slant, angle = rng.normal(0.14, 0.18, count), rng.normal(0, 0.09, count)
    stretched = np.stack([np.stack([width, 0 * width], -1), np.stack([-slant * height, height], -1)], 1)
    c, s = np.cos(angle), np.sin(angle)
    turned: Array = stretched @ np.stack([np.stack([c, s], -1), np.stack([-s, c], -1)], 1)
    return turned


def smooth(curve: tuple[int, ...], count: int) -> Array:
    """The matrix (M, count) that maps a glyph's `count` points to M points on a Catmull-Rom spline along `curve`."""
    closed = curve[0] == curve[-1] and len(curve) > 3
    before, after = (curve[-2], curve[1]) if closed else (curve[0], curve[-1])
    around = np.eye(count)[[before, *curve, after]]
    t = np.linspace(0, 1, _FINE, endpoint=False)[:, None]
    weights = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2)
    pieces = [
        sum(0.5 * w * around[i + k] for k, w in enumerate(weights)) for i in range(len(curve) - 1)
    ]  # each (_FINE, count)
    return np.concatenate([*pieces, around[-2:-1]])


def squares_to_segment(a: Array, b: Array) -> Array:
    """The squared distances (count, 28, 28) of each pixel's centre from the segments a–b, both (count, 2)."""
    u, v = (b - a).T[:, :, None, None]
    dx, dy = _CENTRES - a[:, :1, None], _CENTRES[:, None] - a[:, 1:, None]  # (count, 1, 28), (count, 28, 1)
    share = np.clip((dx * u + dy * v) / np.maximum(u * u + v * v, np.float32(1e-9)), 0, 1)
    across, down = dx - share * u, dy - share * v
    squares: Array = across * across + down * down
    return squares
