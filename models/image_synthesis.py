"""Pictures made so that a trained network sees something in them. Imports the engine.

Fooling images (Szegedy et al. 2014), class visualisation (Yosinski et al. 2015), feature inversion (Mahendran & Vedaldi
2015). Pictures are float32 (N, 3, H, W), normalised as for ImageNet.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from math import sqrt
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import minigrad as mg
from minigrad import functional as F
from minigrad.op import Array, Value
from minigrad.optim import squares
from models.data.imagenet import DEVIATION, HIGHEST, LOWEST, SIDE, deprocess, preprocess
from models.image_gradients import ImageGradient
from models.image_network import ImageNetwork
from models.image_optimisation import Descent, Iteration, Progress, descend, total_variation

_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Fooled:
    """The result of trying to fool a network: a picture x (1, 3, H, W) of 8-bit colours, and its scores (1, C)."""

    x: Array
    scores: Array
    iterations: int
    target: int

    @property
    def succeeded(self) -> bool:
        """Whether the target has the highest score."""
        return int(self.scores.argmax()) == self.target


def fooling_image(
    gradient: ImageGradient,
    x: Array,
    target: int,
    lr: float = 1.0,
    most: int = 100,
    progress: Progress | None = None,
    within: float = 8,
) -> Fooled:
    """A picture similar to x (1, 3, H, W) that is taken for `target`, found by steps of length lr up its score.

    No colour changes by more than `within` of 255: without it, changes are large where the gradient is steepest.
    Ends when the picture, rounded to 8-bit colours as in a file, is classified so, or after `most` steps.
    """
    reach = np.float32(within / 255) / DEVIATION
    lowest, highest = np.maximum(LOWEST, x - reach), np.minimum(HIGHEST, x + reach)
    x = np.array(x)
    for number in count():
        scores, slope = gradient(x, [target])
        if progress:
            progress(Iteration(number, measured(scores, target), x))
        if int(scores.argmax()) == target or number >= most:
            stored = preprocess(deprocess(x))
            found = Fooled(stored, gradient(stored, [target])[0], number, target)
            if found.succeeded or number >= most:
                break
        x = np.clip(x + np.float32(lr) * unit(slope), lowest, highest)
    return found


def unit(gradient: Array) -> Array:
    """The gradient scaled to length 1; a zero gradient stays zero."""
    length = sqrt(squares([gradient]))
    return gradient / np.float32(max(length, _TINY))


@dataclass(frozen=True)
class Visualization:
    """How a picture of a class is sought; the course's way is `Visualization(100, 25.0, widths=())`.

    Each step moves the picture by `lr` along the gradient of score − l2 · Σ x², or along the mean of it and of its
    blurred versions with several `widths` (in pixels), each scaled to length 1: so that large structures are found as
    well as fine ones.
    """

    steps: int = 200
    lr: float = 40.0
    l2: float = 5e-4
    widths: tuple[float, ...] = (1.0, 2.0, 4.0)
    max_jitter: int = 16
    blur_every: int = 3
    start: float = 0.2


def class_visualization(
    gradient: ImageGradient,
    target: int,
    how: Visualization | None = None,
    side: int = SIDE,
    seed: int = 0,
    progress: Progress | None = None,
) -> Array:
    """A picture (1, 3, side, side) that the network classifies as `target`, sought from faint noise.

    At each step the picture is shifted by up to `max_jitter` pixels and back, and clipped to valid colours; at times it
    is blurred slightly.
    """
    how = how or Visualization()
    rng = np.random.default_rng(seed)
    x = np.float32(how.start) * rng.standard_normal((1, 3, side, side), np.float32)
    for number in range(how.steps + 1):
        shift = rng.integers(0, how.max_jitter + 1, 2)
        moved = np.roll(x, shift, (2, 3)) if number < how.steps else x
        scores, slope = gradient(moved, [target])
        if progress:
            progress(Iteration(number, measured(scores, target), x))
        if number < how.steps:
            x = np.roll(moved + step(slope, moved, how), -shift, (2, 3))
            x = np.clip(x, LOWEST, HIGHEST)
            x = blurred(x, 0.5) if number % how.blur_every == 0 else x
    return x


def measured(scores: Array, target: int) -> dict[str, float]:
    """The network's score and probability of a class, and its loss, −log of the probability."""
    log_probability = float(F.log_softmax(scores)[0, target])
    return {
        "loss": abs(log_probability),
        "probability": float(np.exp(log_probability)),
        "score": float(scores[0, target]),
    }


def step(slope: Array, x: Array, how: Visualization) -> Array:
    """The change of the picture x, given the gradient of the score there."""
    whole = slope - np.float32(2 * how.l2) * x
    directions = [unit(whole), *(unit(blurred(whole, width)) for width in how.widths)]
    total: Array = np.float32(how.lr / len(directions)) * np.sum(directions, axis=0)
    return total


def blurred(x: Array, width: float) -> Array:
    """Pictures (N, 3, H, W) blurred by a Gaussian of standard deviation `width` pixels, cut off at four of those."""
    reach = int(4 * width + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    weights = (weights / weights.sum()).astype(x.dtype)
    for axis in (2, 3):
        around = [(reach, reach) if a == axis else (0, 0) for a in range(4)]
        windows = sliding_window_view(np.pad(x, around, mode="symmetric"), 2 * reach + 1, axis)
        x = windows @ weights
    return x


@dataclass(frozen=True)
class Inversion:
    """How a picture is sought from a layer's features: the layer, the weight of total variation, the steps."""

    layer: str = "features.6"
    tv_weight: float = 0.1
    steps: int = 300
    lr: float = 0.1

    @property
    def descent(self) -> Descent:
        """A fifth of the rate for the last sixth of the steps; colours are always clipped to valid ones."""
        return Descent(self.steps, self.lr, self.lr / 5, self.steps * 5 // 6, (LOWEST, HIGHEST), self.steps + 1)


def feature_inversion(
    network: ImageNetwork,
    x: Array,
    how: Inversion | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    eager: bool = False,
) -> Array:
    """A picture with the same features in a layer as x (1, 3, H, W), sought from noise: shows what the layer retains.

    The error is relative, Σ (F − P)² / Σ P², and total variation is per pixel.
    """
    how = how or Inversion()
    with mg.no_grad():
        (wanted,) = network.activations(mg.from_numpy(x), [how.layer])
    feature_weight, tv_weight = 1 / (float((wanted * wanted).sum()) or 1.0), how.tv_weight / x.size

    def terms(x: Any, wanted: Any) -> Mapping[str, Value]:
        difference = network.activations(x, [how.layer])[0] - wanted
        return {
            "features": feature_weight * (difference * difference).sum(),
            "variation": tv_weight * total_variation(x),
        }

    start = np.random.default_rng(seed).standard_normal(x.shape, np.float32) * np.float32(0.3)
    return descend(terms, np.asarray(start), [wanted.numpy()], how.descent, progress, eager)
