"""Features computed from pixels alone: colours, edges of colour, brightness; no shape or colour is named here.

There are three blocks of numbers for each picture, computed with random filters that a seed determines. Used by
`extractor`; imports `picture`.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from models.data.scenes.picture import Image

Array = npt.NDArray[np.float32]

CELLS = 8
"""Colours and brightness are averaged over 8×8 cells."""
HUES, ORIENTATIONS = 12, 6
CHROMA_SIZE, CHROMA_COUNT, CHROMA_THRESHOLD = 6, 64, 0.15
BRIGHTNESS_SIZE, BRIGHTNESS_COUNT, BRIGHTNESS_THRESHOLD = 7, 32, 0.05
CHROMA_GRID, BRIGHTNESS_GRID = 3, 2

WIDTHS = (
    CELLS**2 * HUES,
    2 * CHROMA_GRID**2 * CHROMA_COUNT,
    2 * CELLS**2 + 2 * BRIGHTNESS_GRID**2 * BRIGHTNESS_COUNT,
)
"""The number of features in each block: colours, edges of chroma, brightness."""


@dataclass(frozen=True)
class Filters:
    """The two banks of random filters, each (count, size, size, channels) and of norm one."""

    chroma: Array
    brightness: Array


def random_filters(seed: int = 0) -> Filters:
    """The filters that this seed determines."""
    rng = np.random.default_rng(seed)
    return Filters(
        _bank(CHROMA_COUNT, CHROMA_SIZE, ORIENTATIONS, rng), _bank(BRIGHTNESS_COUNT, BRIGHTNESS_SIZE, 1, rng)
    )


def blocks(images: Image, filters: Filters) -> tuple[Array, Array, Array]:
    """Colours (N, 768), edges of chroma (N, 1152) and brightness (N, 384) of pictures (N, 64, 64, 3)."""
    pixels = images.astype(np.float32) / np.float32(255)
    opponent = _opponent(_blurred(pixels))
    return _colours(opponent), _chroma_edges(opponent, filters.chroma), _brightness(pixels, filters.brightness)


def _blurred(pixels: Array) -> Array:
    """Means over 3×3 pixels; the border pixels are repeated outwards."""
    padded = np.pad(pixels, ((0, 0), (1, 1), (1, 1), (0, 0)), "edge")
    rows = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    total: Array = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]
    return total / np.float32(9)


def _opponent(pixels: Array) -> Array:
    """The two opponent colour channels, red–green and yellow–blue: (2, N, 64, 64)."""
    red, green, blue = np.moveaxis(pixels, -1, 0)
    return np.stack([(red - green) / np.float32(np.sqrt(2)), (red + green - 2 * blue) / np.float32(np.sqrt(6))])


def _colours(opponent: Array) -> Array:
    """A histogram of twelve hues in each cell, weighted by chroma."""
    turns = np.arctan2(opponent[1], opponent[0]) / np.float32(2 * np.pi)
    weight = ((np.hypot(*opponent) - np.float32(0.1)) / np.float32(0.25)).clip(0, 1)
    histogram = _histogram(turns, weight, HUES, turns.shape[-1] // CELLS)
    return histogram.reshape(len(turns), -1)


def _chroma_edges(opponent: Array, filters: Array) -> Array:
    """Filter responses to maps of the edges between colours, one map for each of six directions, over a 3×3 grid."""
    horizontal, vertical = _slopes(opponent)
    strength = np.hypot(horizontal, vertical)  # (2, N, 64, 64)
    angle = np.arctan2(vertical, horizontal)
    second = strength[1] > strength[0]
    turns = np.where(second, angle[1], angle[0]) / np.float32(np.pi)
    weight = ((strength.max(axis=0) - np.float32(0.03)) / np.float32(0.1)).clip(0, 1)  # pale edges count as strong ones
    maps = _histogram(turns, weight, ORIENTATIONS, 2)  # (N, 32, 32, 6)
    return _pooled(_responses(maps, filters, 1), CHROMA_THRESHOLD, CHROMA_GRID)


def _brightness(pixels: Array, filters: Array) -> Array:
    """Mean and deviation of the brightness in each cell, and filter responses over a 2×2 grid."""
    grey = pixels.mean(axis=-1)
    side = grey.shape[-1] // CELLS
    cells = grey.reshape(len(grey), CELLS, side, CELLS, side)
    mean, deviation = cells.mean(axis=(2, 4)), cells.std(axis=(2, 4))
    responses = _pooled(_responses(grey[..., None], filters, 2), BRIGHTNESS_THRESHOLD, BRIGHTNESS_GRID)
    return np.concatenate([mean.reshape(len(grey), -1), deviation.reshape(len(grey), -1), responses], axis=1)


def _slopes(x: Array) -> tuple[Array, Array]:
    """Differences along rows and along columns between pixels two apart; the border pixels are repeated outwards."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), "edge")
    inner = slice(1, -1)
    horizontal: Array = padded[..., inner, 2:] - padded[..., inner, :-2]
    vertical: Array = padded[..., 2:, inner] - padded[..., :-2, inner]
    return horizontal, vertical


