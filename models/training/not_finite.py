"""Which operation made the first value that is not finite. Used by `shards`."""

from dataclasses import dataclass

import numpy as np

from minigrad.graph import Graph
from minigrad.op import Array
from minigrad.tensor import Tensor


class NotFiniteLossError(Exception):
    """A shard's loss is not finite; carries what `blame` found. The loop turns it into an error for the user."""

    def __init__(self, loss: float, culprit: str, rows: Array) -> None:
        super().__init__(loss, culprit, rows)
        self.loss, self.culprit, self.rows = loss, culprit, rows


@dataclass(frozen=True)
class Blame:
    """The node in words, and which captions of the shard it is about (N,)."""

    culprit: str
    captions: Array


def blame(loss: Tensor, captions: int) -> Blame:
    """Finds the first node, in the order of making, that holds a value that is not finite."""
    node = next(node for node in Graph.of(loss).nodes if not np.isfinite(node.numpy()).all())
    bad = np.asarray(~np.isfinite(node.numpy()))
    share = f"{np.count_nonzero(bad)} of {bad.size} values of"
    along = bad.reshape(len(bad), -1).any(axis=1) if bad.ndim and len(bad) == captions else np.ones(captions, bool)
    return Blame(f"{share} {described(node)}", along)


def described(node: Tensor) -> str:
    """`Exp() in captioner.cell t=3`, `the parameter captioner.cell.Wx`, `an input of shape (64, 512)`."""
    if node.op is None:
        return f"the parameter {node.name}" if node.requires_grad else f"an input of shape {node.shape}"
    return f"{node.op!r} in {node.scope}" if str(node.scope) else repr(node.op)
