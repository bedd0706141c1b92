"""A small computation-graph framework on NumPy: see, prove and run fast what you compute.

`import minigrad as mg`. A program is a graph of operations, and everything else is a function of that graph.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from minigrad import init, optim
from minigrad.context import no_grad, scope
from minigrad.errors import MinigradError
from minigrad.functional import (
    abs,
    bce_with_logits,
    broadcast_to,
    clip,
    concat,
    cos,
    einsum,
    embedding,
    exp,
    expand_dims,
    flip,
    gather,
    leaky_relu,
    log,
    log1p,
    log_softmax,
    logsumexp,
    matmul,
    maximum,
    mean,
    minimum,
    mse,
    norm,
    one_hot,
    pad,
    relu,
    roll,
    sigmoid,
    sign,
    sin,
    softmax,
    softmax_cross_entropy,
    softplus,
    split,
    sqrt,
    square,
    stack,
    sum,
    take_along_axis,
    tanh,
    where,
)
from minigrad.gradient import grad, hvp, jvp, value_and_grad
from minigrad.graph import Graph, differentiate, trace
from minigrad.memory import keep_freed_pages
from minigrad.module import Module, Parameter
from minigrad.tensor import Tensor, from_numpy, tensor

if TYPE_CHECKING:
    from minigrad.compiler.function import Compiled

keep_freed_pages()


def compile(f: Callable[..., Any], workers: int | None = None) -> "Compiled":
    """A function of Tensors, gradients inside included, as a program that is traced once and then only run.

    Called with arrays, Tensors, Modules or plain values; works as a decorator. The batch is split over `workers`
    threads, by default over all cores where that pays. More: `minigrad.compiler.function`.
    """
    from minigrad.compiler.function import Compiled  # loaded when first used: it would slow down every import

    return Compiled(f, workers=workers)


def debug() -> AbstractContextManager[None]:
    """Inside the block, a backward pass that needs an array which was changed through NumPy is a GradientError.

    Changes through Tensors and optimisers are always found; those through NumPy cost a checksum of every array kept.
    """
    from minigrad.check.debug import fingerprints  # as above

    return fingerprints()


__all__ = [
    "Graph",
    "MinigradError",
    "Module",
    "Parameter",
    "Tensor",
    "abs",
    "bce_with_logits",
    "broadcast_to",
    "clip",
    "compile",
    "concat",
    "cos",
    "debug",
    "differentiate",
    "einsum",
    "embedding",
    "exp",
    "expand_dims",
    "flip",
    "from_numpy",
    "gather",
    "grad",
    "hvp",
    "init",
    "jvp",
    "leaky_relu",
    "log",
    "log1p",
    "log_softmax",
    "logsumexp",
    "matmul",
    "maximum",
    "mean",
    "minimum",
    "mse",
    "no_grad",
    "norm",
    "one_hot",
    "optim",
    "pad",
    "relu",
    "roll",
    "scope",
    "sigmoid",
    "sign",
    "sin",
    "softmax",
    "softmax_cross_entropy",
    "softplus",
    "split",
    "sqrt",
    "square",
    "stack",
    "sum",
    "take_along_axis",
    "tanh",
    "tensor",
    "trace",
    "value_and_grad",
    "where",
]
