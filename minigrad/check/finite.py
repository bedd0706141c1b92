"""The first value that is not finite in a graph already computed, forward or backward. Imports the engine."""

from pathlib import Path

import numpy as np

from minigrad.context import observing
from minigrad.debug import Watch
from minigrad.errors import NotFiniteError
from minigrad.explain import described
from minigrad.gradient import grad
from minigrad.graph import Graph
from minigrad.tensor import Tensor


def first_not_finite(loss: Tensor, folder: str | Path | None = None) -> str | None:
    """Which Op made the first NaN or infinity of finite operands, in which module and step; None when all is finite.

    Forward values are those recorded; if they are finite, the backward pass from the loss is walked. A leaf that is
    not finite is named as such. With a `folder`, the Op is kept there for `replay`.
    """
    graph, watch = Graph.of(loss), Watch(True, None if folder is None else Path(folder))
    try:
        for node in graph.nodes:
            if node.op is None and not np.isfinite(node.numpy()).all():
                return f"the input {described(node)} is not finite itself"
            if node.op is not None:
                watch.refuse(node.op, node.scope, node.inputs, {"value": node.data})
        leaves = [x for x in graph.leaves if x.requires_grad]
        with observing(watch), np.errstate(all="ignore"):
            grad(loss, leaves, np.ones(loss.shape, loss.dtype))
    except NotFiniteError as error:
        return str(error)
    return None
