"""What an operation is, and how one is applied. Knows arrays only; everything else in minigrad imports this.

An Op is a value without state: its fields are its static attributes, so equal Ops are equal nodes, and the repr is
the label in the picture. Vocabulary, everywhere: `x` inputs, `y` output, `g` the cotangent of y, `gx` the result.
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
Gradient: TypeAlias = Any  # a Value, None (zero), or a function without arguments that gives one
Reads: TypeAlias = Literal["", "x", "y", "xy"]


@dataclass(frozen=True)
class Op:
    """One differentiable operation on arrays, with one output.

    `reads` says what `vjp` looks at beyond shapes and dtypes ("x" the inputs, "y" the output): that alone is guarded
    against change in place, and counted as kept for the backward pass. A `differentiable` Op has a gradient somewhere;
    one that `broadcasts` leaves it to the reverse walk to sum its gradients back to the shapes of its inputs.
    """

    reads: ClassVar[Reads] = ""
    differentiable: ClassVar[bool] = True
    broadcasts: ClassVar[bool] = False

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The value, from arrays of any module that speaks NumPy's protocol; never changes its inputs."""
        raise NotImplementedError(f"{type(self).__name__}.forward")

    def shape(self, *args: Any, **kwargs: Any) -> Shape:
        """The output's shape from the inputs' shapes; ValueError when they do not fit."""
        raise NotImplementedError(f"{type(self).__name__}.shape")

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """The output's dtype from the inputs' dtypes: NumPy's promotion unless the Op says otherwise."""
        return np.result_type(*dtypes)

    def vjp(self, *args: Any, **kwargs: Any) -> tuple[Gradient, ...]:
        """`vjp(g, y, *xs)`: one gradient per input, in operators that arrays and Tensors share or by `apply`.

        None is the symbolic zero. A costly gradient may be a function without arguments: it is called only when
        that input's gradient is asked for.
        """
        raise NotImplementedError(f"{type(self).__name__}.vjp")

    accumulate: ClassVar[Callable[..., None] | None] = None
    """`accumulate(total, g, *xs)`: optional; adds the first input's gradient into the array `total` in place."""


class SameShape(Op):
    """An Op whose output has the shape of its first input."""

    def shape(self, x: Shape, *others: Shape) -> Shape:
        """Unchanged."""
        return x


class SameDtype(Op):
    """An Op whose output has the dtype of its first input, whatever the others have."""

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """The first."""
        return dtypes[0]


class FloatingDtype(Op):
    """An Op whose result is never whole."""

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """NumPy's promotion, float64 for integers and booleans."""
        common = np.result_type(*dtypes)
        return common if common.kind in "fcO" else np.dtype(np.float64)  # O: the exact numbers of a proof


class Constant(Op):
    """An Op without a gradient: comparisons, logic, casts to integers, argmax."""

    differentiable = False

    def vjp(self, g: Value, y: Value, *xs: Value) -> tuple[Gradient, ...]:
        """No gradient to any input."""
        return (None,) * len(xs)


def as_value(x: Any) -> Value:
    """x, or the array of what is no Tensor and no array: a list, a number."""
    return x if hasattr(x, "apply_op") or elsewhere(x) else np.asarray(x)


def as_number(x: Any) -> Any:
    """A NumPy scalar as Python's number, which takes the dtype of what it meets; all else as it is."""
    return x.item() if isinstance(x, np.generic) else x


def as_constant(x: Any, dtypes: list[np.dtype[Any]], like: Any) -> Any:
    """A number, NumPy scalars included, where `like` is, in NumPy's promotion beside `dtypes`; else x itself."""
    number = as_number(x)
    if isinstance(number, bool | int | float | complex):
        return beside(np.asarray(number, dtype=np.result_type(*dtypes, number)), like)
    return x


def native(data: Any) -> Array:
    """The array of data, in the machine's byte order; DTypeError unless it holds numbers or booleans."""
    array: Array = data if elsewhere(data) else np.asarray(data)
    if array.dtype.kind not in "fiubc":
        raise DTypeError(f"a tensor holds numbers or booleans, not {type(data).__name__} ({array.dtype})")
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def apply(op: Op, *operands: Value) -> Value:
    """Computes `op` on arrays, or hands over to the first operand that is more than an array.

    Such an operand has a method `apply_op(op, operands)`; this function knows no Tensor.
    """
    for operand in operands:
        if type(operand) is not np.ndarray and hasattr(operand, "apply_op"):
            return operand.apply_op(op, operands)
    return op.forward(*operands)
