"""Where a trained network looks: what each pixel adds to a score. Imports the engine; `image_synthesis` imports this.

Saliency (Simonyan et al. 2014), SmoothGrad (Smilkov et al. 2017), integrated gradients (Sundararajan et al. 2017).
Pictures are float32 (N, 3, H, W), normalised as ImageNet's are.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad import functional as F
from minigrad.op import Array, Value
from models.image_network import ImageNetwork
from models.image_optimisation import differentiated

_BATCH = 8
"""Pictures that are seen at once, where there are many."""
_LEAST_PARTS = 32
"""Of the line that gradients are integrated along: fewer may add up by chance."""
_TINY = 1e-12


class ImageGradient:
    """Scores of pictures and the gradient by each of its own class's score: `scores, gradient = …(x, classes)`."""

    def __init__(self, network: ImageNetwork, eager: bool = False) -> None:
        def score(x: Any, classes: Any) -> tuple[Value, Value]:
            scores = network(x)
            return F.take_along_axis(scores, classes, 1).sum(), scores

        self._program = differentiated(score, eager)

    def __call__(self, x: Array, classes: Any) -> tuple[Array, Array]:
        """Pictures (N, 3, H, W) and classes (N,) give scores (N, C) and gradients (N, 3, H, W)."""
        scores, gradient = self._program(x, np.asarray(classes, np.int64).reshape(-1, 1))
        return scores.numpy(), gradient


def probabilities(scores: Array) -> Array:
    """softmax of scores (N, C)."""
    return F.softmax(scores)  # type: ignore[no-any-return]


def saliency(gradient: ImageGradient, x: Array, classes: Any) -> Array:
    """How much each pixel matters for the score: the maximum over colours of |∂score/∂x|, (N, H, W)."""
    return strength(gradient(x, classes)[1])


def strength(attributions: Array) -> Array:
    """The maximum over colours of the absolute value, (N, 3, H, W) to (N, H, W)."""
    largest: Array = np.abs(attributions).max(axis=1)
    return largest


def smooth_grad(
    gradient: ImageGradient, x: Array, label: int, samples: int = 32, noise: float = 0.15, seed: int = 0
) -> Array:
    """The gradient of one picture (1, 3, H, W), its mean over copies with Gaussian noise.

    The deviation of the noise is a share of the range of the picture's values.
    """
    rng = np.random.default_rng(seed)
    deviation = noise * float(x.max() - x.min())
    copies = x + deviation * rng.standard_normal((samples, *x.shape[1:]), np.float32)
    return mean_gradient(gradient, copies, label)


def mean_gradient(gradient: ImageGradient, pictures: Array, label: int) -> Array:
    """The mean over pictures (n, 3, H, W) of the gradient by a class, (1, 3, H, W); a few are seen at once."""
    total = np.zeros_like(pictures[:1])
    for start in range(0, len(pictures), _BATCH):
        some = pictures[start : start + _BATCH]
        total += gradient(some, [label] * len(some))[1].sum(axis=0, keepdims=True)
    return total / np.float32(len(pictures))


@dataclass(frozen=True, eq=False)
class Attribution:
    """What each value of a picture adds to a score (1, 3, H, W), beside a baseline's; and what they add up to.

    They should add up to the difference of the two scores: `gap` is how far they are from it, relative to it.
    """

    values: Array
    difference: float

    @property
    def gap(self) -> float:
        """|Σ values − difference| / |difference|."""
        return abs(float(self.values.sum(dtype=np.float64)) - self.difference) / max(abs(self.difference), _TINY)


def integrated_gradients(
    gradient: ImageGradient,
    x: Array,
    label: int,
    baseline: Array | None = None,
    tolerance: float = 0.01,
    most: int = 512,
) -> Attribution:
    """(x − baseline) times the mean gradient along the straight line between them, for one picture (1, 3, H, W).

    The baseline is the mean colour unless given. The mean is that of the trapezoid rule over 32 parts of the line, and
    over twice as many until the gap is below the tolerance or there are `most`.
    """
    baseline = np.zeros_like(x) if baseline is None else baseline
    ends, slopes = gradient(np.concatenate([x, baseline]), [label, label])
    difference, mean, parts = float(ends[0, label]) - float(ends[1, label]), slopes.mean(axis=0, keepdims=True), 1
    while True:
        found = Attribution((x - baseline) * mean, difference)
        if parts >= most or (parts >= _LEAST_PARTS and found.gap <= tolerance):
            return found
        middles = ((np.arange(parts, dtype=np.float32) + np.float32(0.5)) / parts).reshape(-1, 1, 1, 1)
        mean = (mean + mean_gradient(gradient, baseline + middles * (x - baseline), label)) / 2
        parts *= 2
