"""NumPy's functions on Tensors: each returns a Tensor or raises an error that names it; never an object array.

One table maps ufuncs to Ops, another NumPy's array functions to ours. Imports the functions; Tensor mixes it in.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad import functional as F
from minigrad.array_methods import ArrayMethods, matmul
from minigrad.errors import DTypeError
from minigrad.op import Op
from minigrad.ops import activation, elementwise, logic
from minigrad.ops.shape import BroadcastTo

UFUNCS: dict[np.ufunc, Op] = {
    ufunc: op()
    for family in (elementwise, activation, logic)
    for op in vars(family).values()
    if isinstance(op, type) and isinstance(ufunc := getattr(op, "ufunc", None), np.ufunc)
}


def method(name: str) -> Callable[..., Any]:
    """A function that calls the method `name` of its first argument."""
    return lambda x, *args, **kwargs: getattr(x, name)(*args, **kwargs)


def reduction(name: str) -> Callable[..., Any]:
    """Likewise for reductions, whose arguments after the axis go by name: NumPy's next is a dtype, which ours lack."""
    return lambda x, axis=None, **kwargs: getattr(x, name)(axis, **kwargs)


def moved_axes(x: Any, source: Any, destination: Any) -> Any:
    """numpy.moveaxis. NumPy itself finds the order of the axes, from an array whose sizes are the axes' numbers."""
    return x.transpose(np.moveaxis(np.empty(range(x.ndim)), source, destination).shape)


def euclidean(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """numpy.linalg.norm; TypeError for a norm of another order."""
    vectors = x.ndim == 1 if axis is None else np.size(axis) == 1
    if ord is not None and not (vectors and ord == 2):
        raise TypeError(f"{ord=}")
    return F.norm(x, axis, keepdims)


def padded(x: Any, widths: Any, mode: str = "constant", constant_values: Any = 0) -> Any:
    """numpy.pad with constants; TypeError for another mode."""
    if mode != "constant":
        raise TypeError(f"{mode=}")
    return F.pad(x, widths, constant_values)


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    **{getattr(np, name): reduction(name) for name in (
        "sum", "mean", "max", "min", "prod", "var", "std", "cumsum", "argmax", "any", "all",
    )},
    **{getattr(np, name): method(name) for name in (
        "reshape", "transpose", "swapaxes", "squeeze", "ravel", "clip", "copy",
    )},
    **{getattr(np, name): getattr(F, name) for name in (
        "concat", "stack", "split", "flip", "roll", "broadcast_to", "expand_dims", "einsum", "where",
        "take_along_axis",
    )},
    np.pad: padded,
    np.linalg.norm: euclidean,
    np.concatenate: F.concat,
    np.moveaxis: moved_axes,
    np.ones_like: lambda x: x.apply_op(BroadcastTo(x.shape), (np.ones((), x.dtype),)),
    np.zeros_like: lambda x: x.apply_op(BroadcastTo(x.shape), (np.zeros((), x.dtype),)),
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
    np.size: lambda x: x.size,
    np.iscomplexobj: lambda x: x.dtype.kind == "c",
}  # fmt: skip


class NumpyProtocol(ArrayMethods):
    """The methods by which NumPy's functions find Tensors, and methods of PyTorch's names."""

    __slots__ = ()

    exp, log, sqrt, square, abs = F.exp, F.log, F.sqrt, F.square, F.abs
    sin, cos, tanh, sigmoid, relu = F.sin, F.cos, F.tanh, F.sigmoid, F.relu
    softmax, log_softmax, logsumexp, norm = F.softmax, F.log_softmax, F.logsumexp, F.norm

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """`np.tanh(t)`, `array * t`: applies the Op of that ufunc."""
        if method != "__call__" or kwargs:
            extra = f".{method}" if method != "__call__" else f" with {', '.join(kwargs)}="
            raise unsupported(f"np.{ufunc.__name__}{extra}")
        if ufunc is np.matmul:
            return matmul(*inputs)
        if ufunc not in UFUNCS:
            raise unsupported(f"np.{ufunc.__name__}")
        return self.apply_op(UFUNCS[ufunc], inputs)

    def __array_function__(self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """`np.concatenate([t, t])`, `np.mean(t, axis=0)`: calls our function of that name."""
        if function not in FUNCTIONS:
            raise unsupported(f"np.{function.__name__}")
        try:
            return FUNCTIONS[function](*args, **kwargs)
        except (TypeError, AttributeError) as error:
            raise unsupported(f"np.{function.__name__} with these arguments ({error})") from error


def unsupported(what: str) -> DTypeError:
    """The error for a NumPy function that does not work on Tensors."""
    return DTypeError(f"{what} is not supported on Tensors: use a function of minigrad, or t.numpy() outside the graph")
