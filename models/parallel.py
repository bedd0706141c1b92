"""Ranks: processes that train one captioner together, each on a part of every batch's rows. For `models.training`.

    ranks = world()                     # those of mpiexec; one alone where it did not start this process
    training = Training(run, data.train, validate, print, ranks)

Each rank holds all parameters and computes the gradients of its rows. These are added up once a step by one Allreduce
of a flat array, which also holds the loss, the numbers of rows and words, and requests to stop; then each rank makes
the same update. Only the first rank writes. mpi4py is imported only if there are several ranks.
"""

import hashlib
import os
import stat
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, TypeVar

import numpy as np

from minigrad.compiler.parallel import usable_cores
from minigrad.errors import MinigradError, MissingPackageError, UsageError
from minigrad.op import Array
from minigrad.tensor import Tensor, from_numpy
from models.launch import Launch, launch
from models.stopping import SIGNALS, StopWish

T = TypeVar("T")

COMPARED_EVERY = 50
"""Steps between comparisons of the ranks' parameters."""
SPIN, LONGEST_NAP, SHARE = 2e-3, 1e-3, 0.1
"""Seconds that a rank with a core of its own waits actively; then it sleeps for a share of the time it has waited, at
most so long."""


class RanksDifferError(MinigradError, RuntimeError):
    """Ranks whose parameters should be equal have different ones."""


class OfAllRanks(Exception):
    """The cause of an error that every rank raises: one of them reports it, and none waits for another."""


def is_of_all(error: BaseException) -> bool:
    """Whether every rank raises this error."""
    return isinstance(error.__cause__, OfAllRanks)


