"""Symbol: a shape and a dtype where an array will be. Imports op.py alone."""

from math import prod
from typing import Any

import numpy as np

from minigrad.op import Op, Shape


class Symbol:
    """What a Tensor holds in place of an array while a program is traced: a shape and a dtype."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: Shape, dtype: np.dtype[Any]) -> None:
        self.shape, self.dtype = shape, dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)


def symbol(op: Op, operands: tuple[Any, ...]) -> Symbol:
    """Shape and dtype of the result of applying op to Tensors."""
    return Symbol(op.shape(*(x.shape for x in operands)), op.dtype(*(x.dtype for x in operands)))
