"""class Tensor: a node of the graph and, when known, its value. Imports the Ops' methods and the reverse walk.

Applying an Op to Tensors happens here, in `Tensor.apply_op`: compute, or inside a trace only the shape, and record.
"""

from typing import Any

import numpy as np

from minigrad import display
from minigrad.autodiff import ancestors, disconnected, pull_back_arrays
from minigrad.context import Scope, current
from minigrad.errors import DTypeError, GradientError, ShapeError, TraceError, UsageError
from minigrad.explain import explained
from minigrad.mutation import changes, serials
from minigrad.numpy_protocol import UFUNCS, NumpyProtocol
from minigrad.op import Array, Op, Shape, as_constant, native
from minigrad.ops import logic
from minigrad.ops import shape as shape_ops
from minigrad.symbol import Symbol, symbol


class Tensor(NumpyProtocol):
    """A node: the Op that made it (None for a leaf), its inputs, and an array, or a Symbol inside a trace.

    Equality is elementwise and the hash is the identity, as in PyTorch. `op`, `inputs`, `data`, `scope` and `serial`
    (its number in the order of making) are for readers of the graph; `value` is the array or None.
    """

    __slots__ = ("__weakref__", "data", "grad", "inputs", "name", "op", "requires_grad", "scope", "serial")

    op: Op | None
    inputs: tuple["Tensor", ...]
    data: Any
    requires_grad: bool
    grad: "Tensor | None"
    name: str | None
    scope: Scope
    serial: int

    def __init__(self, data: Any, requires_grad: bool = False, name: str | None = None) -> None:
        """A leaf that shares memory with the array given (`minigrad.tensor` copies)."""
        self.op, self.inputs, self.name, self.grad = None, (), name, None
        self.data = data if isinstance(data, Symbol) else native(data)
        self.scope = current.get().scope
        self.serial = next(serials)
        self.requires_grad_(requires_grad)

    def apply_op(self, op: Op, operands: tuple[Any, ...]) -> "Tensor":
        """The node y = op(operands); plain numbers and arrays among them become constants."""
        context = current.get()
        arrays = []
        requires_grad = False
        for x in operands:
            if not isinstance(x, Tensor):
                return self.apply_op(op, lifted(operands))
            arrays.append(x.data)
            if x.requires_grad:
                requires_grad = True
        try:
            data = symbol(op, operands) if context.tracing else op.forward(*arrays)
        except (ValueError, IndexError, TypeError) as error:
            raise explained(error, op, operands, context.scope) from error
        y = _new(Tensor)  # without __init__: this is half of what an operation costs beyond NumPy
        y.data = data if type(data) is np.ndarray or context.tracing else np.asarray(data)
        y.grad = y.name = None
        y.scope = context.scope
        y.serial = next(serials)
        if (requires_grad and context.recording and op.differentiable) or context.tracing:
            y.op, y.inputs = op, operands
            y.requires_grad = requires_grad and context.recording and op.differentiable and y.data.dtype.kind in "fc"
        else:
            y.op, y.inputs, y.requires_grad = None, (), False
        for observer in context.observers:
            observer.made(y, op, operands)
        return y

    # what it is

    @property
    def shape(self) -> Shape:  # type: ignore[override]
        """Sizes of the axes."""
        return self.data.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:  # type: ignore[override]
        """Element type."""
        return self.data.dtype  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:  # type: ignore[override]
        """Number of axes."""
        return self.data.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:  # type: ignore[override]
        """Number of elements."""
        return self.data.size  # type: ignore[no-any-return]

    @property
    def value(self) -> Array | None:
        """The array, or None for a symbol."""
        return None if isinstance(self.data, Symbol) else self.data

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded Op made it."""
        return self.op is None

    def numpy(self) -> Array:
        """The array itself, not a copy; TraceError for a symbol."""
        return self._known("stay with Tensors and functions of minigrad, or return it and look at it outside")

    def _known(self, instead: str) -> Array:
        if isinstance(self.data, Symbol):
            raise TraceError(f"{self!r} has no value while the program is traced: {instead}")
        return self.data  # type: ignore[no-any-return]

    def item(self) -> Any:
        """The only element as a Python number."""
        return self._known("compute with the Tensor itself, without item() or float(), or return it").item()

    def tolist(self) -> Any:
        """Nested lists of Python numbers."""
        return self.numpy().tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """`np.asarray(t)`: refused when t requires a gradient, for its history would be lost without a word."""
        if self.requires_grad and not isinstance(self.data, Symbol):
            raise DTypeError(f"np.asarray({self.name or 'a tensor'}) would leave the graph: write t.detach().numpy()")
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return self._known("count by a size, such as x.shape[0], or pass the number as an argument").__index__()

    def __bool__(self) -> bool:
        return bool(self._known("write mg.where(condition, a, b) in place of if, and, or, max; loop over a size"))

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else repr(self)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a 0-d tensor has no length")
        return self.shape[0]

    def __repr__(self) -> str:
        label = f" {self.name!r}" if self.name else ""
        about = f"shape={self.shape}, dtype={self.dtype}" + (f", op={self.op!r}" if self.op else "")
        if isinstance(self.data, Symbol):
            return f"Tensor{label}(symbol, {about})"
        text = np.array2string(self.data, precision=4, threshold=16, separator=", ", prefix=f"Tensor{label}(")
        return f"Tensor{label}({text}, {about}{', requires_grad=True' if self.requires_grad else ''})"

    def _repr_svg_(self) -> str | None:
        return display.svg(self)

    # leaving and changing

    def detach(self) -> "Tensor":
        """A leaf with the same memory and no history; inside a trace, a node that no gradient passes."""
        return self.apply_op(logic.Detach(), (self,)) if current.get().tracing else Tensor(self.data, name=self.name)

    def copy(self) -> "Tensor":
        """The same values in new memory, as a node."""
        return self.apply_op(shape_ops.Copy(), (self,))

    clone = copy

    def __getstate__(self) -> tuple[Any, ...]:
        """Copied or pickled, a tensor is a new leaf: what made it stays behind, and serials belong to one process."""
        return self.data, self.requires_grad and self.is_leaf, self.name, self.grad

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        *parts, grad = state
        Tensor.__init__(self, *parts)
        self.grad = grad

    def requires_grad_(self, requires_grad: bool = True) -> "Tensor":
        """Asks for gradients from now on; DTypeError unless floating."""
        if requires_grad and self.dtype.kind not in "fc":
            what = f"{self.name or 'a tensor'} of {self.dtype}"
            raise DTypeError(f"{what} cannot require a gradient: make it floating, as in mg.tensor(data, dtype=float)")
        self.requires_grad = requires_grad
        return self

    def changing(self) -> Array:
        """The array, about to be changed in place: counted, so that a backward pass which needs the old value tells."""
        current.get().refuse_change(self)
        changes.record(self.numpy(), self.name or f"a tensor of shape {self.shape}")
        return self.data  # type: ignore[no-any-return]

    def __setitem__(self, key: Any, value: Any) -> None:
        """Changes values in place; not recorded, so only outside the graph or under `no_grad`."""
        if self.requires_grad and current.get().recording:
            what = f"assignment into {self.name or 'a tensor'} that requires a gradient"
            raise UsageError(f"{what}: do it inside mg.no_grad(), or build a new tensor with mg.where")
        array = self.changing()
        array[raw(key)] = raw(value)

    def __iadd__(self, other: Any) -> "Tensor":
        return self._update(np.add, other)

    def __isub__(self, other: Any) -> "Tensor":
        return self._update(np.subtract, other)

    def __imul__(self, other: Any) -> "Tensor":
        return self._update(np.multiply, other)

    def __itruediv__(self, other: Any) -> "Tensor":
        return self._update(np.divide, other)

    def _update(self, ufunc: np.ufunc, other: Any) -> "Tensor":
        """Under no_grad `w -= lr * g` changes the w that requires a gradient; elsewhere it is `w = w - lr * g`."""
        if not self.requires_grad or current.get().recording:
            return self.apply_op(UFUNCS[ufunc], (self, other))
        ufunc(self.changing(), raw(other), out=self.data, casting="same_kind")
        return self

    def backward(self, gradient: Any = None, retain_graph: bool = True) -> None:
        """Adds d self / d leaf into `.grad` of every leaf that requires a gradient.

        `gradient` is the cotangent, of this shape; it may be left out for one element. The graph stays, to be drawn
        and checked, unless `retain_graph=False`.
        """
        if current.get().tracing:
            raise TraceError("backward() while tracing would leave symbols in .grad: return mg.grad(loss, parameters)")
        path = ancestors([self], differentiable_only=True)
        leaves = {id(node): node for node in path if node.op is None and node.requires_grad}
        if not leaves:
            raise GradientError(disconnected(self))
        g = cotangent(self, gradient)
        found = own(pull_back_arrays(path, {id(self): g.data}, set(leaves), release=not retain_graph), g)
        for key, gx in found.items():
            leaf: Any = leaves[key]
            leaf.grad = gx if leaf.grad is None else leaf.grad + gx


_new = Tensor.__new__


def tensor(data: Any, dtype: Any = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """A leaf with a copy of `data`. The dtype is NumPy's unless given; whole numbers become float for a gradient."""
    try:
        array = np.array(raw(data), dtype=dtype)
    except ValueError as error:  # ragged lists
        raise ShapeError(f"no tensor can be made of this {type(data).__name__}: {error}") from None
    if requires_grad and dtype is None and array.dtype.kind in "iub" and not isinstance(data, np.ndarray | Tensor):
        array = array.astype(float)
    return Tensor(array, requires_grad, name)


