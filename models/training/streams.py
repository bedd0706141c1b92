"""Random numbers for the rows of a batch: a separate stream for each purpose, step and row. Used by `loop`.

A rank draws numbers for its own rows only, and they are the same however the rows are divided. Philox makes this cheap:
its numbers are a function of a key and a counter (Salmon et al. 2011), so a stream is just a starting count.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.op import Array

Draw = Callable[[np.random.Generator, Array], Any]
"""Fills an array with numbers from a generator."""


class RowStreams:
    """The streams of one purpose, such as noise.

    Streams of different purposes, or of different seeds, are independent.
    """

    def __init__(self, seed: int, purpose: int) -> None:
        self._bits = np.random.Philox(np.random.SeedSequence([seed, purpose]))
        self._generator = np.random.Generator(self._bits)

    def drawn(self, draw: Draw, step: int, first: int, shape: tuple[int, ...]) -> Array:
        """float32 numbers of this shape, whose first axis is the rows of a step's batch from row `first` on."""
        values: Array = np.empty(shape, np.float32)
        state = self._bits.state
        state["buffer_pos"], state["has_uint32"] = len(state["buffer"]), 0
        for i, row in enumerate(values):
            state["state"]["counter"][:] = 0, 0, first + i, step  # a row has 2¹²⁸ numbers
            self._bits.state = state
            draw(self._generator, row)
        return values


def normal(generator: np.random.Generator, out: Array) -> None:
    """Fills `out` with standard normal numbers."""
    generator.standard_normal(out=out, dtype=np.float32)
