"""bfloat16, the upper half of a float32, which NumPy lacks. The readers of `models.weights` import this."""

from typing import Any

import numpy as np

from minigrad.op import Array

BFLOAT16 = np.dtype([("bfloat16", "<u2")])
"""The dtype that stands for bfloat16 in arrays as they are stored in a file."""


def dtype_name(dtype: np.dtype[Any]) -> str:
    """The dtype's name, such as `float32` or `bfloat16`."""
    return str(dtype.names[0]) if dtype.names else dtype.name


def widened(array: Array) -> Array:
    """The array in this machine's byte order, with bfloat16 converted to float32."""
    if array.dtype.names:
        return (array["bfloat16"].astype(np.uint32) << 16).view(np.float32)
    return array.astype(array.dtype.newbyteorder("="), copy=False)
