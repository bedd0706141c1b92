"""The table from Op to JAX. Imports jax and the Ops, the compiler's included; `function` walks with it.

A rule is given the Op and its operands. What it returns is cast to the dtype that our node has.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from minigrad.compiler.rewrite import Scalar
from minigrad.export.jax import windows
from minigrad.op import Op
from minigrad.ops import activation, conv, elementwise, index, linalg, logic, loss, pool, reduce, shape

Rule: TypeAlias = Callable[..., Any]

CANNOT: dict[type[Op], str] = {}
"""Ops that JAX cannot express, with the reason. There are none."""


def kept(*dtypes: Any) -> Any:
    """The dtype that NumPy promotes these to.

    Without `jax_enable_x64`, the one of at most half the width that JAX uses.
    """
    return jax.dtypes.canonicalize_dtype(np.result_type(*dtypes))


def plain(f: Callable[..., Any]) -> Rule:
    """The rule for a function of arrays alone: operands are cast as NumPy promotes, which is not always as JAX does."""

    def rule(op: Op, *xs: Any) -> Any:
        common = kept(*(x.dtype for x in xs))
        return f(*(x.astype(common) for x in xs))

    return rule


def over_axes(f: Callable[..., Any]) -> Rule:
    """The rule for a reduction."""
    return lambda op, x: f(x, axis=op.axes, keepdims=op.keepdims)


def where(op: Op, condition: Any, a: Any, b: Any) -> Any:
    """The condition may have any dtype."""
    common = kept(a.dtype, b.dtype)
    return jnp.where(condition.astype(bool), a.astype(common), b.astype(common))


def clip(op: Any, x: Any) -> Any:
    """An infinite bound is left out."""
    return jnp.clip(x, *(None if np.isinf(bound) else bound for bound in (op.low, op.high)))


def cumsum(op: Any, x: Any) -> Any:
    """From either end."""
    return jax.lax.cumsum(x, axis=op.axis, reverse=op.reverse)


def sum_to(op: Any, x: Any) -> Any:
    """A sum over the axes that `to` would be broadcast along."""
    return x.sum(axis=op.axes_summed(x.shape)).reshape(op.to)


def pad(op: Any, x: Any) -> Any:
    """Padding with a constant."""
    return jnp.pad(x, op.widths, constant_values=op.value) if op.widths else x


def slice_put(op: Any, x: Any) -> Any:
    """Zeros with x assigned at a place."""
    return jnp.zeros(op.to, x.dtype).at[index.as_index(op.parts)].set(x)


def index_add(op: Any, x: Any, *arrays: Any) -> Any:
    """Zeros with x added at places."""
    return jnp.zeros(op.to, x.dtype).at[index.as_index(op.parts, arrays)].add(x)


def scatter_add(op: Any, x: Any, ids: Any) -> Any:
    """Zeros with rows added by id."""
    return jnp.zeros((op.rows, *x.shape[ids.ndim :]), x.dtype).at[ids].add(x)


def one_hot(op: Any, ids: Any) -> Any:
    """1 at each id."""
    return jax.nn.one_hot(ids, op.depth, dtype=kept(op.to))


def einsum(op: Any, *xs: Any) -> Any:
    """The same subscripts."""
    return jnp.einsum(f"{','.join(op.terms)}->{op.out}", *xs)


def cross_entropy(op: Op, x: Any, target: Any) -> Any:
    """−log softmax at the targets."""
    return -jnp.take_along_axis(jax.nn.log_softmax(x), target[..., None], axis=-1)[..., 0]


def cross_entropy_grad(op: Op, x: Any, target: Any, g: Any) -> Any:
    """g (softmax(x) − one-hot)."""
    return g[..., None] * (jax.nn.softmax(x) - jax.nn.one_hot(target, x.shape[-1], dtype=x.dtype))


def binary_cross_entropy(op: Op, x: Any, t: Any) -> Any:
    """softplus(x) − x t."""
    return jax.nn.softplus(x) - x * t


def identity(op: Op, x: Any) -> Any:
    """x itself."""
    return x


TABLE: dict[type[Op], Rule] = {
    Scalar: lambda op: jnp.asarray(op.number, op.to),
    elementwise.Add: plain(jnp.add),
    elementwise.Subtract: plain(jnp.subtract),
    elementwise.Multiply: plain(jnp.multiply),
    elementwise.Divide: plain(jnp.divide),
    elementwise.Negative: plain(jnp.negative),
    elementwise.Power: plain(jnp.power),
    elementwise.PowerOf: lambda op, x: jnp.power(x, op.exponent),
    elementwise.Square: plain(jnp.square),
    elementwise.Sqrt: plain(jnp.sqrt),
    elementwise.Exp: plain(jnp.exp),
    elementwise.Log: plain(jnp.log),
    elementwise.Log1p: plain(jnp.log1p),
    elementwise.Sin: plain(jnp.sin),
    elementwise.Cos: plain(jnp.cos),
    elementwise.Abs: plain(jnp.abs),
    elementwise.Maximum: plain(jnp.maximum),
    elementwise.Minimum: plain(jnp.minimum),
    elementwise.Where: where,
    activation.Tanh: plain(jnp.tanh),
    activation.Sigmoid: plain(jax.nn.sigmoid),
    activation.Relu: plain(jax.nn.relu),
    activation.LeakyRelu: lambda op, x: jnp.where(x > 0, x, op.slope * x),
    activation.Softplus: plain(jax.nn.softplus),
    activation.Clip: clip,
    logic.Equal: plain(jnp.equal),
    logic.NotEqual: plain(jnp.not_equal),
    logic.Less: plain(jnp.less),
    logic.LessEqual: plain(jnp.less_equal),
    logic.Greater: plain(jnp.greater),
    logic.GreaterEqual: plain(jnp.greater_equal),
    logic.And: plain(jnp.bitwise_and),
    logic.Or: plain(jnp.bitwise_or),
    logic.Xor: plain(jnp.bitwise_xor),
    logic.Invert: plain(jnp.invert),
    logic.FloorDivide: plain(jnp.floor_divide),
    logic.Sign: plain(jnp.sign),
    logic.IsFinite: plain(jnp.isfinite),
    logic.IsNan: plain(jnp.isnan),
    logic.Cast: lambda op, x: x.astype(kept(op.to)),
    logic.Detach: lambda op, x: jax.lax.stop_gradient(x),
    reduce.Sum: over_axes(jnp.sum),
    reduce.Mean: over_axes(jnp.mean),
    reduce.Max: over_axes(jnp.max),
    reduce.Min: over_axes(jnp.min),
    reduce.LogSumExp: over_axes(jax.nn.logsumexp),
    reduce.CumSum: cumsum,
    reduce.ArgMax: lambda op, x: jnp.argmax(x, axis=op.axis, keepdims=op.keepdims),
    shape.Copy: identity,
    shape.Reshape: lambda op, x: x.reshape(op.to),
    shape.Transpose: lambda op, x: x.transpose(op.axes),
    shape.BroadcastTo: lambda op, x: jnp.broadcast_to(x, op.to),
    shape.SumTo: sum_to,
    shape.Concat: lambda op, *xs: jnp.concatenate(xs, axis=op.axis),
    shape.Stack: lambda op, *xs: jnp.stack(xs, axis=op.axis),
    shape.Pad: pad,
    index.Slice: lambda op, x: x[index.as_index(op.parts)],
    index.SlicePut: slice_put,
    index.Gather: lambda op, x, ids: jnp.take(x, ids, axis=0),
    index.ScatterAdd: scatter_add,
    index.Index: lambda op, x, *arrays: x[index.as_index(op.parts, arrays)],
    index.IndexAdd: index_add,
    index.OneHot: one_hot,
    linalg.MatMul: plain(jnp.matmul),
    linalg.Einsum: einsum,
    loss.Softmax: lambda op, x: jax.nn.softmax(x, axis=op.axis),
    loss.LogSoftmax: lambda op, x: jax.nn.log_softmax(x, axis=op.axis),
    loss.CrossEntropy: cross_entropy,
    loss.CrossEntropyGrad: cross_entropy_grad,
    loss.BinaryCrossEntropy: binary_cross_entropy,
    conv.Conv2d: windows.conv2d,
    conv.ConvTranspose2d: windows.conv_transpose2d,
    conv.ConvWeight2d: windows.conv_weight2d,
    pool.MaxPool2d: windows.max_pool2d,
    pool.MaxPoolGrad: windows.max_pool_grad,
    pool.MaxPoolTake: windows.max_pool_take,
    pool.AvgPool2d: windows.avg_pool2d,
    pool.AvgPoolGrad: windows.avg_pool_grad,
}
