"""What an operation (Op) is, and how one is applied. Knows arrays only; everything else in minigrad imports this.

An Op is a value without state: its fields are its static attributes, so Ops with equal fields are equal, and the repr
is its label in pictures. Names used everywhere: `x` an input, `y` the output, `g` the gradient of the loss by y (the
cotangent), `gx` the resulting gradient by x.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from minigrad.device import beside, elsewhere
from minigrad.errors import DTypeError

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Shape: TypeAlias = tuple[int, ...]
Value: TypeAlias = Any  # an array or a Tensor: a vjp rule serves both
Gradient: TypeAlias = Any  # a Value, None (zero), or a function without arguments that returns a Value
Reads: TypeAlias = Literal["", "x", "y", "xy"]


@dataclass(frozen=True)
class Op:
    """One differentiable operation on arrays, with one output.

    `reads` names what `vjp` uses beyond shapes and dtypes ("x" the inputs, "y" the output, "xy" both): only those
    values are kept for the backward pass and guarded against changes in place. `differentiable` is False for an Op
    without any gradient. `broadcasts` is True for an Op that broadcasts its inputs and leaves it to the reverse walk to
    sum the gradients back to the inputs' shapes.
    """

    reads: ClassVar[Reads] = ""
    differentiable: ClassVar[bool] = True
    broadcasts: ClassVar[bool] = False

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The output array. Inputs are arrays of NumPy or of a module with NumPy's protocols, and are never changed."""
        raise NotImplementedError(f"{type(self).__name__}.forward")

    def shape(self, *args: Any, **kwargs: Any) -> Shape:
        """The output's shape for these input shapes; ValueError when they do not fit together."""
        raise NotImplementedError(f"{type(self).__name__}.shape")

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """The output's dtype for these input dtypes: by default what NumPy promotes them to."""
        return np.result_type(*dtypes)

    def vjp(self, *args: Any, **kwargs: Any) -> tuple[Gradient, ...]:
        """`vjp(g, y, *xs)`: the vector-Jacobian product, a tuple with one gradient for each input.

        Written only with operators and methods that arrays and Tensors share, and with `apply`, so that it works on
        both. None stands for a zero gradient. A costly gradient may be given as a function without arguments, which is
        called only if that input's gradient is needed.
        """
        raise NotImplementedError(f"{type(self).__name__}.vjp")

    accumulate: ClassVar[Callable[..., None] | None] = None
    """`accumulate(total, g, *xs)`: optional; adds the first input's gradient into the array `total` in place."""


class SameShape(Op):
    """An Op whose output has the shape of its first input."""

    def shape(self, x: Shape, *others: Shape) -> Shape:
        """The shape of x."""
        return x


class SameDtype(Op):
    """An Op whose output has the dtype of its first input, whatever the others have."""

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """The dtype of the first input."""
        return dtypes[0]


class FloatingDtype(Op):
    """An Op whose output is floating-point even when its inputs are integers."""

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """NumPy's promotion, but float64 for integers and booleans."""
        common = np.result_type(*dtypes)
        return common if common.kind in "fcO" else np.dtype(np.float64)  # O: the exact numbers of a proof

    def floating(self, x: Array) -> Array:
        """x, in float64 if it is integer or boolean: numpy.exp would give float16 for int8."""
        return x if x.dtype.kind in "fcO" else x.astype(np.float64)


class NonDifferentiable(Op):
    """An Op without a gradient: comparisons, logic, casts to integers, argmax."""

    differentiable = False

    def vjp(self, g: Value, y: Value, *xs: Value) -> tuple[Gradient, ...]:
        """No gradient to any input."""
        return (None,) * len(xs)


def as_value(x: Any) -> Value:
    """x itself if it is a Tensor or an array; anything else, such as a list or a number, as an array."""
    return x if hasattr(x, "apply_op") or elsewhere(x) else np.asarray(x)


def as_number(x: Any) -> Any:
    """A NumPy scalar as a Python number, so that it takes the dtype of the arrays beside it; all else unchanged."""
    return x.item() if isinstance(x, np.generic) else x


def as_constant(x: Any, dtypes: list[np.dtype[Any]], like: Any) -> Any:
    """A number as an array on the device of `like`, in the dtype NumPy gives it beside `dtypes`; all else unchanged."""
    number = as_number(x)
    if isinstance(number, bool | int | float | complex):
        return beside(np.asarray(number, dtype=np.result_type(*dtypes, number)), like)
    return x


def native(data: Any) -> Array:
    """`data` as an array in the machine's byte order; DTypeError unless it holds numbers or booleans."""
    array: Array = data if elsewhere(data) else np.asarray(data)
    if array.dtype.kind not in "fiubc":
        raise DTypeError(f"a tensor holds numbers or booleans, not {type(data).__name__} ({array.dtype})")
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def apply(op: Op, *operands: Value) -> Value:
    """The value of `op`: computed when all operands are arrays, else left to the first one that is not.

    That is a Tensor, whose method `apply_op(op, operands)` is called; this function need not know the class.
    """
    for operand in operands:
        if type(operand) is not np.ndarray and hasattr(operand, "apply_op"):
            return operand.apply_op(op, operands)
    return op.forward(*operands)
