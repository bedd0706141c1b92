"""An Op of your own: its rule is written once, and serves values, gradients of any order and pictures.

Run: python examples/own_op.py
"""

import numpy as np

import minigrad as mg
from minigrad.check import gradcheck
from minigrad.op import Array, Gradient, Op, Shape, Value, apply


class Swish(Op):
    """y = x σ(x) (Ramachandran, Zoph & Le 2017)."""

    reads = "xy"

    def forward(self, x: Array) -> Array:
        """Calls NumPy."""
        return x / (1 + np.exp(-x))  # type: ignore[no-any-return]

    def shape(self, x: Shape) -> Shape:
        """Unchanged."""
        return x

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g (y + σ(x) (1 − y)), in operators that arrays and Tensors share."""
        return (g * (y + mg.sigmoid(x) * (1 - y)),)


if __name__ == "__main__":
    x = mg.tensor(np.linspace(-3, 3, 7), requires_grad=True)
    print(apply(Swish(), x))
    print(gradcheck(lambda x: apply(Swish(), x), [x]))
