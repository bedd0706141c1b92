"""Workers: threads that do their parts of a program's stages at the same time, each with one BLAS thread."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from contextvars import copy_context
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, RLock
from typing import Any, TypeAlias
from weakref import WeakSet

import numpy as np

from minigrad.compiler.kernels import Call
from minigrad.errors import UsageError
from minigrad.graph import Graph
from minigrad.measure import flops
from minigrad.op import Array
from minigrad.ops.window import ALIGNMENT, Scratch

Stage: TypeAlias = tuple[list[list[Call]], ...]
"""For each worker, the calls it makes before all wait for each other."""

WORTH_SPLITTING = 10**8
"""Floating-point operations, about a millisecond of one core; handing work to threads takes a tenth of that."""

SCRATCH = 1 << 22
"""Bytes of scratch memory that each worker has."""


class Arena:
    """Memory that several programs use in turn, as large as the largest of them needs."""

    def __init__(self) -> None:
        self.bytes = aligned(0)

    def hold(self, nbytes: int) -> None:
        """Makes room for so many bytes; what the memory held before is lost."""
        if nbytes > len(self.bytes):
            self.bytes = aligned(nbytes)


class Workers:
    """Threads that share an arena, each with its own scratch memory."""

    def __init__(self, count: int) -> None:
        if not isinstance(count, int) or count < 1:
            raise UsageError(f"{count!r} workers: there must be at least one, and a whole number of them")
        self.arena = Arena()
        self.scratches = [Scratch(SCRATCH) for _ in range(count)]
        self.begin()
        _ALL.add(self)

    def begin(self) -> None:
        """Makes a pool of threads, which start when needed, and `turn`, the lock for whoever uses the arena."""
        self.turn, self._pool = RLock(), ThreadPoolExecutor(len(self), "minigrad")

    def __len__(self) -> int:
        return len(self.scratches)

    def map(self, f: Callable[[Any], None], things: Iterable[Any]) -> Iterable[None]:
        """Calls f on each thing, on all threads at once."""
        return self._pool.map(f, things) if len(self) > 1 else map(f, things)

    def run(self, stages: Sequence[Stage]) -> None:
        """Runs every worker's calls, stage by stage, in the caller's context (such as np.errstate).

        If there are errors, the first is raised once all workers have ended.
        """
        if len(self) == 1:
            Meeting(1).attend(0, stages)
            return
        with one_blas_thread():
            meeting = Meeting(len(self))
            futures = [self._pool.submit(copy_context().run, meeting.attend, i, stages) for i in range(len(self))]
            try:
                wait(futures)
            finally:  # whatever interrupts the waiting, and however often: nobody else may touch the arena before
                meeting.over = True
                while not all(future.done() for future in futures):
                    with suppress(BaseException):
                        wait(futures)
        for future in futures:
            future.result()


class Meeting:
    """The workers of one run, who wait for each other after every stage. Once `over`, they compute nothing more."""

    def __init__(self, count: int) -> None:
        self.over = False
        self._arrivals = {(i, j): SimpleQueue[None]() for i in range(count) for j in range(count) if i != j}

    def attend(self, worker: int, stages: Sequence[Stage]) -> None:
        """Does one worker's calls. After an error it still meets the others, which would otherwise wait for ever."""
        error: Exception | None = None
        for stage in stages:
            try:
                if error is None:
                    follow(step for step in stage[worker] if not self.over)
            except Exception as raised:
                error = raised
            self._wait(worker)
        if error is not None:
            raise error

    def _wait(self, worker: int) -> None:
        for arrivals in (a for (source, _), a in self._arrivals.items() if source == worker):
            arrivals.put(None)
        for arrivals in (a for (_, target), a in self._arrivals.items() if target == worker):
            arrivals.get()


def follow(steps: Iterable[list[Call]]) -> None:
    """Makes all calls, in order."""
    for step in steps:
        for call in step:
            call()


def usable_cores() -> int:
    """The number of cores that this process may use: those it is bound to, and no more than its container's share."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):  # where there is no such file, or no limit in it
        share, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, min(bound, int(share) // int(period)))
    return bound


def can_be_held() -> bool:
    """Whether the number of BLAS threads can be limited to one."""
    return bool(blas() and blas().lib_controllers)


def default_workers() -> int:
    """One for each core; a single one where BLAS cannot be limited, since its threads would compete with ours."""
    return usable_cores() if can_be_held() else 1


def worth_splitting(graph: Graph) -> bool:
    """Whether a graph has so much work that threads gain more than they cost."""
    return sum(flops(node) for node in graph.nodes) >= WORTH_SPLITTING


def aligned(nbytes: int) -> Array:
    """Memory of so many bytes that begins at a multiple of ALIGNMENT."""
    raw = np.empty(nbytes + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + nbytes]


@cache
def blas() -> Any:
    """The controller of BLAS threads, or None if threadpoolctl is not installed."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController().select(user_api="blas")


class Held:
    """A context in which BLAS has one thread.

    It is shared: the first to enter sets the limit, the last to leave lifts it.
    """

    def __init__(self) -> None:
        self._limit: Any = None
        self.begin()

    def begin(self) -> None:
        """Starts with nobody inside, and no limit set."""
        self._lock, self._inside = Lock(), 0
        self._give_back()

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1 and can_be_held():
                self._limit = blas().limit(limits=1)

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._give_back()

    def _give_back(self) -> None:
        if self._limit is not None:
            self._limit.restore_original_limits()
            self._limit = None


HELD = Held()
_ALL: WeakSet[Workers] = WeakSet()


def after_fork() -> None:
    """Makes new threads and locks in a forked child process: of its parent's threads it has one, of the locks all."""
    HELD.begin()
    for workers in _ALL:
        workers.begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=after_fork)


def one_blas_thread() -> Held:
    """Limits BLAS to one thread inside a `with`: its own threads become slow beside other busy threads."""
    return HELD
