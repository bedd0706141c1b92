"""Reads safetensors files from any source, bfloat16 included. `models.weights.files` imports this.

The files written by `minigrad.store` have checksums and are read by it instead.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.op import Array
from minigrad.store import load, read_header
from models.weights.bfloat16 import BFLOAT16

_METADATA = "__metadata__"
_DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"), "F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "BF16": BFLOAT16, "C64": np.dtype("<c8"),
    "I64": np.dtype("<i8"), "I32": np.dtype("<i4"), "I16": np.dtype("<i2"), "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"), "U32": np.dtype("<u4"), "U16": np.dtype("<u2"), "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}  # fmt: skip


def read_safetensors(path: Path) -> dict[str, Array]:
    """The arrays by name. Raises ValueError, TypeError or LookupError for a damaged or inconsistent file."""
    header = read_header(path)
    metadata = header.pop(_METADATA, {})
    if {"state", "checksums"} <= set(metadata):
        return load(path)[0]
    with path.open("rb") as file:
        file.seek(8 + int.from_bytes(file.read(8), "little"))
        content = file.read()
    refuse_other_bytes(header, len(content))
    return {name: array(name, entry, content) for name, entry in header.items()}


def refuse_other_bytes(header: dict[str, Any], size: int) -> None:
    """Raises ValueError unless the arrays together claim every byte of the data exactly once."""
    end = 0
    for begin, until in sorted(tuple(entry["data_offsets"]) for entry in header.values()):
        if begin != end or until < begin:
            raise ValueError(f"an array from byte {begin} to {until}, where the one before it ends at {end}")
        end = until
    if end != size:
        raise ValueError(f"its arrays need {end:,} bytes, and it has {size:,}")


def array(name: str, entry: dict[str, Any], content: bytes) -> Array:
    """The array that an entry of the header describes."""
    kind, shape, (begin, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
    if kind not in _DTYPES:
        raise ValueError(f"{name!r} is {kind}, which NumPy cannot hold")
    dtype, sides = _DTYPES[kind], all(type(side) is int and side >= 0 for side in shape)
    if not sides or math.prod(shape) * dtype.itemsize != end - begin:
        raise ValueError(f"{name!r} has the shape {shape} of {kind}, and {end - begin:,} bytes")
    return np.frombuffer(content, dtype, math.prod(shape), begin).reshape(shape)
