"""A small computation-graph framework on NumPy: see, prove and run fast what you compute.

`import minigrad as mg`. A program is a graph of operations, and everything else is a function of that graph.
"""

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
from minigrad.module import Module, Parameter
from minigrad.tensor import Tensor, from_numpy, tensor