def _histogram(turns: Array, weight: Array, bins: int, side: int) -> Array:
    """A circular histogram of the turns in each cell of side×side pixels, each shared by the two nearest bins.

    Turns and weights (N, S, S) give mean weights (N, S / side, S / side, bins).
    """
    place = turns % 1 * bins
    lower = place.astype(np.int64)
    upper_share = place - lower
    count, size = len(turns), turns.shape[-1] // side
    cell = np.arange(size).repeat(side)
    first = ((np.arange(count)[:, None, None] * size + cell[:, None]) * size + cell) * bins
    total = np.zeros(count * size * size * bins)
    for index, share in ((lower, 1 - upper_share), (lower + 1, upper_share)):
        total += np.bincount((first + index % bins).ravel(), (weight * share).ravel(), len(total))
    return (total / side**2).astype(np.float32).reshape(count, size, size, bins)


def _responses(maps: Array, filters: Array, stride: int) -> Array:
    """Every filter at every position: maps (N, S, S, C) and filters (F, K, K, C) give (N, P, P, F)."""
    size = filters.shape[1]
    windows = sliding_window_view(maps, (size, size), axis=(1, 2))[:, ::stride, ::stride]  # (N, P, P, C, K, K)
    columns = windows.reshape(*windows.shape[:3], -1)
    return columns @ filters.transpose(3, 1, 2, 0).reshape(-1, len(filters))


def _pooled(responses: Array, threshold: float, grid: int) -> Array:
    """Positive and negative responses beyond a threshold, rectified and averaged over the cells of a grid×grid."""
    side = responses.shape[1] // grid
    parts = responses[:, : grid * side, : grid * side].reshape(len(responses), grid, side, grid, side, -1)
    rectified = [np.maximum(sign * parts - np.float32(threshold), 0).mean(axis=(2, 4)) for sign in (1, -1)]
    return np.stack(rectified, axis=-1).reshape(len(responses), -1)


def _bank(count: int, size: int, channels: int, rng: np.random.Generator) -> Array:
    """Filters that are sums of three plane waves under a Gaussian window, with mean zero and norm one."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    frequency, phase, amplitude = (
        rng.uniform(-np.pi / 2, np.pi / 2, (2, count, 3)),
        rng.uniform(0, 2 * np.pi, (count, 3)),
        rng.standard_normal((count, 3, channels)),
    )
    waves = np.cos(np.multiply.outer(frequency[0], x) + np.multiply.outer(frequency[1], y) + phase[..., None, None])
    bank = np.einsum("fwyx,fwc->fyxc", waves, amplitude) * np.exp(-(x**2 + y**2) / (size / 2) ** 2)[..., None]
    bank -= bank.mean(axis=(1, 2, 3), keepdims=True)
    norms = np.linalg.norm(bank.reshape(count, -1), axis=1)
    return np.asarray(bank / norms[:, None, None, None], np.float32)
