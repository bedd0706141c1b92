"""Where a trained network looks: how each pixel contributes to a score. Imports the engine.

Saliency (Simonyan et al. 2014), SmoothGrad (Smilkov et al. 2017), integrated gradients (Sundararajan et al. 2017).
Pictures are float32 (N, 3, H, W), normalised as for ImageNet.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad import functional as F
from minigrad.op import Array, Value
from models.image_network import ImageNetwork
from models.image_optimisation import differentiated

_BATCH = 8
"""The number of pictures that go through the network at once."""
_LEAST_PARTS = 32
"""The fewest parts of the line along which gradients are integrated; fewer might agree by chance."""
_SHORTEST = 1e-5
"""The shortest part of the line: over less, the score changes by no more than its rounding."""
_TINY = 1e-12


Gradient = Callable[[Array, Any], tuple[Array, Array]]
"""Pictures (N, 3, H, W) and numbers (N,) of scores give all scores (N, C) and the gradient of each one's own score."""


class ImageGradient:
    """Scores of pictures, and each picture's gradient of one class's score: `scores, gradient = …(x, classes)`."""

    def __init__(self, network: ImageNetwork, eager: bool = False) -> None:
        def score(x: Any, classes: Any) -> tuple[Value, Value]:
            scores = network(x)
            return F.take_along_axis(scores, classes, 1).sum(), scores

        self._program = differentiated(score, eager)

    def __call__(self, x: Array, classes: Any) -> tuple[Array, Array]:
        """Scores (N, C) and gradients (N, 3, H, W) of pictures (N, 3, H, W), for classes (N,)."""
        scores, gradient = self._program(x, np.asarray(classes, np.int64).reshape(-1, 1))
        return scores.numpy(), gradient


def probabilities(scores: Array) -> Array:
    """The softmax of scores (N, C)."""
    return F.softmax(scores)  # type: ignore[no-any-return]


def saliency(gradient: Gradient, x: Array, classes: Any) -> Array:
    """How much each pixel matters for the score: the maximum over colours of |∂score/∂x|, as (N, H, W)."""
    return strength(gradient(x, classes)[1])


def strength(attributions: Array) -> Array:
    """The maximum over colours of the absolute value: from (N, 3, H, W) to (N, H, W)."""
    largest: Array = np.abs(attributions).max(axis=1)
    return largest


def smooth_grad(
    gradient: Gradient, x: Array, label: int, samples: int = 32, noise: float = 0.15, seed: int = 0
) -> Array:
    """The gradient for one picture (1, 3, H, W), averaged over copies with Gaussian noise.

    The noise's standard deviation is `noise` times the range of the picture's values.
    """
    rng = np.random.default_rng(seed)
    deviation = noise * float(x.max() - x.min())
    copies = x + deviation * rng.standard_normal((samples, *x.shape[1:]), np.float32)
    return mean_gradient(gradient, copies, label)


def mean_gradient(gradient: Gradient, pictures: Array, label: int) -> Array:
    """The mean over pictures (n, 3, H, W) of the gradient of a class's score, (1, 3, H, W), computed in batches."""
    total = np.zeros_like(pictures[:1])
    for start in range(0, len(pictures), _BATCH):
        some = pictures[start : start + _BATCH]
        total += gradient(some, [label] * len(some))[1].sum(axis=0, keepdims=True)
    return total / np.float32(len(pictures))


@dataclass(frozen=True, eq=False)
class Attribution:
    """What each value of a picture adds to a score compared with a baseline, (1, 3, H, W).

    The values should add up to the `difference` of the two scores; `gap` is the relative error of their sum.
    """

    values: Array
    difference: float

    @property
    def gap(self) -> float:
        """|Σ values − difference| / |difference|."""
        return abs(float(self.values.sum(dtype=np.float64)) - self.difference) / max(abs(self.difference), _TINY)


