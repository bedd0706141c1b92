"""Where arrays are: in main memory, or on a device whose array module speaks NumPy's protocols.

NumPy's functions hand over to the array's own module, so an Op runs where its operands are. This file does what they do
not: find that module, move arrays, and put a constant on the device of the array it will meet. Nothing is moved unless
asked for. Imports errors alone.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from minigrad.errors import DeviceError, MissingPackageError, UsageError

MODULES = {"cuda": "cupy"}
"""The modules with the arrays of each kind of device."""


def elsewhere(x: Any) -> bool:
    """Whether x is an array of a module other than NumPy, such as CuPy."""
    return not isinstance(x, np.ndarray) and hasattr(x, "__array_function__") and not hasattr(x, "apply_op")


def device_of(x: Any) -> str:
    """Where an array is: `cpu`, `cuda:0`, … Anything that is no array yet (a number, a symbol) counts as `cpu`."""
    if not elsewhere(x):
        return "cpu"
    kind = next(kind for kind, module in MODULES.items() if type(x).__module__.split(".")[0] == module)
    return f"{kind}:{x.device.id}"


def module_of(x: Any) -> Any:
    """The module that computes with this array: `numpy` or `cupy`."""
    return import_module(MODULES[device_of(x).partition(":")[0]]) if elsewhere(x) else np


def moved(x: Any, device: str) -> Any:
    """The array on a device, itself if it is already there; UsageError or DeviceError if there is no such device."""
    kind, _, number = device.partition(":")
    if (kind not in MODULES and device != "cpu") or not (number or "0").isdecimal():
        known = ", ".join(f"{kind}, {kind}:1" for kind in MODULES)
        raise UsageError(f"there is no device {device!r}: there are cpu, {known}")
    if device_of(x) == (device if number or kind == "cpu" else f"{kind}:0"):
        return x
    if kind == "cpu":
        return module_of(x).asnumpy(x)
    try:
        module = import_module(MODULES[kind])
    except ModuleNotFoundError:
        hint = "python -m pip install 'minigrad[gpu]'"
        raise MissingPackageError(f"the device {device} needs the package {MODULES[kind]}: {hint}") from None
    try:
        with module.cuda.Device(int(number or 0)):
            return module.asarray(x)
    except RuntimeError as error:  # no driver, no such device, no memory left
        raise DeviceError(f"{device} cannot be used: {error}") from None


def copied(data: Any, dtype: Any) -> Any:
    """`data` as a new array, on the device where it is."""
    return data.astype(dtype or data.dtype) if elsewhere(data) else np.array(data, dtype=dtype)


def beside(constant: Any, x: Any) -> Any:
    """A NumPy array of constants moved to the device of x, an array or a Tensor."""
    x = x.data if hasattr(x, "apply_op") else x
    return moved(constant, device_of(x)) if elsewhere(x) else constant


def refuse_mixed(op: Any, operands: Sequence[Any]) -> None:
    """DeviceError that names the Op if its operands (Tensors) are on different devices."""
    places = {id(x): device_of(x.data) for x in operands if hasattr(x, "apply_op")}
    if len(set(places.values())) > 1:
        named = (f"{x.name or 'a tensor'} {x.shape} on {places[id(x)]}" for x in operands if id(x) in places)
        raise DeviceError(f"{op!r} has operands on different devices: {', '.join(named)}; move one: x.to(device)")


def refuse_elsewhere(x: Any, name: str | None) -> None:
    """DeviceError for an array that NumPy is asked to read but that is on another device."""
    if elsewhere(x):
        raise DeviceError(
            f"{name or 'a tensor'} is on {device_of(x)}: .to('cpu') brings it where NumPy, compiled functions and "
            "Graph.run can use it"
        )
