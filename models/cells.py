"""Recurrent cells: each computes one time step, from primitive operations. Imports the engine."""

from typing import Any, TypeAlias

import numpy as np

from minigrad import functional as F
from minigrad.device import beside
from minigrad.init import fan_in_normal
from minigrad.module import Module, Parameter
from minigrad.tensor import Tensor

State: TypeAlias = tuple[Tensor, ...]
"""What a cell hands to the next step; the hidden state h (N, H) comes first."""


class Cell(Module):
    """Base class with the weights of `gates` blocks of H columns: Wx (D, gates·H), Wh (H, gates·H), b (gates·H,)."""

    gates = 1

    def __init__(self, input_dim: int, hidden_dim: int, rng: np.random.Generator, dtype: Any = np.float32) -> None:
        columns = self.gates * hidden_dim
        self.Wx = Parameter(fan_in_normal(rng, (input_dim, columns), dtype))
        self.Wh = Parameter(fan_in_normal(rng, (hidden_dim, columns), dtype))
        self.b = Parameter(np.zeros(columns, dtype))

    def start(self, h0: Tensor) -> State:
        """The state before the first step, given h0."""
        return (h0,)


class RNNCell(Cell):
    """h' = tanh(x Wx + h Wh + b) (Elman 1990)."""

    def forward(self, x: Tensor, state: State) -> State:
        """The new state, from x (N, D) and the previous one."""
        (h,) = state
        h = F.tanh(x @ self.Wx + h @ self.Wh + self.b)
        h.name = "h"
        return (h,)


class LSTMCell(Cell):
    """i, f, o = σ(…), g = tanh(…) of the parts of x Wx + h Wh + b; c' = f ∘ c + i ∘ g, h' = o ∘ tanh c'.

    Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000. The state is (h, c); c begins as 0. A
    positive `forget_bias` makes the cell remember from the first step of training on (Jozefowicz et al. 2015).
    """

    gates = 4

    def __init__(
        self,
        input_dim: int,
        hidden_dim: int,
        rng: np.random.Generator,
        dtype: Any = np.float32,
        forget_bias: float = 0.0,
    ) -> None:
        super().__init__(input_dim, hidden_dim, rng, dtype)
        self.b.changing()[hidden_dim : 2 * hidden_dim] = forget_bias

    def start(self, h0: Tensor) -> State:
        """The state before the first step, with c = 0."""
        return h0, Tensor(beside(np.zeros(h0.shape, h0.dtype), h0))

    def forward(self, x: Tensor, state: State) -> State:
        """The new state, from x (N, D) and the previous one."""
        h, c = state
        a = x @ self.Wx + h @ self.Wh + self.b  # (N, 4H)
        i, f, o, g = F.split(a, 4, axis=1)
        c = F.sigmoid(f) * c + F.sigmoid(i) * F.tanh(g)
        h = F.sigmoid(o) * F.tanh(c)
        h.name, c.name = "h", "c"
        return h, c


CELLS: dict[str, type[Cell]] = {"rnn": RNNCell, "lstm": LSTMCell}
