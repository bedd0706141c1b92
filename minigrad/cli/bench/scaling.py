"""What a step would take on more ranks than there are here: a model of products and messages. Imports nothing of MPI.

The time of a step is that of the gradients of a rank's rows, as measured on one core for so many rows; of an Allreduce,
by latency and bandwidth; and of what every rank does whole, which is to fill and empty the array and the update:

    T(P) = T_gradients(rows) + T_Allreduce(P, bytes) + T_whole
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, log2

import numpy as np

RANKS = tuple(2**i for i in range(11))
"""Of which a prediction tells, 1 to 1,024."""
WORTH = 0.75
"""More ranks are worth it while twice as many take at most this share of the time."""


@dataclass(frozen=True)
class Network:
    """α, the seconds that a message takes however short it is, and 1/β, the bytes a second of a long one."""

    latency: float
    bandwidth: float

    def allreduce(self, ranks: int, nbytes: float) -> tuple[float, str]:
        """Seconds of the quickest algorithm, and its name (Thakur, Rabenseifner and Gropp 2005, less the additions)."""
        turns, long = log2(ranks), nbytes / self.bandwidth
        most = 2 * (ranks - 1) / ranks * long
        return min(
            (turns * (self.latency + long), "recursive doubling"),
            (2 * turns * self.latency + most, "halving and doubling"),
            (2 * (ranks - 1) * self.latency + most, "ring"),
        )


@dataclass(frozen=True)
class Work:
    """What was measured: seconds of gradients by rows, of what ranks do whole, and the bytes to be added up."""

    gradients: Mapping[int, float]
    whole: float
    nbytes: int

    def seconds(self, rows: int) -> float:
        """Of the gradients of some rows; between those measured in proportion, above the most of them too."""
        known = sorted(self.gradients)
        if rows > known[-1]:
            return self.gradients[known[-1]] * rows / known[-1]
        return float(np.interp(rows, known, [self.gradients[n] for n in known]))


@dataclass(frozen=True)
class Prediction:
    """A step and an epoch on some ranks, in seconds, and how often the step of one rank goes into an epoch's time."""

    ranks: int
    batch: int
    step: float
    allreduce: float
    epoch: float
    speed_up: float

    @property
    def efficiency(self) -> float:
        """The speed-up by rank."""
        return self.speed_up / self.ranks


def predicted(work: Work, network: Network, captions: int, batch: int, largest: int) -> list[Prediction]:
    """For all RANKS: each has `batch` rows until the whole batch is `largest`, and its share of that from there on.

    `largest` equal to `batch` divides the same batch among all.
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
    """The most ranks that are worth it."""
    last = predictions[0].ranks
    for fewer, more in pairwise(predictions):
        if more.epoch > WORTH * fewer.epoch:
            break
        last = more.ranks
    return last
