"""What each Op means in the language of textbooks. Ops that only adapt shapes are not shown."""

from collections.abc import Callable
from typing import Any

from minigrad.check.derivation import expression as e
from minigrad.check.derivation.expression import Expression
from minigrad.compiler.rewrite import Scalar
from minigrad.op import Op
from minigrad.ops import activation, elementwise, index, linalg, logic, loss, reduce, shape
from minigrad.tensor import Tensor

AXES = "ntkjlmpqrsuv"
"""Letters for the axes: examples (n), time (t), and so on."""

Reading = Callable[..., Expression]


def read(node: Tensor, xs: list[Expression]) -> Expression:
    """The expression for the node, from those of its inputs."""
    reading = READINGS.get(type(node.op))
    return reading(node, *xs) if reading else e.call(label(node.op), *xs)


def label(op: Op | None) -> str:
    """The name of an Op that has no sign of its own, with its attributes: `max[axes=(1,), keepdims=False]`."""
    name, _, attributes = repr(op).removesuffix(")").partition("(")
    return f"{name.lower()}[{attributes}]" if attributes else name.lower()


def same(node: Tensor, x: Expression) -> Expression:
    """An Op that only repeats, copies or converts is not shown."""
    return x


def reshaped(node: Tensor, x: Expression) -> Expression:
    """Not shown where axes of size 1 come or go, or leading axes are merged; a column made a row is transposed."""
    before, after = node.inputs[0].shape, node.shape
    if before != after and before == after[::-1] and len(before) == 2 and 1 in before:
        return e.transpose(x)
    longer = [[size for size in shape if size != 1] for shape in (before, after)]
    return x if longer[0] == longer[1] or before[-1:] == after[-1:] else e.call(label(node.op), x)


def transposed(node: Any, x: Expression) -> Expression:
    """xᵀ for a matrix; other permutations by name."""
    return e.transpose(x) if node.ndim == 2 else e.call(label(node.op), x)


def summed(node: Any, x: Expression) -> Expression:
    """Σ over the axes that disappear."""
    source = node.inputs[0].shape
    axes = node.op.axes_summed(source) if isinstance(node.op, shape.SumTo) else node.op.axes
    letters = "".join(AXES[a] for a in axes if source[a] != 1)
    return e.over_axes(letters, x) if letters else x


def averaged(node: Any, x: Expression) -> Expression:
    """Σ / n."""
    count = node.inputs[0].size // node.size
    return e.fraction(summed(node, x), e.number(count))


def sliced(node: Any, x: Expression) -> Expression:
    """x[first:last], with a colon for a whole axis."""
    places = []
    for part, size in zip(node.op.parts, node.inputs[0].shape, strict=True):
        whole = part == (0, size, 1)
        places.append(":" if whole else str(part) if isinstance(part, int) else f"{part[0]}:{part[1]}")
    return Expression("element", (x, ", ".join(places)))


def blocks(node: Any, *xs: Expression) -> Expression:
    """[x y …], side by side."""
    return Expression("block", xs)


def picked(node: Any, x: Expression, ids: Expression) -> Expression:
    """x[ids]."""
    return Expression("element", (x, ids))


def indicator(node: Any, ids: Expression, *rest: Expression) -> Expression:
    """1[ids]: rows with a one at each id."""
    return e.call("1", ids)


def scattered(node: Any, x: Expression, ids: Expression) -> Expression:
    """1[ids]ᵀ x."""
    return e.matrix_product(e.transpose(e.call("1", ids)), x)


def likelihood_gradient(node: Any, x: Expression, target: Expression, g: Expression) -> Expression:
    """g (softmax(x) − 1[target])."""
    return e.product(g, e.difference(e.call("softmax", x), e.call("1", target)))


def relation(sign: str) -> Reading:
    """1[a = b] and the like: 1 where the relation holds."""
    return lambda node, a, b: e.call("1", e.call(sign, a, b))


READINGS: dict[Any, Reading] = {
    Scalar: lambda node: e.number(float(node.op.number.real)),
    elementwise.Add: lambda node, a, b: e.total(a, b),
    elementwise.Subtract: lambda node, a, b: e.difference(a, b),
    elementwise.Multiply: lambda node, a, b: e.product(a, b),
    elementwise.Divide: lambda node, a, b: e.fraction(a, b),
    elementwise.Negative: lambda node, x: e.negative(x),
    elementwise.Square: lambda node, x: e.power(x, "2"),
    elementwise.PowerOf: lambda node, x: e.power(x, f"{node.op.exponent:g}"),
    activation.Sigmoid: lambda node, x: e.call("σ", x),
    activation.Softplus: lambda node, x: e.call("log", e.total(e.number(1), e.call("exp", x))),
    loss.BinaryCrossEntropy: lambda node, x, t: e.difference(
        e.call("log", e.total(e.number(1), e.call("exp", x))), e.product(x, t)
    ),
    loss.CrossEntropy: lambda node, x, target: e.negative(
        e.call("log", Expression("element", (e.call("softmax", x), target)))
    ),
    loss.CrossEntropyGrad: likelihood_gradient,
    linalg.MatMul: lambda node, a, b: e.matrix_product(a, b),
    reduce.Sum: summed,
    reduce.Mean: averaged,
    shape.SumTo: summed,
    shape.Transpose: transposed,
    shape.Concat: blocks,
    shape.Stack: blocks,
    shape.Reshape: reshaped,
    **dict.fromkeys((shape.BroadcastTo, shape.Copy, logic.Cast, logic.Detach), same),
    index.Slice: sliced,
    index.Gather: picked,
    index.OneHot: indicator,
    index.ScatterAdd: scattered,
    logic.Equal: relation("="),
    logic.NotEqual: relation("≠"),
    logic.Greater: relation(">"),
    logic.GreaterEqual: relation("≥"),
    logic.Less: relation("<"),
    logic.LessEqual: relation("≤"),
}
