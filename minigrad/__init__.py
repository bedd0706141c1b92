"""A small computation-graph framework on NumPy: see, prove and run fast what you compute.

`import minigrad as mg`. A program is a graph of operations, and everything else is a function of that graph.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from minigrad import functional, init, layers, losses, network, optim
from minigrad.context import no_grad, scope
from minigrad.errors import MinigradError
from minigrad.export import to_jax, to_onnx
from minigrad.functional import *  # noqa: F403  (all that its __all__ names)
from minigrad.gradient import grad, hvp, jvp, value_and_grad
from minigrad.graph import Graph, differentiate, trace
from minigrad.losses import *  # noqa: F403
from minigrad.memory import keep_freed_pages
from minigrad.module import Buffer, Module, Parameter
from minigrad.network import *  # noqa: F403
from minigrad.tensor import Tensor, from_numpy, tensor

if TYPE_CHECKING:
    from minigrad.compiler.function import Compiled

__version__ = "0.1.0"

keep_freed_pages()


def compile(f: Callable[..., Any], workers: int | None = None, without: Sequence[str] = ()) -> "Compiled":
    """A function of Tensors, gradients inside included, as a program that is traced once and then only run.

    Called with arrays, Tensors, Modules or plain values; works as a decorator. The work is divided among `workers`
    threads, by default one for each core where that pays. `without` names passes to leave out, as `explain()` calls
    them. More: `minigrad.compiler.function`.
    """
    from minigrad.compiler.function import Compiled  # loaded when first used: it would slow down every import
    from minigrad.compiler.passes import chosen

    return Compiled(f, chosen(without), workers)


def debug() -> AbstractContextManager[None]:
    """Inside the block, a backward pass that needs an array which was changed through NumPy is a GradientError.

    Changes through Tensors and optimisers are always found; those through NumPy cost a checksum of every array kept.
    """
    from minigrad.check.debug import fingerprints  # as above

    return fingerprints()


__all__ = [
    "Buffer", "Graph", "MinigradError", "Module", "Parameter", "Tensor", "compile", "debug", "differentiate",
    "from_numpy", "grad", "hvp", "init", "jvp", "layers", "no_grad", "optim", "scope", "tensor", "to_jax", "to_onnx",
    "trace", "value_and_grad",
]  # fmt: skip
__all__ += functional.__all__ + losses.__all__ + network.__all__
