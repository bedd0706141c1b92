"""What a rule of the table is given: it adds named ONNX nodes for one of our Ops. Imports onnx."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from minigrad.op import Array, Shape
from minigrad.tensor import Tensor

Rule: TypeAlias = Callable[..., str]
"""`rule(emit, op, *operands)`: adds nodes for an Op, given the names of its operands; returns that of the result."""

SHOWN = 4  # elements of a constant that are its name


class Names:
    """Makes names unique: the second `h` becomes `h_2`."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}

    def __call__(self, wanted: str) -> str:
        """The wanted name, numbered if it is taken."""
        name = wanted
        while name in self._taken:
            self._next[wanted] = self._next.get(wanted, 1) + 1
            name = f"{wanted}_{self._next[wanted]}"
        self._taken.add(name)
        return name


class Emit:
    """`emit("Tanh", x)` adds a node and returns the name of its value; `y` is the Tensor whose Op is being written."""

    def __init__(self) -> None:
        self.values, self.labels = Names(), Names()
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []
        self._constants: dict[Any, str] = {}
        self.y: Any = None
        self._label, self._start = "", 0

    def writing(self, y: Tensor, wanted: str) -> None:
        """Starts writing y: from now on nodes belong to it, and their names begin with `wanted`."""
        self.y, self._label, self._start = y, self.labels(wanted), len(self.nodes)

    def finished(self, result: str, wanted: str = "") -> str:
        """Ends writing y: the node that computes the result, and its value, get y's own name, or the one wanted."""
        if not any(result in node.output for node in self.nodes[self._start :]):
            result = self("Identity", result)
        node = next(node for node in self.nodes[self._start :] if result in node.output)
        name = wanted or self.values(self._label)
        node.name, node.doc_string = self._label, repr(self.y.op)
        node.output[list(node.output).index(result)] = name
        return name

    @property
    def shapes(self) -> list[Shape]:
        """The shapes of the operands."""
        return [x.shape for x in self.y.inputs]

    @property
    def dtypes(self) -> list[np.dtype[Any]]:
        """The dtypes of the operands."""
        return [x.dtype for x in self.y.inputs]

    def __call__(self, kind: str, *inputs: str, index: int = 0, **attributes: Any) -> str:
        """Adds an ONNX node and returns the name of its output number `index`; earlier outputs are not used."""
        label = self.labels(f"{self._label}/{kind}")
        outputs = [self.values(label) for _ in range(index + 1)]
        self.nodes.append(helper.make_node(kind, inputs, outputs, label, f"part of {self.y.op!r}", **attributes))
        return outputs[-1]

    def constant(self, value: Any, dtype: Any = None) -> str:
        """The name of an initializer with this value, int64 by default; equal constants share one."""
        array = np.asarray(value, dtype or np.int64)
        key = (array.dtype, array.shape, array.tobytes())
        if key not in self._constants:
            text = str(array.tolist()).replace(" ", "") if array.size <= SHOWN else f"constant{list(array.shape)}"
            self._constants[key] = self.initializer(array, text)
        return self._constants[key]

    def initializer(self, array: Array, wanted: str) -> str:
        """Adds a tensor to the model and returns its name."""
        name = self.values(wanted)
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name))
        return name

    # what many rules need

    def cast(self, x: str, of: Any, to: Any) -> str:
        """x in another dtype; x itself if it has that already."""
        return x if np.dtype(of) == np.dtype(to) else self("Cast", x, to=onnx_dtype(to))

    def operands(self, xs: tuple[str, ...], to: Any) -> list[str]:
        """The Op's operands, all in one dtype."""
        return [self.cast(x, of, to) for x, of in zip(xs, self.dtypes, strict=True)]

    def reshaped(self, x: str, shape: Shape) -> str:
        """x in another shape."""
        return self("Reshape", x, self.constant(shape), allowzero=1)

    def zeros(self, shape: Shape, dtype: Any) -> str:
        """An array of zeros that takes no room in the file."""
        return self("Expand", self.constant(0, dtype), self.constant(shape))


def onnx_dtype(dtype: Any) -> int:
    """ONNX's number for a NumPy dtype."""
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def numbered(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype itself; for booleans, with which ONNX cannot compute, int32."""
    return np.dtype(np.int32) if dtype.kind == "b" else dtype
