"""VGG-16: scores of 1,000 classes for pictures, or a captioner's features `fc7` (N, 4096). Imports the engine.

Simonyan & Zisserman 2014, with torchvision's names of layers (`features.0.weight` … `classifier.6.bias`).
"""

from typing import Any

import numpy as np

from minigrad.layers import AdaptiveAvgPool2d, Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU, Sequential
from minigrad.module import Module
from minigrad.op import Value
from models.image_network import ImageNetwork

STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""The channels of the 3 × 3 convolutions between the pooling layers."""


class VGG16(ImageNetwork):
    """Scores (N, num_classes) of pictures (N, 3, H, W); weights are random until loaded; begins in eval mode.

    It was trained on pictures of 224 × 224; those of other sizes are averaged to 7 × 7 before the classifier.
    """

    parts = ("features", "avgpool", "flatten", "classifier")

    def __init__(self, num_classes: int = 1000, dtype: Any = np.float32, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        layers: list[Module] = []
        inputs = 3
        for stage in STAGES:
            for outputs in stage:
                layers += [Conv2d(inputs, outputs, 3, padding=1, rng=rng, dtype=dtype), ReLU()]
                inputs = outputs
            layers.append(MaxPool2d(2))
        self.features = Sequential(*layers)
        self.avgpool = AdaptiveAvgPool2d(7)
        self.classifier = Sequential(
            Linear(512 * 7 * 7, 4096, rng=rng, dtype=dtype), ReLU(), Dropout(0.5, rng),
            Linear(4096, 4096, rng=rng, dtype=dtype), ReLU(), Dropout(0.5, rng),
            Linear(4096, num_classes, rng=rng, dtype=dtype),
        )  # fmt: skip
        self.flatten = Flatten()
        self.eval()

    def fc7(self, x: Value) -> Value:
        """The output (N, 4096) of the classifier's second hidden layer, after its ReLU."""
        (features,) = self.activations(x, ["classifier.4"])
        return features
