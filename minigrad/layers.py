"""Layers: Modules over the functions of `network.py`, with PyTorch's names, so that its state dicts can be loaded.

Initial weights are drawn as PyTorch does, uniformly within 1/√fan-in, from the generator given; dtype float32 by
default.
"""

from collections.abc import Iterator
from math import prod, sqrt
from typing import Any

import numpy as np

from minigrad import functional as F
from minigrad import network
from minigrad.errors import IndexRangeError, ShapeError
from minigrad.init import uniform
from minigrad.module import Buffer, Module, Parameter
from minigrad.network import Size, pair
from minigrad.op import Shape, Value
from minigrad.ops.window import first, last


class Weighted(Module):
    """A layer with a weight and an optional bias (None without)."""

    weight: Parameter
    bias: Parameter | None

    def draw(self, shape: Shape, outputs: int, bias: bool, rng: "np.random.Generator", dtype: Any) -> None:
        """Draws weight and bias uniformly within 1/√fan-in."""
        limit = 1 / sqrt(prod(shape[1:]))
        self.weight = Parameter(uniform(rng, shape, limit, dtype))
        self.bias = Parameter(uniform(rng, (outputs,), limit, dtype)) if bias else None


class Linear(Weighted):
    """y = x weightᵀ + bias; weight (out_features, in_features)."""

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, rng: "np.random.Generator",
        dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        self.draw((out_features, in_features), out_features, bias, rng, dtype)

    def forward(self, x: Value) -> Value:
        """(..., in_features) to (..., out_features)."""
        return network.linear(x, self.weight, self.bias)


class Convolutional(Weighted):
    """A layer with a kernel that moves over pictures; its weights lie channels-last, as convolution reads them."""

    def __init__(self, stride: Size, padding: Size) -> None:
        self.stride, self.padding = pair("stride", stride, 1), pair("padding", padding)

    def draw(self, shape: Shape, outputs: int, bias: bool, rng: "np.random.Generator", dtype: Any) -> None:
        """Draws as any layer, then reorders the weight's memory."""
        super().draw(shape, outputs, bias, rng, dtype)
        self.weight = Parameter(first(np.ascontiguousarray(last(self.weight.numpy()))))


class Conv2d(Convolutional):
    """`conv2d` with weight (out_channels, in_channels, kh, kw)."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Size, stride: Size = 1, padding: Size = 0,
        bias: bool = True, *, rng: "np.random.Generator", dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        super().__init__(stride, padding)
        kernel = pair("kernel_size", kernel_size, 1)
        self.draw((out_channels, in_channels, *kernel), out_channels, bias, rng, dtype)

    def forward(self, x: Value) -> Value:
        """(N, in_channels, H, W) to (N, out_channels, H', W')."""
        return network.conv2d(x, self.weight, self.bias, self.stride, self.padding)


class ConvTranspose2d(Convolutional):
    """`conv_transpose2d` with weight (in_channels, out_channels, kh, kw)."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Size, stride: Size = 1, padding: Size = 0,
        output_padding: Size = 0, bias: bool = True, *, rng: "np.random.Generator", dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        super().__init__(stride, padding)
        kernel = pair("kernel_size", kernel_size, 1)
        self.output_padding = pair("output_padding", output_padding)
        self.draw((in_channels, out_channels, *kernel), out_channels, bias, rng, dtype)

    def forward(self, x: Value) -> Value:
        """(N, in_channels, H, W) to (N, out_channels, H', W')."""
        return network.conv_transpose2d(x, self.weight, self.bias, self.stride, self.padding, self.output_padding)