class Ranks:
    """A process that is alone; `Together` implements the same methods for several."""

    number, count = 0, 1
    cause: OfAllRanks | None = None
    """The cause of an error that all ranks raise; None if there are no other ranks."""

    def __init__(self) -> None:
        self.wish = StopWish()
        """The signals that this rank was sent."""

    @property
    def first(self) -> bool:
        """Whether this rank is the one that writes and speaks."""
        return self.number == 0

    @property
    def stop(self) -> int | None:
        """The signal that ends training after this step, on all ranks; None if there is none."""
        return self.wish.signal

    def settle(self) -> None:
        """Updates `stop` with the signals that any rank has received until now."""

    def part(self, length: int) -> slice:
        """This rank's rows of a batch; ranks have equally many rows, or one more or less."""
        return slice(length * self.number // self.count, length * (self.number + 1) // self.count)

    def once(self, f: Callable[[], T]) -> T:
        """The result of f, which only the first rank calls, on all ranks; likewise its error."""
        return f()

    def each(self, x: T) -> list[T]:
        """The values that all ranks call this with, on all ranks."""
        return [x]

    def meet(self) -> None:
        """Waits, sleeping, until all ranks are here."""

    def added(self, parameters: Sequence[Tensor], rows: int, sums: Sequence[float]) -> Sequence[float]:
        """The sums over all ranks. Gradients, averaged over each rank's rows, become averages over all ranks' rows."""
        return sums

    def blamed(self, f: Callable[[], str]) -> str:
        """f(), called by the first rank whose part of the latest sum is not finite."""
        return f()

    def compare(self, arrays: Mapping[str, Array], step: int) -> None:
        """RanksDifferError, on all ranks, if an array is not the same on all of them."""


class Together(Ranks):
    """One of several ranks, each in a process of its own; `communicator` is mpi4py's."""

    def __init__(self, communicator: Any, here: int) -> None:
        super().__init__()
        self._communicator, self.cause = communicator, OfAllRanks()
        self.number, self.count = communicator.Get_rank(), communicator.Get_size()
        self._spin = SPIN if here <= usable_cores() else 0.0
        self._stop: int | None = None
        self._own = self._sum = np.zeros(0, np.float32)

    @property
    def stop(self) -> int | None:
        """The signal that some rank knew of when gradients were last added up, or `settle` was last called."""
        return self._stop

    def settle(self) -> None:
        """Gathers the signals of all ranks."""
        self._stop = next((signal for signal in self.each(self.wish.signal) if signal), None)

    def once(self, f: Callable[[], T]) -> T:
        """The first rank calls f while the others sleep."""
        told: tuple[Any, BaseException | None] = (None, None)
        if self.first:
            try:
                told = (f(), None)
            except (MinigradError, OSError, MemoryError, SystemExit) as error:
                told = (None, error)
        self.meet()
        result, failure = self._communicator.bcast(told)
        if failure is not None:
            raise failure from self.cause
        return result  # type: ignore[no-any-return]

    def each(self, x: T) -> list[T]:
        """Gathers the values when all ranks are here."""
        self.meet()
        return list(self._communicator.allgather(x))

    def meet(self) -> None:
        """A barrier."""
        self._wait(self._communicator.Ibarrier())

    def added(self, parameters: Sequence[Tensor], rows: int, sums: Sequence[float]) -> Sequence[float]:
        """One Allreduce. A rank without rows has no gradients and adds nothing."""
        wishes = [float(self.wish.signal == number) for number in SIGNALS]
        numbers = [*sums, rows, *wishes]
        self._reserve(sum(p.size for p in parameters) + len(numbers), parameters)
        gradients = self._own[: len(self._own) - len(numbers)]
        self._own[len(gradients) :] = numbers
        for view, parameter in cut(gradients, parameters):
            np.multiply(parameter.grad.numpy() if rows and parameter.grad is not None else 0.0, rows, out=view)
        self._wait(self._communicator.Iallreduce(self._own, self._sum))
        totals = [float(x) for x in self._sum[len(gradients) :]]
        self._stop = next((n for n, count in zip(SIGNALS, totals[-len(SIGNALS) :], strict=True) if count), None)
        mean = self._sum[: len(gradients)]
        with np.errstate(all="ignore"):  # what is not finite is found by whoever asked
            mean /= totals[len(sums)]
        for view, parameter in cut(mean, parameters):
            parameter.grad = from_numpy(view)
        return totals[: len(sums)]

    def blamed(self, f: Callable[[], str]) -> str:
        """f() of the first such rank, with its number.

        Of the last rank, which has rows, if only the sum is not finite.
        """
        good = self.each(bool(np.isfinite(self._own).all()))
        number = good.index(False) if False in good else self.count - 1
        return f"rank {number}: {self.each(f() if self.number == number else '')[number]}"

    def compare(self, arrays: Mapping[str, Array], step: int) -> None:
        """Compares digests."""
        found = self.each([digest(array) for array in arrays.values()])
        for i, name in enumerate(arrays):
            digests = [theirs[i] for theirs in found]
            if len(set(digests)) > 1:
                raise RanksDifferError(told_apart(digests, name, step)) from self.cause

    def _wait(self, request: Any) -> None:
        """Waits for a request. MPI's own waiting would keep a core busy that other ranks may need."""
        start = time.perf_counter()
        while not request.Test():
            waited = time.perf_counter() - start
            time.sleep(0 if waited < self._spin else min(LONGEST_NAP, SHARE * waited))

    def _reserve(self, size: int, parameters: Iterable[Tensor]) -> None:
        """Makes two flat arrays of this size, which are kept from step to step."""
        if len(self._own) != size:
            dtype = np.result_type(np.float32, *(p.dtype for p in parameters))
            self._own, self._sum = np.zeros(size, dtype), np.zeros(size, dtype)


def cut(flat: Array, parameters: Iterable[Tensor]) -> Iterable[tuple[Array, Tensor]]:
    """Consecutive views of a flat array, in the shapes of the parameters."""
    start = 0
    for parameter in parameters:
        yield flat[start : start + parameter.size].reshape(parameter.shape), parameter
        start += parameter.size


def digest(array: Array) -> bytes:
    """16 bytes that differ for different arrays of one shape."""
    return hashlib.sha256(np.ascontiguousarray(array).data).digest()[:16]


def told_apart(digests: Sequence[bytes], name: str, step: int) -> str:
    """A message that says which ranks differ from most others."""
    usual = max(digests, key=digests.count)
    others = [i for i, found in enumerate(digests) if found != usual]
    plural = "s" if len(others) > 1 else ""
    return (
        f"after step {step} rank{plural} {', '.join(map(str, others))} of {len(digests)} had other parameters than "
        f"the rest, {name} first: a machine or its libraries compute something else; go on from the last checkpoint "
        "without it"
    )


@cache
def world() -> Ranks:
    """The ranks started by mpiexec, or a single one. MissingPackageError or UsageError if MPI is needed and missing."""
    place = launch()
    return Together(communicator(place), place.here) if place.ranks > 1 else Ranks()


def communicator(place: Launch) -> Any:
    """mpi4py's communicator of all ranks."""
    try:
        import mpi4py

        mpi4py.rc.thread_level = "serialized"
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # the latter where mpi4py finds no library of MPI
        install = "python -m pip install 'minigrad[mpi]'"
        raise MissingPackageError(f"mpiexec's {place.ranks} ranks need mpi4py ({error}): {install}") from None
    if MPI.COMM_WORLD.Get_size() != place.ranks:
        library = MPI.Get_library_version().splitlines()[0]
        raise UsageError(
            f"mpiexec started {place.ranks} ranks, but mpi4py's {library} sees {MPI.COMM_WORLD.Get_size()}: start with "
            "the mpiexec of that library"
        )
    return MPI.COMM_WORLD


def end_all(code: int) -> None:
    """Ends the processes of all ranks at once.

    Without MPI only this one, which mpiexec answers by ending the others.
    """
    with suppress(AttributeError, OSError, ValueError):  # there may be no stdout
        sys.stdout.flush()
    mpi = sys.modules.get("mpi4py.MPI")
    if mpi is not None and mpi.Is_initialized() and not mpi.Is_finalized():
        wait_for_reader(1)
        wait_for_reader(2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # where MPICH would say that we asked for it
        mpi.COMM_WORLD.Abort(code)
    os._exit(code)


def wait_for_reader(descriptor: int, seconds: float = 1.0) -> None:
    """Waits until a pipe is empty, but not long: what mpiexec has not read when it ends the ranks is lost."""
    with suppress(ImportError, OSError):  # Windows has no fcntl
        import fcntl
        import termios

        end = time.monotonic() + seconds
        while stat.S_ISFIFO(os.fstat(descriptor).st_mode) and time.monotonic() < end:
            if not any(fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4))):
                break
            time.sleep(0.001)
