"""An Op of your own: its rule is written once, serves values, gradients of any order and pictures, and is proved.

Run: python examples/own_op.py
"""

import numpy as np

import minigrad as mg
from minigrad.check import gradcheck, prove
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


def definition(x: Value) -> Value:
    """What Swish is, in Ops that the prover knows: to it an Op of your own is any function."""
    return x * mg.sigmoid(x)


if __name__ == "__main__":
    x = mg.tensor(np.linspace(-3, 3, 7), requires_grad=True, name="x")
    print(apply(Swish(), x))
    print(gradcheck(lambda x: apply(Swish(), x), [x]))
    print(gradcheck(lambda x: apply(Swish(), x), [x], order=2))

    g = np.ones(7)
    automatic = mg.trace(lambda x, g: mg.grad(definition(x), [x], g), x, g)
    by_rule = mg.trace(lambda x, g: Swish().vjp(g, definition(x), x), x, g)
    print(prove(automatic, by_rule, names=["gx"]))
