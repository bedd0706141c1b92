"""Divides a program among workers: how each piece of work is cut, and where the workers wait for each other.

Nothing here depends on what a batch or a layer is. All workers go through the same list of work, each doing its part of
each piece. They wait only where a part touches memory that another worker has written, or writes what another has read,
since they last waited; and each piece is cut, if possible, so that nobody has to wait. So the steps of a recurrence run
without waiting where there are enough rows, and products are cut by columns where there are not.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, compress
from typing import NamedTuple

import numpy as np
from numpy.exceptions import TooHardError
from numpy.lib.array_utils import byte_bounds

from minigrad.compiler.cuts import Part, axes_worth_cutting, parts_along
from minigrad.compiler.plan import Plan, Root, allocate, carved, seen
from minigrad.compiler.rewrite import is_op
from minigrad.op import Array, Op
from minigrad.ops.shape import Concat, Copy
from minigrad.tensor import Tensor


class Work(NamedTuple):
    """One Op that writes a node's memory, or a window of it when a part of a concatenation is copied."""

    op: Op
    inputs: tuple[Tensor, ...]
    node: Tensor
    window: tuple[slice, ...] = ()

    def arrays(self, array_of: Callable[[Tensor], Array]) -> tuple[list[Array], Array]:
        """The arrays of the operands, and of the result."""
        return [array_of(x) for x in self.inputs], array_of(self.node)[self.window or ...]


class Division(NamedTuple):
    """How a piece of work is divided: the axis it is cut along (None: the first worker does all of it).

    `waits` says whether the workers wait for each other before it.
    """

    axis: int | None
    waits: bool


def works(plan: Plan) -> Iterator[Work]:
    """A plan's work, in order."""
    for node in plan.order:
        if is_op(node, Concat):
            yield from (Work(Copy(), (part,), node, window) for window, part in plan.copied_parts(node))
        else:
            assert node.op is not None
            yield Work(node.op, node.inputs, node)


def parts_of(work: Work, axis: int | None, xs: Sequence[Array], y: Array, count: int) -> list[Part]:
    """The parts of a piece of work when its result is cut along this axis; a single part if it is not cut."""
    parts = None if axis is None else parts_along(work.op, axis, xs, y, count)
    return [Part(work.op, tuple(xs), y)] if parts is None else parts


def divided(plan: Plan, work: Sequence[Work], count: int) -> list[Division]:
    """Divides a plan's work among `count` workers, and gives its values their places in the arena.

    At first as if no two values shared memory, with runs between waits as long as possible. When the values have their
    places, a wait is put before each piece that touches what another worker has touched.
    """
    if count == 1:
        allocate(plan)
        return [Division(None, waits=False) for _ in work]
    memory = hollow(plan.roots.values())
    apart = [list(options(plan, w, memory, count)) for w in work]
    axes: list[int | None] = []
    stages: list[int] = []
    while len(axes) < len(work):
        found = max((run(first, apart[len(axes) + 1 :], count) for first in apart[len(axes)]), key=len)
        axes += found
        stages += [stages[-1] + 1 if stages else 0] * len(found)
    allocate(plan, stages_of_nodes(plan, work, stages))
    memory |= carved(plan, np.empty(plan.arena, np.uint8))
    touched, divisions = Touched(count), []
    for w, axis in zip(work, axes, strict=True):
        xs, y = w.arrays(lambda node: seen(plan, node, memory))
        parts = computed(plan, w, parts_of(w, axis, xs, y, count))
        waits = touched.clash(parts)
        touched = Touched(count) if waits else touched
        touched.add(parts)
        divisions.append(Division(axis, waits))
    return divisions


def stages_of_nodes(plan: Plan, work: Sequence[Work], stages: Sequence[int]) -> list[int]:
    """The stage in which each node is done; a concatenation without copies is done with the node before it."""
    known = {id(w.node): stage for w, stage in zip(work, stages, strict=True)}
    return list(accumulate((known.get(id(node), -1) for node in plan.order), max))


def hollow(roots: Iterable[Root]) -> dict[int, Array]:
    """Memory for each of these roots, apart from all others, whose contents are never used."""
    return {id(r.node): r.seen(np.empty(r.laid_out, r.node.dtype)) for r in roots}


def options(plan: Plan, work: Work, memory: Mapping[int, Array], count: int) -> Iterator["Option"]:
    """The ways to divide a piece of work, the best first."""
    xs, y = work.arrays(lambda node: seen(plan, node, memory))
    cuts = [(axis, parts_along(work.op, axis, xs, y, count)) for axis in axes_worth_cutting(work.op, y, xs, count)]
    possible = [Option(axis, computed(plan, work, parts)) for axis, parts in cuts if parts is not None]
    yield from possible or [Option(None, computed(plan, work, parts_of(work, None, xs, y, count)))]


def computed(plan: Plan, work: Work, parts: Sequence[Part]) -> list[Part]:
    """The parts with only those operands that are computed: what is given is never written, so it needs no waiting."""
    keep = [plan.root(x).kind != "given" for x in work.inputs]
    return [p._replace(xs=tuple(compress(p.xs, keep))) for p in parts]


def run(first: "Option", rest: Sequence[Sequence["Option"]], count: int) -> list[int | None]:
    """The axes of the first piece and of as many pieces after it as can be done without waiting."""
    touched = Touched(count)
    touched.add(first.parts)
    axes = [first.axis]
    for choice in rest:
        free = next((option for option in choice if not touched.clash(option.parts)), None)
        if free is None:
            break
        touched.add(free.parts)
        axes.append(free.axis)
    return axes


class Option(NamedTuple):
    """A way to divide a piece of work: the axis, and the computed memory that each worker reads and writes."""

    axis: int | None
    parts: list[Part]


class Touched:
    """The memory that each worker has read and written since they last waited for each other."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._read = [Spans() for _ in range(count)]
        self._written = [Spans() for _ in range(count)]

    def clash(self, parts: Sequence[Part]) -> bool:
        """Whether a part reads what another worker has written, or writes what another has read or written."""
        return self._count > 1 and any(
            self._read[other].meet(part.y) or any(self._written[other].meet(a) for a in (part.y, *part.xs))
            for worker, part in enumerate(parts)
            for other in range(self._count)
            if other != worker
        )

    def add(self, parts: Sequence[Part]) -> None:
        """Notes the parts of a piece of work, part i being done by worker i."""
        for part, read, written in zip(parts, self._read, self._written, strict=False):
            written.add(part.y)
            for x in part.xs:
                read.add(x)


class Spans:
    """A set of arrays, indexed by where in memory they begin and end."""

    def __init__(self) -> None:
        self._arrays: list[Array] = []
        self._bounds = np.empty((64, 2), np.uint64)

    def add(self, array: Array) -> None:
        """Adds an array."""
        if array.size:
            if len(self._arrays) == len(self._bounds):
                self._bounds = np.concatenate([self._bounds, np.empty_like(self._bounds)])
            self._bounds[len(self._arrays)] = byte_bounds(array)
            self._arrays.append(array)

    def meet(self, array: Array) -> bool:
        """Whether the array shares memory with any of the set."""
        if not array.size or not self._arrays:
            return False
        low, high = byte_bounds(array)
        starts, ends = self._bounds[: len(self._arrays)].T
        near = np.flatnonzero((starts < high) & (ends > low))
        return any(share(self._arrays[i], array) for i in near)


def share(a: Array, b: Array) -> bool:
    """Whether two arrays share memory; True where that cannot be told quickly."""
    try:
        return bool(np.shares_memory(a, b, max_work=10_000))  # type: ignore[arg-type]
    except TooHardError:
        return True
