"""A device that is none: arrays in the processor's memory behind the two protocols of NumPy's, as strict as CuPy's.

They are no NumPy arrays, become none unless `asnumpy` is called, and are mixed with none. What CuPy has not is not
here either.
"""

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

FUNCTIONS = {
    "arange", "argmax", "argsort", "argwhere", "broadcast_to", "clip", "concatenate", "copyto", "cumsum", "einsum",
    "empty_like", "flip", "iscomplexobj", "nonzero", "pad", "result_type", "shape", "stack", "take", "vdot", "where",
    "zeros_like",
}  # fmt: skip
"""Those of NumPy's that CuPy's documentation lists and that are used."""
MISSING = {"take": {"mode"}, "matmul": {"axes"}}
"""Their arguments that CuPy has not."""


class ndarray(NDArrayOperatorsMixin):
    """An array on device number `id`."""

    def __init__(self, array: Any, number: int = 0) -> None:
        self.array, self.device = np.asarray(array), SimpleNamespace(id=number)

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("implicit conversion to a NumPy array is not allowed: call asnumpy")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__":
            return NotImplemented
        return outside(ufunc(*inside(inputs), **inside(kwargs)), self.device.id)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function.__name__ not in FUNCTIONS or MISSING.get(function.__name__, set()) & set(kwargs):
            return NotImplemented
        if kwargs.get("shape") == ():  # CuPy takes it for none
            kwargs = {name: value for name, value in kwargs.items() if name != "shape"}
        return outside(function(*inside(args), **inside(kwargs)), self.device.id)

    def __getitem__(self, key: Any) -> Any:
        return outside(self.array[inside(key)], self.device.id)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.array[inside(key)] = inside(value)

    def __getattr__(self, name: str) -> Any:
        """Attributes of shape and memory, and methods that compute."""
        if name in {"shape", "ndim", "size", "dtype", "strides", "flags", "nbytes", "itemsize"}:
            return getattr(self.array, name)
        if name in {"T", "mT", "real", "imag"}:
            return outside(getattr(self.array, name), self.device.id)
        if name in METHODS:
            return lambda *a, **k: outside(getattr(self.array, name)(*inside(a), **inside(k)), self.device.id)
        raise AttributeError(name)

    @property
    def base(self) -> Any:
        """Whose memory it is."""
        return None if self.array.base is None else ndarray(self.array.base)

    def __len__(self) -> int:
        return len(self.array)

    def __int__(self) -> int:
        return int(self.array)

    def __float__(self) -> float:
        return float(self.array)

    def __bool__(self) -> bool:
        return bool(self.array)

    def item(self) -> Any:
        """Asked for by name, an element may leave."""
        return self.array.item()

    def tolist(self) -> Any:
        """And all of them."""
        return self.array.tolist()


METHODS = {
    "argmax", "astype", "copy", "fill", "max", "mean", "min", "prod", "ravel", "reshape", "squeeze", "sum", "swapaxes",
    "transpose", "view",
}  # fmt: skip


def inside(x: Any) -> Any:
    """The arrays behind; TypeError for one of NumPy's, and for two devices at once."""
    numbers: set[int] = set()
    found = opened(x, numbers)
    if len(numbers) > 1:
        raise ValueError("arrays of two devices")
    return found


def opened(x: Any, numbers: set[int]) -> Any:
    if isinstance(x, np.ndarray):
        raise TypeError("unsupported type numpy.ndarray")
    if isinstance(x, ndarray):
        numbers.add(x.device.id)
        return x.array
    if isinstance(x, dict):
        return {key: opened(value, numbers) for key, value in x.items()}
    return type(x)(opened(part, numbers) for part in x) if isinstance(x, tuple | list) else x


def outside(x: Any, number: int) -> Any:
    """Results as arrays of the device: scalars too."""
    if isinstance(x, np.ndarray | np.generic):
        return ndarray(x, number)
    return type(x)(outside(part, number) for part in x) if isinstance(x, tuple | list) else x


# what the module has beside the protocols

_current = 0


class Device(contextlib.AbstractContextManager[None]):
    """New arrays are on this one."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __enter__(self) -> None:
        global _current
        self.before, _current = _current, self.number

    def __exit__(self, *_: object) -> None:
        global _current
        _current = self.before


def asarray(x: Any) -> ndarray:
    """Copies to the device."""
    return ndarray((x.array if isinstance(x, ndarray) else np.asarray(x)).copy("K"), _current)


def asnumpy(x: ndarray) -> Any:
    """Copies to the processor's memory."""
    return x.array.copy("K")


def arange(count: int) -> ndarray:
    """As numpy.arange."""
    return ndarray(np.arange(count), _current)


def _add_at(y: ndarray, key: Any, x: ndarray) -> None:
    np.add.at(y.array, inside(key), inside(x))


def _as_strided(x: ndarray, shape: Any, strides: Any) -> ndarray:
    return ndarray(np.lib.stride_tricks.as_strided(x.array, shape, strides), x.device.id)


add = SimpleNamespace(at=_add_at)
lib = SimpleNamespace(stride_tricks=SimpleNamespace(as_strided=_as_strided))
cuda = SimpleNamespace(Device=Device)


def devices() -> Iterator[int]:
    """Two of them."""
    yield from (0, 1)
