"""One step's loss and gradients, by a compiled program divided among threads, or eagerly for comparison.

NumPy releases Python's lock during large products, so two threads can work at once on two parts of a product; BLAS
itself is held to one thread.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from minigrad import compile, grad
from minigrad.module import Parameter
from minigrad.op import Array
from minigrad.tensor import Tensor
from models.captioner import Captioner


class Step:
    """Computes a batch's loss, and leaves its gradients in `.grad` of the captioner's parameters.

    How the work is divided depends only on the number of threads, and therefore so do the bits of the result. One
    program is compiled for each length of captions and each size of batch. `map` is Python's, or one that uses the
    program's threads, for the optimiser.
    """

    def __init__(self, captioner: Captioner, threads: int = 1, eager: bool = False) -> None:
        self._captioner = captioner
        self._parameters: list[Parameter] = captioner.parameters()
        compiled = None if eager else compile(self._differentiated, workers=threads)
        self._run: Callable[..., Any] = compiled or self._differentiated
        self.map: Callable[..., Iterable[None]] = compiled.map if compiled else map

    def __call__(self, features: Array, captions: Array) -> float:
        """The loss of captions (N, T) given features (N, D): summed over time, averaged over the batch."""
        for parameter in self._parameters:
            parameter.grad = None
        with np.errstate(all="ignore"):  # what overflows is found by its value, in words of ours
            loss, gradients = self._run(features, captions)
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            parameter.grad = gradient
        return float(loss)

    def _differentiated(self, features: Any, captions: Any) -> tuple[Tensor, Any]:
        loss = self._captioner.loss(features, captions)
        return loss, grad(loss, self._parameters)
