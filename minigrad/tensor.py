"""class Tensor: a node of the graph and, when known, its value. Imports the Ops' methods and the reverse walk.

Applying an Op to Tensors happens here, in `Tensor.apply_op`: compute, or inside a trace only the shape, and record.
"""

from functools import partialmethod
from operator import attrgetter
from typing import Any

import numpy as np

from minigrad import display
from minigrad.autodiff import ancestors, disconnected, pull_back_arrays
from minigrad.context import Scope, current
from minigrad.device import beside, copied, device_of, moved, refuse_elsewhere, refuse_mixed
from minigrad.errors import DeviceError, DTypeError, GradientError, ShapeError, TraceError, UsageError
from minigrad.explain import explained
from minigrad.mutation import changes, serials
from minigrad.numpy_protocol import UFUNCS, NumpyProtocol
from minigrad.op import Array, Op, Shape, as_constant, as_value, native
from minigrad.ops import logic
from minigrad.ops import shape as shape_ops
from minigrad.symbol import Symbol, symbol


class Tensor(NumpyProtocol):
    """A node of the graph: the Op that made it (None for a leaf), its inputs, and its value (a Symbol inside a trace).

    `==` compares elements, the hash is the identity. Readers of graphs use `op`, `inputs`, `data` (the array or
    Symbol), `scope`, and `serial`, which grows with each node made.
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
        """A leaf that shares its memory with the given array (`minigrad.tensor` copies instead)."""
        self.op, self.inputs, self.name, self.grad = None, (), name, None
        self.data = data if isinstance(data, Symbol) else native(data)
        self.scope = current.get().scope
        self.serial = next(serials)
        self.requires_grad_(requires_grad)

    def apply_op(self, op: Op, operands: tuple[Any, ...]) -> "Tensor":
        """The node y = op(*operands); numbers and arrays among the operands become constants."""
        context = current.get()
        arrays = []
        requires_grad = False
        for x in operands:
            if not isinstance(x, Tensor):
                return self.apply_op(op, lifted(operands))
            arrays.append(data := x.data)
            if type(data) is not _ndarray and not context.tracing:
                refuse_mixed(op, operands)
            if x.requires_grad:
                requires_grad = True
        try:
            data = symbol(op, operands) if context.tracing else op.forward(*arrays)
        except (ValueError, IndexError, TypeError) as error:
            raise explained(error, op, operands, context.scope) from error
        y = _new(Tensor)  # without __init__: this is half of what an operation costs beyond NumPy
        y.data = data if type(data) is _ndarray or context.tracing else as_value(data)
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

    shape: Shape = property(attrgetter("data.shape"), doc="Sizes of the axes.")  # type: ignore[assignment]
    dtype: np.dtype[Any] = property(attrgetter("data.dtype"), doc="Element type.")  # type: ignore[assignment]
    ndim: int = property(attrgetter("data.ndim"), doc="Number of axes.")  # type: ignore[assignment]
    size: int = property(attrgetter("data.size"), doc="Number of elements.")  # type: ignore[assignment]

    @property
    def value(self) -> Array | None:
        """The array, or None for a node of a traced program."""
        return None if isinstance(self.data, Symbol) else self.data

    @property
    def device(self) -> str:
        """Where the array is: `cpu`, `cuda:0`, …"""
        return device_of(self.data)

    @property
    def is_leaf(self) -> bool:
        """Whether the tensor was given, not computed by a recorded Op."""
        return self.op is None

    def numpy(self) -> Array:
        """The array itself, not a copy. TraceError inside a trace, DeviceError for an array on another device."""
        refuse_elsewhere(self.data, self.name)
        return self._concrete()

    def _concrete(self, instead: str = "stay with Tensors (mg.tensor(a)[x], not a[x]), or look at it outside") -> Array:
        if isinstance(self.data, Symbol):
            raise TraceError(f"{self!r} has no value while the program is traced: {instead}")
        return self.data  # type: ignore[no-any-return]

    def item(self) -> Any:
        """The only element as a Python number."""
        return self._concrete("compute with the Tensor itself, without item() or float(), or return it").item()

    def tolist(self) -> Any:
        """Nested lists of Python numbers."""
        return self._concrete().tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """`np.asarray(t)`: refused when t requires a gradient, since the array would silently lose its history."""
        if self.requires_grad and not isinstance(self.data, Symbol):
            raise DTypeError(f"np.asarray({self.name or 'a tensor'}) would leave the graph: write t.detach().numpy()")
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self._concrete("count by a size, such as x.shape[0], or compute with the Tensor itself").item())

    def __index__(self) -> int:
        return self._concrete("count by a size, such as x.shape[0], or pass the number as an argument").__index__()

    def __bool__(self) -> bool:
        return bool(self._concrete("write mg.where(condition, a, b) in place of if, and, or, max; loop over a size"))

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
        data = moved(self.data, "cpu")
        text = np.array2string(data, precision=4, threshold=16, separator=", ", prefix=f"Tensor{label}(")
        return f"Tensor{label}({text}, {about}{', requires_grad=True' if self.requires_grad else ''})"

    def _repr_svg_(self) -> str | None:
        return display.svg(self)

    def detach(self) -> "Tensor":
        """A leaf that shares the memory and has no history; inside a trace, a node through which no gradient passes."""
        return self.apply_op(logic.Detach(), (self,)) if current.get().tracing else Tensor(self.data, name=self.name)

    def to(self, device: str) -> "Tensor":
        """The tensor on a device (`cpu`, `cuda`, `cuda:1`): itself if it is already there, else a new leaf."""
        data = moved(self.data, device)
        if data is not self.data and self.requires_grad and not self.is_leaf:
            raise DeviceError(f"{self.name or self.op!r} would lose its history on {device}: move its operands")
        return self if data is self.data else Tensor(data, self.requires_grad, self.name)

    def copy(self) -> "Tensor":
        """The same values in new memory; gradients pass through."""
        return self.apply_op(shape_ops.Copy(), (self,))

    clone = copy

    def __getstate__(self) -> tuple[Any, ...]:
        """Copied or pickled, a tensor becomes a leaf with a new serial number: the graph behind it is not copied."""
        return self.data, self.requires_grad and self.is_leaf, self.name, self.grad

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        Tensor.__init__(self, *state[:-1])
        self.grad = state[-1]

    def requires_grad_(self, requires_grad: bool = True) -> "Tensor":
        """Sets whether gradients are computed for this tensor; DTypeError unless it is floating-point."""
        if requires_grad and self.dtype.kind not in "fc":
            what = f"{self.name or 'a tensor'} of {self.dtype}"
            raise DTypeError(f"{what} cannot require a gradient: make it floating, as in mg.tensor(data, dtype=float)")
        self.requires_grad = requires_grad
        return self

    def changing(self) -> Array:
        """The array, to be changed in place. This is recorded: a backward pass that needs the old value then raises."""
        current.get().refuse_change(self)
        changes.record(self._concrete("build a new one with mg.where"), self.name or f"a tensor of shape {self.shape}")
        return self.data  # type: ignore[no-any-return]

    def __setitem__(self, key: Any, value: Any) -> None:
        """Changes values in place; refused for a tensor that requires a gradient, save under `no_grad`."""
        if self.requires_grad and current.get().recording and not isinstance(self.data, Symbol):
            what = f"assignment into {self.name or 'a tensor'} that requires a gradient"
            raise UsageError(f"{what}: do it inside mg.no_grad(), or build a new tensor with mg.where")
        self.changing().__setitem__(raw(key), raw(value))

    def _update(self, ufunc: np.ufunc, other: Any) -> "Tensor":
        """`w -= lr * g`: under `no_grad` it changes a w that requires a gradient in place, else it makes a new w.

        UsageError for a leaf with a gradient outside `no_grad`: that is a step of training which would change nothing.
        """
        if self.requires_grad and self.is_leaf and self.grad is not None and current.get().recording:
            name = self.name or "a tensor"
            raise UsageError(f"this would make a new tensor and leave {name} as it is: do it inside mg.no_grad()")
        if not self.requires_grad or current.get().recording:
            return self.apply_op(UFUNCS[ufunc], (self, other))
        ufunc(self.changing(), raw(other), out=self.data, casting="same_kind")
        return self

    __iadd__ = partialmethod(_update, np.add)
    __isub__ = partialmethod(_update, np.subtract)
    __imul__ = partialmethod(_update, np.multiply)
    __itruediv__ = partialmethod(_update, np.divide)

    def backward(self, gradient: Any = None, retain_graph: bool = True) -> None:
        """Adds the gradient of this tensor to `.grad` of every leaf that requires one and that it depends on.

        `gradient` has this tensor's shape, and is 1 by default for a single element. The graph is kept for drawing or
        another backward pass, unless `retain_graph=False`.
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


