"""Finds the first value that is not finite, forward or backward, by Op, module and time step. Imports the engine."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.check.replay import save_operation
from minigrad.context import Scope, observing
from minigrad.errors import NotFiniteError
from minigrad.explain import described
from minigrad.gradient import grad
from minigrad.graph import Graph
from minigrad.mutation import user_line
from minigrad.op import Array, Op
from minigrad.tensor import Tensor


@contextmanager
def stop_at_not_finite(folder: str | Path | None = None) -> Iterator[None]:
    """Inside the block, an Op or its gradient that makes NaN or infinity from finite numbers raises NotFiniteError.

    The error names the Op and the line; with a `folder`, a file is left there for `replay`. Inside the block every
    gradient is computed twice.
    """
    with observing(Watch(folder)):
        yield


def first_not_finite(loss: Tensor, folder: str | Path | None = None) -> str | None:
    """What made the first NaN or infinity in a graph already computed, in words; None if everything is finite.

    Recorded values are examined first; if they are all finite, the backward pass from the loss is. A leaf that is not
    finite is named as such.
    """
    graph, watch = Graph.of(loss), Watch(folder)
    try:
        for node in graph.nodes:
            if node.op is None and not finite(node.data):
                return f"the input {described(node)} is not finite itself"
            if node.op is not None:
                watch.refuse(node.op, node.scope, node.inputs, {"value": node.data})
        leaves = [x for x in graph.leaves if x.requires_grad]
        with observing(watch), np.errstate(all="ignore"):
            grad(loss, leaves, np.ones(loss.shape, loss.dtype))
    except NotFiniteError as error:
        return str(error)
    return None


class Watch:
    """An observer that examines every value and every gradient."""

    def __init__(self, folder: str | Path | None) -> None:
        self.folder = None if folder is None else Path(folder)

    def made(self, y: Tensor, op: Op, operands: tuple[Tensor, ...]) -> None:
        """Examines a new value."""
        if y.value is not None:
            self.refuse(op, y.scope, operands, {"value": y.data}, at=f"; at {user_line()}")

    def pulling(self, node: Any, g: Any) -> None:
        """Examines the gradients that a node's vjp returns."""
        if node.value is None:
            return
        g = np.asarray(getattr(g, "data", g))
        given = node.op.vjp(g, node.data, *(x.data for x in node.inputs))
        gradients = {f"gradient to operand {i}": gx() if callable(gx) else gx for i, gx in enumerate(given)}
        self.refuse(node.op, node.scope, node.inputs, gradients, g)

    def refuse(
        self, op: Op, scope: Scope, operands: Sequence[Any], made: dict[str, Any], g: Array | None = None, at: str = ""
    ) -> None:
        """NotFiniteError for the first of `made` that is not finite, if everything it was computed from is finite."""
        bad = next((what for what, value in made.items() if value is not None and not finite(value)), None)
        if bad is None or not all(finite(x.data) for x in operands) or not (g is None or finite(g)):
            return
        message = not_finite(op, scope, operands, bad, np.asarray(made[bad])) + at
        if self.folder is not None:
            file = self.folder / f"not_finite_{type(op).__name__}.npz"
            try:
                save_operation(file, op, [x.data for x in operands], g)
                message += f"; minigrad.check.replay({str(file)!r}) runs it again"
            except OSError as error:
                message += f"; it could not be kept to be run again ({error})"
        raise NotFiniteError(message)


def finite(array: Any) -> bool:
    """Whether every element is a finite number."""
    return bool(np.isfinite(array).all())


def not_finite(op: Op, scope: Scope, operands: Sequence[Any], what: str, value: Array) -> str:
    """The message: which Op, where, how many elements, and the operands' values at the first of them."""
    bad = ~np.isfinite(value)
    place = tuple(int(i) for i in np.argwhere(bad)[0])
    same = [f"{x.data[place]:.6g}" for x in operands if x.shape == value.shape and x.dtype.kind == "f"]
    at = f", where the operand is {', '.join(same)}" if same else ""
    named = ", ".join(described(x) for x in operands)
    return (
        f"{op!r}{scope.place} made the first {what} that is not finite: {bad.sum()} of {bad.size} elements, "
        f"the first {value[place]} at {place}{at}; operands: {named}"
    )
