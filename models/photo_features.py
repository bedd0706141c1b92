"""Features of photographs by a network trained on ImageNet: the input of a captioner. Imports the engine.

`models.data.preparation` uses it for data sets, `models.photo_captioner` for single photographs.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

from minigrad.errors import DataError, UsageError
from minigrad.module import Module
from minigrad.network import adaptive_avg_pool2d
from minigrad.op import Value
from models.data.projection import Projection
from models.image_network import ImageNetwork
from models.squeezenet import SqueezeNet
from models.vgg import VGG16


@dataclass(frozen=True)
class Kind:
    """A kind of features: the network, the name of its weights in the zoo, the layer, and their name in files."""

    network: type[ImageNetwork]
    zoo: str
    layer: str
    name: str
    grid: int = 1
    """Places along a side of the picture, at each of which there are features; 1 for a mean over the whole picture."""


KINDS = {
    "squeezenet": Kind(SqueezeNet, "squeezenet1_1", "features.12", "squeezenet_fire9"),
    "vgg16": Kind(VGG16, "vgg16", "classifier.4", "vgg16_fc7"),
    "squeezenet-grid": Kind(SqueezeNet, "squeezenet1_1", "features.12", "squeezenet_fire9_grid", grid=7),
}
"""The last fire module's mean over the picture, fc7 after its ReLU, and the last fire module's mean in each place."""


class PhotoFeatures(Module):
    """A layer's output for pictures (N, 3, H, W): (N, C), or (N, grid², C) row by row over a grid.

    `source` is a note of where the network's weights came from.
    """

    def __init__(self, kind: str, network: ImageNetwork, grid: int | None = None, source: str = "") -> None:
        self.kind, self.layer, self.source = kind, KINDS[kind].layer, source
        self.grid = grid or KINDS[kind].grid
        self.network = network
        if not isinstance(network, KINDS[kind].network):
            wanted = KINDS[kind].network.__name__
            raise UsageError(f"{kind} features are made by {wanted}, and the weights are {type(network).__name__}'s")

    def forward(self, x: Value) -> Value:
        """The features, not yet projected."""
        (y,) = self.network.activations(x, [self.layer])
        if len(y.shape) == 2:
            return y
        if self.grid == 1:
            return y.mean(axis=(2, 3))
        y = adaptive_avg_pool2d(y, self.grid)
        return y.reshape(*y.shape[:2], -1).transpose(0, 2, 1)


class ProjectedFeatures(Module):
    """Features of pictures (N, 3, H, W), made exactly as those that a captioner was trained on."""

    def __init__(self, network: ImageNetwork, projection: Projection) -> None:
        origin = projection.origin
        if origin.kind not in KINDS:
            raise DataError(f"the projection is of {origin.kind!r} features: there are {', '.join(KINDS)}")
        self.features = PhotoFeatures(origin.kind, network, origin.grid)
        self.projection = projection
        found = weights_digest(network)
        if found != origin.weights:
            raise DataError(
                f"the features that the run was trained on were made with other weights of {type(network).__name__} "
                f"(SHA-256 {origin.weights[:12]}…) than these ({found[:12]}…): name the right file with --weights"
            )

    def forward(self, x: Value) -> Value:
        """(N, K), or (N, grid², K)."""
        projected: Value = self.projection(self.features(x))
        return projected


def weights_digest(network: ImageNetwork) -> str:
    """The SHA-256 of a network's parameters and their names, independent of the file they came from."""
    found = hashlib.sha256()
    for name, array in sorted(network.state_dict().items()):
        found.update(f"{name} {array.dtype} {array.shape}\n".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()