class BatchNorm(Module):
    """`batch_norm` with running statistics, which are used, and the batch's own ones while `training`."""

    axes: tuple[int, ...] = (2, 4)  # how many x may have

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, dtype: Any = np.float32) -> None:
        self.eps, self.momentum = eps, momentum
        self.weight = Parameter(np.ones(num_features, dtype))
        self.bias = Parameter(np.zeros(num_features, dtype))
        self.running_mean = Buffer(np.zeros(num_features, dtype))
        self.running_var = Buffer(np.ones(num_features, dtype))
        self.num_batches_tracked = Buffer(np.zeros((), np.int64))

    def forward(self, x: Value) -> Value:
        """x normalised; the same shape."""
        if x.ndim not in self.axes:
            raise ShapeError(f"{type(self).__name__} takes {self.axes[0]} axes, not {x.shape}")
        if self.training:
            network.assign(self.num_batches_tracked, network.latest(self.num_batches_tracked) + 1)
        return network.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, self.training, self.momentum, self.eps
        )


class BatchNorm1d(BatchNorm):
    """For x (N, C)."""

    axes = (2,)


class BatchNorm2d(BatchNorm):
    """For x (N, C, H, W)."""

    axes = (4,)


class LayerNorm(Module):
    """`layer_norm` with a weight and a bias for each element of the last axes."""

    def __init__(self, normalized_shape: Size, eps: float = 1e-5, dtype: Any = np.float32) -> None:
        self.normalized_shape, self.eps = normalized_shape, eps
        self.weight = Parameter(np.ones(normalized_shape, dtype))
        self.bias = Parameter(np.zeros(normalized_shape, dtype))

    def forward(self, x: Value) -> Value:
        """x normalised; the same shape."""
        return network.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)


class Dropout(Module):
    """`dropout` while `training`; masks are drawn from `rng` unless one is given."""

    def __init__(self, p: float = 0.5, rng: "np.random.Generator | None" = None) -> None:
        self.p, self.rng = p, rng

    def forward(self, x: Value, mask: Value | None = None) -> Value:
        """x with some elements set to 0; the same shape."""
        return network.dropout(x, self.p, self.training, self.rng, mask)


class MaxPool2d(Module):
    """`max_pool2d`."""

    def __init__(
        self, kernel_size: Size, stride: Size | None = None, padding: Size = 0, ceil_mode: bool = False
    ) -> None:
        self.options = kernel_size, stride, padding, ceil_mode

    def forward(self, x: Value) -> Value:
        """(N, C, H, W) to (N, C, H', W')."""
        return network.max_pool2d(x, *self.options)


class AvgPool2d(Module):
    """`avg_pool2d`."""

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> None:
        self.options = kernel_size, stride, padding

    def forward(self, x: Value) -> Value:
        """(N, C, H, W) to (N, C, H', W')."""
        return network.avg_pool2d(x, *self.options)


class AdaptiveAvgPool2d(Module):
    """`adaptive_avg_pool2d`."""

    def __init__(self, output_size: Size) -> None:
        self.output_size = output_size

    def forward(self, x: Value) -> Value:
        """(N, C, H, W) to (N, C, *output_size)."""
        return network.adaptive_avg_pool2d(x, self.output_size)


class ReLU(Module):
    """`relu`."""

    def forward(self, x: Value) -> Value:
        """The same shape."""
        return F.relu(x)


class LeakyReLU(Module):
    """`leaky_relu`."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Value) -> Value:
        """The same shape."""
        return F.leaky_relu(x, self.negative_slope)


class Tanh(Module):
    """`tanh`."""

    def forward(self, x: Value) -> Value:
        """The same shape."""
        return F.tanh(x)


class Flatten(Module):
    """Reshapes x so that all axes but the first become one."""

    def forward(self, x: Value) -> Value:
        """(N, ...) to (N, D)."""
        return x.reshape((x.shape[0], prod(x.shape[1:])))


class Sequential(Module):
    """Layers applied one after another; their names are their numbers, as in PyTorch."""

    def __init__(self, *layers: Module) -> None:
        for i, layer in enumerate(layers):
            setattr(self, str(i), layer)

    def __iter__(self) -> Iterator[Module]:
        return (layer for layer in vars(self).values() if isinstance(layer, Module))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, i: int) -> Module:
        if not -len(self) <= i < len(self):
            raise IndexRangeError(f"there is no layer {i} in a Sequential of {len(self)}")
        return list(self)[i]

    def forward(self, x: Value) -> Value:
        """The output of the last layer."""
        for layer in self:
            x = layer(x)
        return x
