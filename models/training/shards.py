"""The data-parallel step: parts of a batch in threads, their gradients summed in a fixed order.

NumPy lets go of Python's lock in large products, so that two threads on two halves of a batch work at once. BLAS itself
is held to one thread: its own threads collapse when anything else runs.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol

import numpy as np

from minigrad.module import Parameter
from minigrad.op import Array
from minigrad.tensor import Tensor


class Captioner(Protocol):
    """What training asks of a captioner."""

    def loss(self, features: Array, captions: Array) -> Tensor:
        """The loss of captions (N, T) given features (N, D): summed over time, its mean over the batch."""

    def parameters(self) -> list[Parameter]:
        """What is learnt."""


class Shards:
    """Computes loss and gradients of a batch, each part on a copy of the captioner that shares the parameters' memory.

    `build` makes another captioner of the same shapes. Use it in a `with`.
    """

    def __init__(self, captioner: Captioner, build: Callable[[], Captioner], threads: int = 1) -> None:
        self._captioners = [captioner, *(sharing(captioner, build()) for _ in range(threads - 1))]
        self._pool = ThreadPoolExecutor(threads, "shard")

    def __enter__(self) -> "Shards":
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown()

    def loss_and_gradients(self, features: Array, captions: Array) -> float:
        """The batch's loss; the gradients are in `.grad` of the first captioner's parameters.

        The parts and the order of the sums depend on the number of threads alone, so the bits do too.
        """
        parts = np.array_split(np.arange(len(captions)), min(len(self._captioners), len(captions)))
        shares = [len(part) / len(captions) for part in parts]
        work = zip(self._captioners, parts, shares, strict=False)
        futures = [self._pool.submit(pull, c, features[part], captions[part], share) for c, part, share in work]
        losses = [future.result() for future in futures]
        self._sum_gradients(len(parts))
        return sum(loss * share for loss, share in zip(losses, shares, strict=True))

    def _sum_gradients(self, count: int) -> None:
        """Adds the gradients of the first `count` captioners into the first one's, one after another."""
        for parameters in zip(*(c.parameters() for c in self._captioners[:count]), strict=True):
            total, *others = (p.grad for p in parameters)
            for other in others:
                if total is not None and other is not None:
                    np.add(total.numpy(), other.numpy(), out=total.numpy())


def pull(captioner: Captioner, features: Array, captions: Array, share: float) -> float:
    """Loss of a part of a batch; its gradients, which count `share`, are in the parameters' `.grad`."""
    with np.errstate(all="ignore"):  # the loop looks for what overflowed, in words of ours
        for parameter in captioner.parameters():
            parameter.grad = None
        loss = captioner.loss(features, captions)
        loss.backward(np.asarray(share, loss.dtype), retain_graph=False)
        return float(loss)


def sharing(captioner: Captioner, other: Captioner) -> Captioner:
    """`other`, its parameters looking at the memory of the captioner's."""
    for own, shared in zip(other.parameters(), captioner.parameters(), strict=True):
        own.data = shared.data
    return other


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Holds BLAS to one thread inside the block, where threadpoolctl is installed."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield
        return
    with threadpool_limits(limits=1, user_api="blas"):
        yield