def integrated_gradients(
    gradient: Gradient,
    x: Array,
    label: int,
    baseline: Array | None = None,
    tolerance: float = 0.01,
    most: int = 512,
) -> Attribution:
    """(x − baseline) times the mean gradient along the straight line between them, for one picture (1, 3, H, W).

    The baseline is the mean colour by default. The line has 32 parts at first. Parts over which the score's change does
    not fit the gradients at their ends are halved, until the unexplained change is below `tolerance`, as a fraction of
    the whole change, or there are `most` parts.
    """
    baseline = np.zeros_like(x) if baseline is None else baseline
    line = Line(gradient, baseline, x, label)
    line.see(np.linspace(0, 1, min(_LEAST_PARTS, most) + 1))
    while len(line.places) <= most and line.unexplained().sum() > tolerance * abs(line.difference) and line.halve():
        pass
    return Attribution((x - baseline) * line.mean(), line.difference)


class Line:
    """Scores and gradients at places from 0 to 1 on the line from a baseline to a picture.

    Where a network of ReLUs has a kink, its gradient jumps. Over a part with one jump, the gradient is that of one end
    before the jump and that of the other end after it. Where the jump is follows from the score's change over the part,
    which is known; so parts need not be so small that the jump does not matter.
    """

    def __init__(self, gradient: Gradient, baseline: Array, x: Array, label: int) -> None:
        self._gradient, self._baseline, self._way, self._label = gradient, baseline, x - baseline, label
        self.places = np.zeros(0)
        self._scores, self._slopes = np.zeros(0), np.zeros(0)
        self._gradients: list[Array] = []

    @property
    def difference(self) -> float:
        """The picture's score minus the baseline's."""
        return float(self._scores[-1] - self._scores[0])

    def see(self, places: Array) -> None:
        """Computes score and gradient at further places, given in ascending order."""
        scores, gradients = [], list[Array]()
        for start in range(0, len(places), _BATCH):
            some = places[start : start + _BATCH].astype(self._way.dtype).reshape(-1, 1, 1, 1)
            found, slopes = self._gradient(self._baseline + some * self._way, [self._label] * len(some))
            scores += [float(score) for score in found[:, self._label]]
            gradients += list(slopes)
        at = np.searchsorted(self.places, places)
        self._scores = np.insert(self._scores, at, scores)
        along = [float(np.sum(g * self._way[0], dtype=np.float64)) for g in gradients]
        self._slopes = np.insert(self._slopes, at, along)
        self.places = np.insert(self.places, at, places)
        for number, (place, new) in enumerate(zip(at, gradients, strict=True)):
            self._gradients.insert(int(place) + number, new)

    def shares(self) -> Array:
        """For each part, the fraction over which the gradient is that at its beginning; the score's change tells it."""
        before, after = self._slopes[:-1], self._slopes[1:]
        slope = np.diff(self._scores) / np.diff(self.places)
        jump = before - after
        shares: Array = np.divide(slope - after, jump, out=np.full(len(jump), 0.5), where=jump != 0).clip(0, 1)
        return shares

    def unexplained(self) -> Array:
        """For each part, the difference between the score's change and what its mean gradient predicts."""
        shares, lengths = self.shares(), np.diff(self.places)
        mean = shares * self._slopes[:-1] + (1 - shares) * self._slopes[1:]
        left: Array = np.abs(np.diff(self._scores) - lengths * mean)
        return left

    def halve(self) -> bool:
        """Evaluates the middles of the few parts that leave most unexplained; returns whether there are any."""
        unexplained = np.where(np.diff(self.places) > _SHORTEST, self.unexplained(), 0)
        worst = np.sort(np.argsort(-unexplained)[:_BATCH])
        worst = worst[unexplained[worst] > 0]
        self.see((self.places[worst] + self.places[worst + 1]) / 2)
        return len(worst) > 0

    def mean(self) -> Array:
        """The mean gradient over the line, (1, 3, H, W)."""
        shares, lengths = self.shares(), np.diff(self.places)
        weights = np.append(shares * lengths, 0) + np.append(0, (1 - shares) * lengths)
        total = np.zeros(self._gradients[0].shape)
        for weight, gradient in zip(weights, self._gradients, strict=True):
            total += weight * gradient
        return total[None].astype(self._way.dtype)
