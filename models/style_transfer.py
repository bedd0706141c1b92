"""A photograph in the style of a painting (Gatys et al. 2015), as in CS231n, and textures. Imports the engine.

The content of a picture is the output of a deep layer; its style is given by Gram matrices of several layers, which do
not depend on positions. A third term makes neighbouring pixels similar.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.network import gram_matrix
from minigrad.op import Array, Value
from minigrad.optim import squares
from models.image_network import ImageNetwork
from models.image_optimisation import Descent, Progress, Terms, descend, total_variation


@dataclass(frozen=True)
class Style:
    """The layers that are compared, by SqueezeNet's names, and their weights.

    Relative weights apply to errors divided by their reference (Σ P², Σ A², the number of pixels), so that they suit
    any picture, painting and size. Without `relative` they multiply the sums themselves, as in the course, whose
    numbers for its paintings are in `COURSE`.
    """

    content_layer: str = "features.4"
    content_weight: float = 0.4
    style_layers: tuple[str, ...] = ("features.1", "features.4", "features.6", "features.7")
    style_weights: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    tv_weight: float = 0.03
    relative: bool = True


_OF_COURSE = partial(Style, content_layer="features.3", relative=False)
COURSE = {
    "composition_vii": _OF_COURSE(content_weight=5e-2, style_weights=(20_000, 500, 12, 1), tv_weight=5e-2),
    "the_scream": _OF_COURSE(content_weight=3e-2, style_weights=(200_000, 800, 12, 1), tv_weight=2e-2),
    "starry_night": _OF_COURSE(content_weight=6e-2, style_weights=(300_000, 1000, 15, 3), tv_weight=2e-2),
}
"""The weights of CS231n's notebook for its paintings, with pictures of 192 pixels on their shorter side."""


def content_loss(weight: float, features: Value, target: Value) -> Value:
    """weight · Σ (F − P)² of features (N, C, H, W)."""
    difference = features - target
    return weight * (difference * difference).sum()


def style_loss(features: Sequence[Value], targets: Sequence[Value], weights: Sequence[float]) -> Value:
    """Σ over layers of weight · Σ (G − A)², with G the Gram matrices of features and A (N, C, C) the wanted ones."""
    return sum(
        content_loss(weight, gram_matrix(layer), gram)
        for layer, gram, weight in zip(features, targets, weights, strict=True)
    )


def tv_loss(weight: float, x: Value) -> Value:
    """weight · Σ of squared differences between neighbouring pixels."""
    return weight * total_variation(x)


def style_transfer(
    network: ImageNetwork,
    content: Array,
    painting: Array,
    style: Style | None = None,
    descent: Descent | None = None,
    start: Array | None = None,
    progress: Progress | None = None,
    eager: bool = False,
) -> Array:
    """A picture with the content of one picture (1, 3, H, W) and the style of another (1, 3, H', W').

    The descent starts from the content, or from `start` (1, 3, H, W).
    """
    terms, constants = objective(network, content, painting, style or Style())
    return descend(terms, content if start is None else start, constants, descent, progress, eager)


def objective(network: ImageNetwork, content: Array, painting: Array, style: Style) -> tuple[Terms, list[Array]]:
    """The terms of the loss of a picture, and the constants that they compare its layers with."""
    with mg.no_grad():
        (wanted,) = network.activations(mg.from_numpy(content), [style.content_layer])
    constants = [wanted.numpy(), *grams(network, painting, style)]
    weights = scaled(style, constants[0], constants[1:], content.size)

    def terms(x: Any, wanted: Any, *wanted_grams: Any) -> Mapping[str, Value]:
        features, *layers = network.activations(x, [weights.content_layer, *weights.style_layers])
        return {
            "content": content_loss(weights.content_weight, features, wanted),
            "style": style_loss(layers, wanted_grams, weights.style_weights),
            "variation": tv_loss(weights.tv_weight, x),
        }

    return terms, constants


def texture(
    network: ImageNetwork,
    painting: Array,
    shape: tuple[int, int],
    style: Style | None = None,
    descent: Descent | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    eager: bool = False,
) -> Array:
    """A picture (1, 3, H, W) with a style and no content, from noise."""
    x = np.random.default_rng(seed).random((1, 3, *shape), dtype=np.float32)
    wanted = grams(network, painting, style or Style())
    weights = scaled(style or Style(), x, wanted, x.size)

    def terms(x: Any, *wanted: Any) -> Mapping[str, Value]:
        layers = network.activations(x, weights.style_layers)
        return {
            "style": style_loss(layers, wanted, weights.style_weights),
            "variation": tv_loss(weights.tv_weight, x),
        }

    return descend(terms, x, wanted, descent, progress, eager)


def grams(network: ImageNetwork, painting: Array, style: Style) -> list[Array]:
    """The Gram matrices (1, C, C) of a picture's style layers."""
    with mg.no_grad():
        layers = network.activations(mg.from_numpy(painting), style.style_layers)
        return [gram_matrix(layer).numpy() for layer in layers]


def scaled(style: Style, content: Array, grams: Sequence[Array], size: int) -> Style:
    """The style with absolute weights: relative ones divided by the reference of each error."""
    if not style.relative:
        return style
    return replace(
        style,
        content_weight=style.content_weight / square_sum(content),
        style_weights=tuple(weight / square_sum(g) for weight, g in zip(style.style_weights, grams, strict=True)),
        tv_weight=style.tv_weight / size,
        relative=False,
    )


def square_sum(array: Array) -> float:
    """The sum of squares, or 1 if that is 0."""
    return squares([array]) or 1.0
