"""Generative adversarial networks for 28 × 28 pictures: two pairs of networks, and the losses. Imports the engine.

Pictures are rows (N, 784) from −1 to 1, noise rows (N, noise_dim); discriminators return logits (N, 1). The layers are
those of CS231n's assignment 3 (Goodfellow et al. 2014; InfoGAN's pair, Chen et al. 2016, for the convolutional one).
"""

from collections.abc import Callable
from math import prod, sqrt
from typing import Any, NamedTuple

import numpy as np

from minigrad import functional as F
from minigrad.gradient import differentiable, grad
from minigrad.init import uniform
from minigrad.layers import (
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    Flatten,
    LeakyReLU,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    Tanh,
    Weighted,
)
from minigrad.losses import bce_with_logits, mse
from minigrad.module import Module
from minigrad.op import Array, Value
from minigrad.tensor import Tensor

SIDE = 28
PIXELS = SIDE * SIDE


class Unflatten(Module):
    """Reshapes rows (N, D) to (N, *shape)."""

    def __init__(self, *shape: int) -> None:
        self.shape = shape

    def forward(self, x: Value) -> Value:
        """(N, D) to (N, *shape)."""
        return x.reshape((x.shape[0], *self.shape))


class Discriminator(Sequential):
    """Layers from pictures (N, 784) to logits (N, 1)."""


class Generator(Sequential):
    """Layers from noise (N, noise_dim) to pictures (N, 784)."""


class Pair(NamedTuple):
    """A discriminator and a generator."""

    discriminator: Discriminator
    generator: Generator


def dense_pair(noise_dim: int = 96, dtype: Any = np.float32, seed: int = 0) -> Pair:
    """Layers of 784-256-256-1 with leaky ReLU, and of noise-1024-1024-784 with ReLU and tanh."""
    make: dict[str, Any] = {"rng": np.random.default_rng(seed), "dtype": dtype}
    discriminator = Discriminator(
        Linear(PIXELS, 256, **make), LeakyReLU(0.01), Linear(256, 256, **make), LeakyReLU(0.01), Linear(256, 1, **make)
    )
    generator = Generator(
        Linear(noise_dim, 1024, **make),
        ReLU(),
        Linear(1024, 1024, **make),
        ReLU(),
        Linear(1024, PIXELS, **make),
        Tanh(),
    )
    return begun(Pair(discriminator, generator), make["rng"])


def convolutional_pair(noise_dim: int = 96, dtype: Any = np.float32, seed: int = 0) -> Pair:
    """Two 5 × 5 convolutions with pooling; two layers with batch norm, then two 4 × 4 transposed convolutions."""
    make: dict[str, Any] = {"rng": np.random.default_rng(seed), "dtype": dtype}
    discriminator = Discriminator(
        Unflatten(1, SIDE, SIDE),
        Conv2d(1, 32, 5, **make), LeakyReLU(0.01), MaxPool2d(2, 2),  # (N, 32, 12, 12)
        Conv2d(32, 64, 5, **make), LeakyReLU(0.01), MaxPool2d(2, 2), Flatten(),  # (N, 4 · 4 · 64)
        Linear(1024, 1024, **make), LeakyReLU(0.01), Linear(1024, 1, **make),
    )  # fmt: skip
    generator = Generator(
        Linear(noise_dim, 1024, **make), ReLU(), BatchNorm1d(1024, dtype=dtype),
        Linear(1024, 7 * 7 * 128, **make), ReLU(), BatchNorm1d(7 * 7 * 128, dtype=dtype), Unflatten(128, 7, 7),
        ConvTranspose2d(128, 64, 4, 2, 1, **make), ReLU(), BatchNorm2d(64, dtype=dtype),  # (N, 64, 14, 14)
        ConvTranspose2d(64, 1, 4, 2, 1, **make), Tanh(), Flatten(),
    )  # fmt: skip
    return begun(Pair(discriminator, generator), make["rng"])


NETWORKS: dict[str, Callable[..., Pair]] = {"dense": dense_pair, "convolutional": convolutional_pair}


def begun(pair: Pair, rng: np.random.Generator) -> Pair:
    """The pair with Xavier's initial weights: uniform within √(6 / (fan-in + fan-out)); biases are not changed."""
    for layer in (layer for network in pair for layer in network):
        if isinstance(layer, Weighted):
            shape = layer.weight.shape
            limit = sqrt(6 / ((shape[0] + shape[1]) * prod(shape[2:])))
            layer.weight.changing()[...] = uniform(rng, shape, limit, layer.weight.dtype)
    return pair


def noise(rng: np.random.Generator, count: int, dim: int, dtype: Any = np.float32) -> Array:
    """Noise (count, dim), uniform on [−1, 1)."""
    return uniform(rng, (count, dim), 1.0, dtype)


# losses, of logits (N, 1) for real and for generated pictures


class Losses(NamedTuple):
    """The discriminator's loss, of logits of real and of fake pictures, and the generator's, of fake ones."""

    discriminator: Callable[[Value, Value], Value]
    generator: Callable[[Value], Value]


def vanilla_discriminator_loss(real: Value, fake: Value) -> Value:
    """−mean log σ(real) − mean log(1 − σ(fake)) (Goodfellow et al. 2014)."""
    return bce_with_logits(real, 1.0) + bce_with_logits(fake, 0.0)


def vanilla_generator_loss(fake: Value) -> Value:
    """−mean log σ(fake): the form whose gradient does not vanish when the discriminator is sure."""
    return bce_with_logits(fake, 1.0)


def least_squares_discriminator_loss(real: Value, fake: Value) -> Value:
    """½ mean (real − 1)² + ½ mean fake² (Mao et al. 2017)."""
    return 0.5 * mse(real, 1.0) + 0.5 * mse(fake, 0.0)


def least_squares_generator_loss(fake: Value) -> Value:
    """½ mean (fake − 1)²."""
    return 0.5 * mse(fake, 1.0)


def wasserstein_discriminator_loss(real: Value, fake: Value) -> Value:
    """mean fake − mean real (Arjovsky et al. 2017); to be used with a gradient penalty."""
    return F.mean(fake) - F.mean(real)


def wasserstein_generator_loss(fake: Value) -> Value:
    """−mean fake."""
    return -F.mean(fake)


LOSSES = {
    "vanilla": Losses(vanilla_discriminator_loss, vanilla_generator_loss),
    "least squares": Losses(least_squares_discriminator_loss, least_squares_generator_loss),
    "wasserstein": Losses(wasserstein_discriminator_loss, wasserstein_generator_loss),
}


def gradient_penalty(critic: Callable[[Any], Any], real: Any, fake: Any, share: Any) -> Tensor:
    """mean (‖∂critic(x)/∂x‖ − 1)² at x = share · real + (1 − share) · fake, with share (N, 1) in [0, 1].

    Gulrajani et al. 2017. Differentiable again, whatever layers the critic has. With batch norm in the critic, each
    row's gradient is that of the logits of the whole batch.
    """
    x = differentiable(share * real + (1 - share) * fake)
    gx: Any = grad(critic(x).sum(), [x], create_graph=True)[0]
    norms = F.sqrt((gx * gx).sum(axis=tuple(range(1, gx.ndim))))  # (N,)
    penalty: Tensor = F.mean((norms - 1) * (norms - 1))
    return penalty
