"""The operators and methods that arrays and Tensors share: what a vjp may use. Knows Ops, not Tensors.

A class that mixes this in defines `apply_op(op, operands)` and has `shape`, `ndim`, `size` and `dtype`.
"""

from math import prod
from typing import Any, Self, TypeAlias

import numpy as np

from minigrad.errors import ShapeError
from minigrad.indexing import index_op
from minigrad.op import Op, Shape, as_value
from minigrad.ops import activation, elementwise, linalg, logic, reduce, shape
from minigrad.ops.shape import axes_of, sizes_of

Axis: TypeAlias = int | tuple[int, ...] | None

ADD, SUBTRACT = elementwise.Add(), elementwise.Subtract()
MULTIPLY, DIVIDE = elementwise.Multiply(), elementwise.Divide()


class ArrayMethods:
    """NumPy's operators and methods, each one Op or a composition of Ops."""

    __slots__ = ()

    shape: Shape
    ndim: int
    size: int
    dtype: np.dtype[Any]

    def apply_op(self, op: Op, operands: tuple[Any, ...]) -> Self:
        """Applies an Op to operands of which at least one is of this class."""
        raise NotImplementedError

    # arithmetic

    def __add__(self, other: Any) -> Self:
        return self.apply_op(ADD, (self, other))

    def __radd__(self, other: Any) -> Self:
        return self.apply_op(ADD, (other, self))

    def __sub__(self, other: Any) -> Self:
        return self.apply_op(SUBTRACT, (self, other))

    def __rsub__(self, other: Any) -> Self:
        return self.apply_op(SUBTRACT, (other, self))

    def __mul__(self, other: Any) -> Self:
        return self.apply_op(MULTIPLY, (self, other))

    def __rmul__(self, other: Any) -> Self:
        return self.apply_op(MULTIPLY, (other, self))

    def __truediv__(self, other: Any) -> Self:
        return self.apply_op(DIVIDE, (self, other))

    def __rtruediv__(self, other: Any) -> Self:
        return self.apply_op(DIVIDE, (other, self))

    def __floordiv__(self, other: Any) -> Self:
        return self.apply_op(logic.FloorDivide(), (self, other))

    def __rfloordiv__(self, other: Any) -> Self:
        return self.apply_op(logic.FloorDivide(), (other, self))

    def __neg__(self) -> Self:
        return self.apply_op(elementwise.Negative(), (self,))

    def __pos__(self) -> Self:
        return self

    def __abs__(self) -> Self:
        return self.apply_op(elementwise.Abs(), (self,))

    def __pow__(self, other: Any) -> Self:
        if isinstance(other, float | np.floating) and self.dtype.kind in "iub":
            return self.astype(float) ** other  # as NumPy has it, of 2.0 too
        if isinstance(other, int | float | np.number):
            return self.apply_op(elementwise.power_of(other), (self,))
        return self.apply_op(elementwise.Power(), (self, other))

    def __rpow__(self, other: Any) -> Self:
        return self.apply_op(elementwise.Power(), (other, self))

    def __matmul__(self, other: Any) -> Self:
        return matmul(self, other)  # type: ignore[no-any-return]

    def __rmatmul__(self, other: Any) -> Self:
        return matmul(other, self)  # type: ignore[no-any-return]

    # comparisons and logic, without gradients

    def __eq__(self, other: Any) -> Self:  # type: ignore[override]
        return self.apply_op(logic.Equal(), (self, other))

    def __ne__(self, other: Any) -> Self:  # type: ignore[override]
        return self.apply_op(logic.NotEqual(), (self, other))

    __hash__ = object.__hash__

    def __lt__(self, other: Any) -> Self:
        return self.apply_op(logic.Less(), (self, other))

    def __le__(self, other: Any) -> Self:
        return self.apply_op(logic.LessEqual(), (self, other))

    def __gt__(self, other: Any) -> Self:
        return self.apply_op(logic.Greater(), (self, other))

    def __ge__(self, other: Any) -> Self:
        return self.apply_op(logic.GreaterEqual(), (self, other))

    def __and__(self, other: Any) -> Self:
        return self.apply_op(logic.And(), (self, other))

    __rand__ = __and__

    def __or__(self, other: Any) -> Self:
        return self.apply_op(logic.Or(), (self, other))

    __ror__ = __or__

    def __xor__(self, other: Any) -> Self:
        return self.apply_op(logic.Xor(), (self, other))

    __rxor__ = __xor__

    def __invert__(self) -> Self:
        return self.apply_op(logic.Invert(), (self,))

    def astype(self, dtype: Any) -> Self:
        """The same values in another dtype."""
        return self.apply_op(logic.Cast(np.dtype(dtype).name), (self,))

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Self:
        """The index of the first largest element along `axis`; in the flattened array when `axis` is None."""
        if axis is None:
            return self.reshape(-1).argmax(0)
        return self.apply_op(reduce.ArgMax(axes_of(axis, self.ndim)[0], keepdims), (self,))

    def any(self, axis: Axis = None, keepdims: bool = False) -> Self:
        """Whether any element along `axis` is not 0."""
        return self.astype(bool).sum(axis, keepdims).astype(bool)

    def all(self, axis: Axis = None, keepdims: bool = False) -> Self:
        """Whether all elements along `axis` are not 0."""
        return ~(~self.astype(bool)).any(axis, keepdims)

    # reductions

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Self:
        """The sum over `axis`, by default over all axes."""
        return self.apply_op(reduce.Sum(axes_of(axis, self.ndim), keepdims), (self,))

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Self:
        """The mean over `axis`; ShapeError for the mean of no elements."""
        return self.apply_op(reduce.Mean(axes_of(axis, self.ndim), keepdims), (self,))

    def max(self, axis: Axis = None, keepdims: bool = False) -> Self:
        """The largest element over `axis`; if there are several, they share the gradient equally."""
        return self.apply_op(reduce.Max(axes_of(axis, self.ndim), keepdims), (self,))

    def min(self, axis: Axis = None, keepdims: bool = False) -> Self:
        """The smallest element over `axis`; if there are several, they share the gradient equally."""
        return self.apply_op(reduce.Min(axes_of(axis, self.ndim), keepdims), (self,))

    def prod(self, axis: Axis = None, keepdims: bool = False) -> Self:
        """The product over `axis`, by multiplying halves: so the gradient is right even where elements are 0."""
        axes = axes_of(axis, self.ndim)
        rest = [a for a in range(self.ndim) if a not in axes]
        number = prod(self.shape[a] for a in axes)
        grown = self if self.dtype.kind in "fc" else self.astype(shape.SummedDtype().dtype(self.dtype))
        y = grown.transpose((*rest, *axes)).reshape((*(self.shape[a] for a in rest), number))
        if not y.size:
            return self.sum(axes, keepdims) * 0 + 1
        while y.shape[-1] > 1:
            half, odd = divmod(y.shape[-1], 2)
            pairs = y[..., :half] * y[..., half : 2 * half]
            y = self.apply_op(shape.Concat(pairs.ndim - 1), (pairs, y[..., -1:])) if odd else pairs
        return y.reshape(reduce.reduced(self.shape, axes, keepdims))

    def var(self, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Self:
        """The variance over `axis`; the divisor is the number of elements less `ddof`, as in NumPy."""
        axes = axes_of(axis, self.ndim)
        deviation = self - self.mean(axes, keepdims=True)
        number = reduce.count(self.shape, axes)
        if number <= ddof:
            raise ShapeError(f"the variance of {number} elements with ddof={ddof}: shape {self.shape}, axes {axes}")
        return (deviation * deviation).sum(axes, keepdims) / (number - ddof)

    def std(self, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Self:
        """The standard deviation over `axis`; its gradient is 0 where it is 0."""
        return self.apply_op(elementwise.Sqrt(), (self.var(axis, keepdims, ddof),))

    def cumsum(self, axis: int | None = None) -> Self:
        """The running sum along one axis, or of the flattened array when `axis` is None."""
        if axis is None:
            return self.reshape(-1).cumsum(0)
        return self.apply_op(reduce.CumSum(axes_of(axis, self.ndim)[0]), (self,))

    # shape

    def reshape(self, *shape_: Any) -> Self:
        """The same elements in another shape; one size may be −1."""
        sizes = sizes_of(shape_[0] if len(shape_) == 1 else shape_)
        return self.apply_op(shape.Reshape(filled_in(sizes, self.size)), (self,))

    def transpose(self, *axes: Any) -> Self:
        """The axes in the order given, reversed if none is."""
        order = tuple(axes[0]) if len(axes) == 1 and hasattr(axes[0], "__len__") else axes
        order = tuple(range(self.ndim))[::-1] if not order or order == (None,) else order
        return self.apply_op(shape.Transpose(tuple(axes_of(a, self.ndim)[0] for a in order)), (self,))

    @property
    def T(self) -> Self:
        """The axes in reverse order."""
        return self.transpose()

    @property
    def mT(self) -> Self:
        """The last two axes swapped."""
        return self.swapaxes(-1, -2)

    def swapaxes(self, a: int, b: int) -> Self:
        """Two axes exchanged."""
        (i,), (j,) = axes_of(a, self.ndim), axes_of(b, self.ndim)
        order = list(range(self.ndim))
        order[i], order[j] = j, i
        return self.transpose(tuple(order))

    def squeeze(self, axis: Axis = None) -> Self:
        """Removes the given axes, which must have size 1; by default all such axes."""
        ones = tuple(i for i, n in enumerate(self.shape) if n == 1)
        axes = ones if axis is None else axes_of(axis, self.ndim)
        if any(self.shape[a] != 1 for a in axes):
            raise ShapeError(f"cannot squeeze axes {axes} of shape {self.shape}: not of size 1")
        return self.reshape(tuple(n for i, n in enumerate(self.shape) if i not in axes))

    def ravel(self) -> Self:
        """All elements along one axis."""
        return self.reshape(-1)

    flatten = ravel

    def clip(self, min: float | None = None, max: float | None = None) -> Self:
        """Elements limited to the range from `min` to `max`; the gradient is 1 inside and at the edges, 0 outside."""
        return self.apply_op(activation.clip_between(min, max), (self,))

    def __getitem__(self, key: Any) -> Self:
        sizes, op, arrays = index_op(key, self.shape)
        x = self if sizes == self.shape else self.reshape(sizes)
        return self.apply_op(op, (x, *arrays))

    def __iter__(self) -> Any:
        if not self.ndim:
            raise TypeError("cannot iterate over a 0-d tensor")
        return (self[i] for i in range(self.shape[0]))


def filled_in(sizes: Shape, size: int) -> Shape:
    """The sizes with a −1 replaced by the size that is left over."""
    if min(sizes, default=0) >= 0:
        return sizes
    rest = -prod(sizes)
    if sizes.count(-1) > 1 or min(sizes) < -1 or rest == 0 or size % rest:
        raise ShapeError(f"cannot reshape {size} elements into {sizes}")
    return tuple(size // rest if n == -1 else n for n in sizes)


def matmul(a: Any, b: Any) -> Any:
    """a @ b with NumPy's rule for vectors: 1-d a counts as a row, 1-d b as a column."""
    a, b = as_value(a), as_value(b)
    if len(a.shape) == 1 and len(b.shape) == 1:
        return (a * b).sum()
    if len(a.shape) == 1:
        return (a[None, :] @ b)[..., 0, :]
    if len(b.shape) == 1:
        return (a @ b[:, None])[..., 0]
    owner = a if isinstance(a, ArrayMethods) else b
    return owner.apply_op(linalg.MatMul(), (a, b))