_new, _ndarray = Tensor.__new__, np.ndarray


def tensor(
    data: Any, dtype: Any = None, requires_grad: bool = False, name: str | None = None, device: str | None = None
) -> Tensor:
    """A new leaf with a copy of `data`, by default in NumPy's dtype for it; float if it is to require a gradient."""
    try:
        array = copied(raw(data), dtype)
    except ValueError as error:  # ragged lists
        raise ShapeError(f"no tensor can be made of this {type(data).__name__}: {error}") from None
    if requires_grad and dtype is None and array.dtype.kind in "iub" and not isinstance(data, np.ndarray | Tensor):
        array = array.astype(float)
    return Tensor(moved(array, device_of(array) if device is None else device), requires_grad, name)


def from_numpy(array: Array, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """A leaf that shares its memory with the array."""
    return Tensor(array, requires_grad, name)


def lifted(operands: tuple[Any, ...]) -> tuple[Tensor, ...]:
    """Operands as Tensors. A number takes the dtype of the tensors beside it, so that float32 stays float32."""
    dtypes = [x.dtype for x in operands if hasattr(x, "dtype") and not isinstance(x, np.generic)]
    like = next((x for x in operands if isinstance(x, Tensor)), None)
    return tuple(x if isinstance(x, Tensor) else Tensor(as_constant(x, dtypes, like)) for x in operands)


def raw(x: Any) -> Any:
    """x with its array in place of each Tensor: x itself, or the parts of a tuple such as an index."""
    if isinstance(x, tuple):
        return tuple(raw(part) for part in x)
    return x._concrete() if isinstance(x, Tensor) else x


def cotangent(y: Tensor, gradient: Any) -> Tensor:
    """The gradient by y from which a backward pass starts: `gradient` if it fits, or 1 for a y of one element."""
    if gradient is None:
        if y.size != 1:
            what = f"backward of a tensor of shape {y.shape}"
            raise GradientError(f"{what} needs a gradient of that shape; reduce a loss first, with .sum() or .mean()")
        return Tensor(beside(np.ones(y.shape, y.dtype), y))
    g = gradient if isinstance(gradient, Tensor) else tensor(gradient, y.dtype)
    if g.shape != y.shape:
        raise ShapeError(f"the gradient has shape {g.shape}, the tensor {y.shape}")
    return g


def own(found: dict[int, Any], *given: Tensor) -> dict[int, Tensor]:
    """Gradients as Tensors that share no memory, as arrays from a vjp may, with each other or with `given`."""
    taken = {id(g.data) for g in given}
    tensors = {}
    for key, gx in found.items():
        array: Any = as_value(gx)
        if array.base is not None or id(array) in taken:
            array = array.copy("K")
        taken.add(id(array))
        tensors[key] = Tensor(array)
    return tensors
