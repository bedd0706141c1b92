"""SqueezeNet 1.1: scores of 1,000 classes for pictures, with torchvision's names of layers. Imports the engine.

Iandola et al. 2016. Expects colours normalised as for ImageNet. Every activation has a name, such as `features.3`.
"""

from typing import Any

import numpy as np

from minigrad import functional as F
from minigrad.layers import AdaptiveAvgPool2d, Conv2d, Dropout, Flatten, MaxPool2d, ReLU, Sequential
from minigrad.module import Module
from minigrad.op import Value
from models.image_network import ImageNetwork


class Fire(Module):
    """A 1 × 1 convolution to few channels, then 1 × 1 and 3 × 3 convolutions side by side to many."""

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
"""The channels of the eight fire modules: in, squeezed, expanded."""


class SqueezeNet(ImageNetwork):
    """Scores (N, num_classes) of pictures (N, 3, H, W); weights are random until loaded; begins in eval mode.

    `features` is a convolution and eight Fire modules with pooling between; `classifier` is dropout, a 1 × 1
    convolution, ReLU and the mean over the picture.
    """

    parts = ("features", "classifier", "flatten")

    def __init__(self, num_classes: int = 1000, dtype: Any = np.float32, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        fires = [Fire(*channels, rng, dtype) for channels in FIRES]
        self.features = Sequential(
            Conv2d(3, 64, 3, stride=2, rng=rng, dtype=dtype), ReLU(), pool(),
            *fires[:2], pool(), *fires[2:4], pool(), *fires[4:],
        )  # fmt: skip
        last = Conv2d(512, num_classes, 1, rng=rng, dtype=dtype)
        self.classifier = Sequential(Dropout(0.5, rng), last, ReLU(), AdaptiveAvgPool2d(1))
        self.flatten = Flatten()
        self.eval()


def pool() -> MaxPool2d:
    """The pooling layer that is used three times."""
    return MaxPool2d(3, stride=2, ceil_mode=True)
