"""Parts of a batch in threads: the same program on each, with its own memory and one BLAS thread."""

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache
from math import ceil
from typing import Any

import numpy as np

from minigrad.compiler.batch import PARTIAL, Carried, State
from minigrad.compiler.batch_rules import part_of
from minigrad.compiler.plan import planned
from minigrad.compiler.program import Arena, Program
from minigrad.errors import UsageError
from minigrad.graph import Graph
from minigrad.measure import flops
from minigrad.op import Array

WORTH_SPLITTING = 10**8
"""Floating-point operations, about a millisecond of one core: handing work to threads takes a tenth of that."""
GRAIN = 16


class ParallelProgram:
    """A graph on parts of its batch, one a worker; sums over examples are added in a fixed order.

    The arguments' first axis is the batch, and must have one length. Raises Mixed where examples see each other.
    """

    def __init__(self, graph: Graph, rewrite: Callable[[Graph], Graph], workers: "Workers") -> None:
        self._whole, self._workers = batch_size(graph), workers
        self._rows = parts_of(self._whole, len(workers))
        batched = [bool(x.shape) for x in graph.inputs]
        parts = {n: part_of(graph, self._whole, n, batched) for n in {r.stop - r.start for r in self._rows}}
        plans = {n: planned(rewrite(part.graph)) for n, part in parts.items()}
        self.programs = [
            Program(plans[r.stop - r.start], arena) for r, arena in zip(self._rows, workers.arenas, strict=False)
        ]
        self._states = next(iter(parts.values())).states

    def __call__(self, *arguments: Array) -> list[Array]:
        """The results of the whole batch."""
        parts = [[a[rows] if a.ndim else a for a in arguments] for rows in self._rows]
        results = self._workers.run(self.programs, parts)
        return [combined(s, values) for s, values in zip(self._states, zip(*results, strict=True), strict=True)]


class Workers:
    """Threads, each with an arena of its own."""

    def __init__(self, count: int) -> None:
        if count < 1:
            raise UsageError(f"{count} workers: there must be at least one")
        self.arenas = [Arena() for _ in range(count)]
        self._pool = ThreadPoolExecutor(count, "minigrad")

    def __len__(self) -> int:
        return len(self.arenas)

    def map(self, f: Callable[[Any], None], things: Iterable[Any]) -> Iterable[None]:
        """Calls f on each thing, at once in all threads."""
        return self._pool.map(f, things) if len(self) > 1 else map(f, things)

    def run(self, programs: Sequence[Program], arguments: Sequence[Sequence[Array]]) -> list[list[Array]]:
        """What the programs give for their arguments, all at once, in the caller's context (such as np.errstate)."""
        with one_blas_thread():
            futures = [
                self._pool.submit(copy_context().run, program, *given)
                for program, given in zip(programs, arguments, strict=True)
            ]
            return [future.result() for future in futures]


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worth_splitting(graph: Graph) -> bool:
    """Whether threads gain more than they cost, by the work in the products."""
    return sum(flops(node) for node in graph.nodes) >= WORTH_SPLITTING


def parts_of(whole: int, count: int) -> list[slice]:
    """Rows of each worker. A few rows are cut at multiples of 16: BLAS takes as long for 13 as for 16."""
    grain = GRAIN if GRAIN < whole < 4 * GRAIN * count else 1
    bounds = [min(whole, ceil(whole * i / count / grain) * grain) for i in range(count + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(bounds) if b > a]


def batch_size(graph: Graph) -> int:
    """The common length of the inputs' first axes."""
    lengths = {x.shape[0] for x in graph.inputs if x.shape}
    if len(lengths) != 1:
        raise UsageError(
            f"workers split a batch along the first axis of the arguments, whose lengths are {sorted(lengths)}: give "
            "arrays of one length, or workers=1"
        )
    return lengths.pop()


def combined(state: State, values: Sequence[Array]) -> Array:
    """The whole's value from the parts'."""
    if state == PARTIAL:
        total = values[0]
        for value in values[1:]:
            total = np.add(total, value, out=total)
        return total
    if not isinstance(state, Carried):
        return values[0]
    split = [
        v.reshape(*v.shape[: state.axis], state.before, -1, state.after, *v.shape[state.axis + 1 :]) for v in values
    ]
    first = values[0].shape
    return np.concatenate(split, state.axis + 1).reshape(*first[: state.axis], -1, *first[state.axis + 1 :])


@cache
def blas() -> Any:
    """The controller of BLAS threads, or None without threadpoolctl."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController().select(user_api="blas")


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Holds BLAS to one thread inside the block: its own threads collapse beside others."""
    controller = blas()
    if controller is None:
        yield
        return
    with controller.limit(limits=1):
        yield