def from_numpy(array: Array, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """A leaf that shares its memory with the array."""
    return Tensor(array, requires_grad, name)


def lifted(operands: tuple[Any, ...]) -> tuple[Tensor, ...]:
    """Operands as Tensors: numbers take the dtype of the tensors beside them, so that float32 stays float32."""
    dtypes = [x.dtype for x in operands if hasattr(x, "dtype") and not isinstance(x, np.generic)]
    return tuple(x if isinstance(x, Tensor) else Tensor(as_constant(x, dtypes)) for x in operands)


def raw(x: Any) -> Any:
    """Tensors inside an index or a value as arrays."""
    if isinstance(x, tuple):
        return tuple(raw(part) for part in x)
    return x.numpy() if isinstance(x, Tensor) else x


def cotangent(y: Tensor, gradient: Any) -> Tensor:
    """The gradient to start from: what was given, checked, or 1 for a single element."""
    if gradient is None:
        if y.size != 1:
            what = f"backward of a tensor of shape {y.shape}"
            raise GradientError(f"{what} needs a gradient of that shape; reduce a loss first, with .sum() or .mean()")
        return Tensor(np.ones(y.shape, y.dtype))
    g = gradient if isinstance(gradient, Tensor) else Tensor(np.asarray(gradient, dtype=y.dtype))
    if g.shape != y.shape:
        raise ShapeError(f"the gradient has shape {g.shape}, the tensor {y.shape}")
    return g


def own(found: dict[int, Any], *given: Tensor) -> dict[int, Tensor]:
    """Gradients as Tensors, each in memory of its own: rules may hand one array, or a view, to several inputs."""
    taken = {id(g.data) for g in given}
    tensors = {}
    for key, gx in found.items():
        array = np.asarray(gx)
        if array.base is not None or id(array) in taken:
            array = array.copy("K")
        taken.add(id(array))
        tensors[key] = Tensor(array)
    return tensors
