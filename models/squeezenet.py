"""SqueezeNet 1.1: pictures to scores of 1,000 classes, with torchvision's names of layers. Imports the engine.

Iandola et al. 2016. Expects colours normalised as ImageNet's. Every activation has a name, such as `features.3`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from minigrad import functional as F
from minigrad.context import scope
from minigrad.errors import ShapeError, UsageError
from minigrad.layers import AdaptiveAvgPool2d, Conv2d, Dropout, MaxPool2d, ReLU, Sequential
from minigrad.module import Module
from minigrad.op import Value


class Fire(Module):
    """A 1 × 1 convolution to few channels, then 1 × 1 and 3 × 3 ones side by side to many."""

    def __init__(
        self, inputs: int, squeezed: int, expanded: int, rng: np.random.Generator, dtype: Any = np.float32
    ) -> None:
        self.squeeze = Conv2d(inputs, squeezed, 1, rng=rng, dtype=dtype)
        self.expand1x1 = Conv2d(squeezed, expanded, 1, rng=rng, dtype=dtype)
        self.expand3x3 = Conv2d(squeezed, expanded, 3, padding=1, rng=rng, dtype=dtype)

    def forward(self, x: Value) -> Value:
        """(N, inputs, H, W) to (N, 2 · expanded, H, W)."""
        x = F.relu(self.squeeze(x))
        return F.concat([F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))], axis=1)


FIRES = ((64, 16, 64), (128, 16, 64), (128, 32, 128), (256, 32, 128), (256, 48, 192), (384, 48, 192), (384, 64, 256),
         (512, 64, 256))  # fmt: skip
"""Channels in, squeezed, expanded, of the eight fire modules."""


class SqueezeNet(Module):
    """Scores (N, num_classes) of pictures (N, 3, H, W), random weights until some are loaded; starts out in eval mode.

    `features` is a convolution and eight Fire modules with pools between, `classifier` dropout, a 1 × 1 convolution,
    ReLU and the mean over the picture.
    """

    def __init__(self, num_classes: int = 1000, dtype: Any = np.float32, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        fires = [Fire(*channels, rng, dtype) for channels in FIRES]
        self.features = Sequential(
            Conv2d(3, 64, 3, stride=2, rng=rng, dtype=dtype), ReLU(), pool(),
            *fires[:2], pool(), *fires[2:4], pool(), *fires[4:],
        )  # fmt: skip
        last = Conv2d(512, num_classes, 1, rng=rng, dtype=dtype)
        self.classifier = Sequential(Dropout(0.5, rng), last, ReLU(), AdaptiveAvgPool2d(1))
        self.eval()

    def forward(self, x: Value) -> Value:
        """Scores, unnormalised."""
        (scores,) = self.activations(x, ["classifier.3"])
        return scores.reshape(scores.shape[:2])

    def activations(self, x: Value, names: Sequence[str]) -> list[Value]:
        """What the layers of these names give for pictures x (N, 3, H, W); nothing beyond the last is computed."""
        known = [f"{part}.{i}" for part in ("features", "classifier") for i in range(len(getattr(self, part)))]
        for name in names:
            if name not in known:
                raise UsageError(f"SqueezeNet has no activation {name!r}: choose among {', '.join(known)}")
        found: dict[str, Value] = {}
        for name, y in self._steps(x):
            found[name] = y
            if all(n in found for n in names):
                break
        return [found[name] for name in names]

    def _steps(self, x: Value) -> Iterator[tuple[str, Value]]:
        """Names and values of all activations in order."""
        if len(x.shape) != 4 or x.shape[1] != 3:
            raise ShapeError(f"SqueezeNet takes pictures (N, 3, H, W), not {x.shape}")
        for part in (self.features, self.classifier):
            for i, layer in enumerate(part):
                with scope(part.scope_name):
                    x = layer(x)
                yield f"{part.scope_name}.{i}", x


def pool() -> MaxPool2d:
    """The three pools are alike."""
    return MaxPool2d(3, stride=2, ceil_mode=True)
