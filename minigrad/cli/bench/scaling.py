"""Predicts a step on more ranks than there are here, by a model of products and messages. Does not import MPI.

The time of a step is that of the gradients of a rank's rows, as measured on one core for that many rows; of an
Allreduce, by latency and bandwidth; and of what every rank does as a whole, which is packing and unpacking the array
and the update:

    T(P) = T_gradients(rows) + T_Allreduce(P, bytes) + T_whole
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, log2

import numpy as np

RANKS = tuple(2**i for i in range(11))
"""The numbers of ranks that are predicted, 1 to 1,024."""
WORTH = 0.75
"""Doubling the ranks is worth it if it reduces the time to at most this share."""


@dataclass(frozen=True)
class Network:
    """α, the seconds that any message takes at least, and 1/β, the bytes per second of a long one."""

    latency: float
    bandwidth: float

    def allreduce(self, ranks: int, nbytes: float) -> tuple[float, str]:
        """The seconds of the fastest algorithm, and its name.

        The formulas are those of Thakur, Rabenseifner and Gropp (2005), without the additions.
        """
        turns, long = log2(ranks), nbytes / self.bandwidth
        most = 2 * (ranks - 1) / ranks * long
        return min(
            (turns * (self.latency + long), "recursive doubling"),
            (2 * turns * self.latency + most, "halving and doubling"),
            (2 * (ranks - 1) * self.latency + most, "ring"),
        )


@dataclass(frozen=True)
class Work:
    """The measurements: seconds of gradients by rows, seconds of what ranks do as a whole, bytes to add up."""

    gradients: Mapping[int, float]
    whole: float
    nbytes: int

    def seconds(self, rows: int) -> float:
        """The seconds of the gradients of some rows: interpolated, or in proportion to the most rows measured."""
        known = sorted(self.gradients)
        if rows > known[-1]:
            return self.gradients[known[-1]] * rows / known[-1]
        return float(np.interp(rows, known, [self.gradients[n] for n in known]))


@dataclass(frozen=True)
class Prediction:
    """A step and an epoch on some ranks, in seconds, and the speed-up over one rank."""

    ranks: int
    batch: int
    step: float
    allreduce: float
    epoch: float
    speed_up: float

    @property
    def efficiency(self) -> float:
        """The speed-up divided by the number of ranks."""
        return self.speed_up / self.ranks


def predicted(work: Work, network: Network, captions: int, batch: int, largest: int) -> list[Prediction]:
    """A prediction for each of RANKS.

    Each rank has `batch` rows until the whole batch is `largest`, and an equal share of that from there on. With
    `largest` equal to `batch`, one batch is divided among all.
    """
    found: list[Prediction] = []
    for ranks in RANKS:
        whole = min(batch * ranks, largest)
        allreduce = network.allreduce(ranks, work.nbytes)[0]
        step = work.seconds(ceil(whole / ranks)) + allreduce + work.whole
        epoch = ceil(captions / whole) * step
        alone = found[0].epoch if found else epoch
        found.append(Prediction(ranks, whole, step, allreduce, epoch, alone / epoch))
    return found


def worthwhile(predictions: Sequence[Prediction]) -> int:
    """The largest number of ranks that is still worth it."""
    last = predictions[0].ranks
    for fewer, more in pairwise(predictions):
        if more.epoch > WORTH * fewer.epoch:
            break
        last = more.ranks
    return last
