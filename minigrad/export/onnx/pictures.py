"""Rules for convolution and pooling. Imports the emitter."""

from math import prod
from typing import Any

import numpy as np

from minigrad.export.onnx.emit import Emit
from minigrad.export.onnx.index import scattered
from minigrad.op import Shape


def around(padding: Shape, after: Shape = (0, 0)) -> list[int]:
    """Padding above, left, below and right, with `after` more below and right."""
    return [*padding, *(p + more for p, more in zip(padding, after, strict=True))]


def conv2d(emit: Emit, op: Any, x: str, *others: str) -> str:
    """ONNX's Conv takes weights and bias as they are."""
    x, *others = emit.operands((x, *others), emit.y.dtype)  # type: ignore[assignment]
    kernel = emit.shapes[1][2:]
    return emit("Conv", x, *others, kernel_shape=kernel, strides=op.stride, pads=around(op.padding))


def conv_transpose(emit: Emit, y: str, w: str, shapes: tuple[Shape, Shape, Shape], op: Any, group: int = 1) -> str:
    """ONNX's ConvTranspose; `shapes` are those of y, the kernel and the result.

    What the stride left over at the edge counts as padding of the output.
    """
    sizes = zip(shapes[0][2:], shapes[1], shapes[2][2:], op.stride, op.padding, strict=True)
    left = [size - ((n - 1) * s + k - 2 * p) for n, k, size, s, p in sizes]
    about = {"kernel_shape": shapes[1], "strides": op.stride, "pads": around(op.padding), "output_padding": left}
    return emit("ConvTranspose", y, w, group=group, **about)


def conv_transpose2d(emit: Emit, op: Any, y: str, w: str) -> str:
    """Weights (K, C, kh, kw) as they are."""
    y, w = emit.operands((y, w), emit.y.dtype)
    return conv_transpose(emit, y, w, (emit.shapes[0], emit.shapes[1][2:], emit.y.shape), op)


def conv_weight2d(emit: Emit, op: Any, x: str, y: str) -> str:
    """Channels as pictures and pictures as channels, y as the kernel, the stride as its dilation."""
    x, y = (emit("Transpose", z, perm=(1, 0, 2, 3)) for z in emit.operands((x, y), emit.y.dtype))
    kernel = emit.shapes[1][2:]
    w = emit("Conv", x, y, kernel_shape=kernel, dilations=op.stride, pads=around(op.padding))
    w = emit("Slice", w, *map(emit.constant, ([0, 0], op.kernel, [2, 3])))  # the stride may not have come to the edge
    return emit("Transpose", w, perm=(1, 0, 2, 3))


def max_pool(emit: Emit, op: Any, x: str, windows: Shape, places: bool = False) -> str:
    """The largest elements, or their flat indices in x. What the last window needs beyond the edge is padding."""
    sizes = zip(windows[2:], emit.shapes[0][2:], op.kernel, op.stride, op.padding, strict=True)
    beyond = tuple(max(0, (n - 1) * s + k - size - 2 * p) for n, size, k, s, p in sizes)
    about = {"kernel_shape": op.kernel, "strides": op.stride, "pads": around(op.padding, beyond)}
    return emit("MaxPool", x, index=int(places), **about)


def max_pool2d(emit: Emit, op: Any, x: str) -> str:
    """The largest elements."""
    return max_pool(emit, op, x, emit.y.shape)


def max_pool_grad(emit: Emit, op: Any, x: str, g: str) -> str:
    """g added at the places of the largest elements."""
    return scattered(emit, emit.y.shape, max_pool(emit, op, x, emit.shapes[1], places=True), g)


def max_pool_take(emit: Emit, op: Any, x: str, u: str) -> str:
    """u at the places of the largest elements."""
    return emit("Gather", emit("Reshape", u, emit.constant([-1])), max_pool(emit, op, x, emit.y.shape, places=True))


def avg_pool2d(emit: Emit, op: Any, x: str) -> str:
    """The mean, with padding counted."""
    (x,) = emit.operands((x,), emit.y.dtype)
    pads = around(op.padding)
    return emit("AveragePool", x, kernel_shape=op.kernel, strides=op.stride, pads=pads, count_include_pad=1)


def avg_pool_grad(emit: Emit, op: Any, g: str) -> str:
    """A transposed convolution with equal weights, channel by channel."""
    channels = emit.y.shape[1]
    w = emit.constant(np.full((channels, 1, *op.kernel), 1 / prod(op.kernel)), emit.y.dtype)
    return conv_transpose(emit, g, w, (emit.shapes[0], op.kernel, emit.y.shape), op, channels)
