"""Runs a plan: a list of calls, each bound to its arrays once, so that a run decides nothing and allocates nothing.

Memory that does not belong to the plan (arguments, parameters, results) may change from run to run; then the calls that
use it are bound again, and only those.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from minigrad.compiler.kernels import Call, calls
from minigrad.compiler.parallel import Stage, Workers, follow
from minigrad.compiler.plan import Plan, Root, carved, seen
from minigrad.compiler.rewrite import is_op
from minigrad.compiler.schedule import Division, divided, hollow, parts_of, share, works
from minigrad.measure import seconds
from minigrad.op import Array
from minigrad.ops.shape import Reshape
from minigrad.tensor import Tensor


class Program:
    """A plan with its memory, divided among workers. Two programs of the same workers must not run at the same time."""

    def __init__(self, plan: Plan, workers: Workers) -> None:
        self.plan, self.workers = plan, workers
        self.works = list(works(plan))
        self.divisions = divided(plan, self.works, len(workers))
        self._bound: list[list[list[Call]]] = [[[] for _ in range(len(workers))] for _ in self.works]
        self.stages = staged(self.divisions, self._bound)
        self._overlapping = set(overlapping(plan))
        self._leaves = [r.node for r in plan.roots.values() if r.kind == "given" and r.node.op is None]
        reshapes = (n for n in plan.graph.nodes if id(n) in plan.views and is_op(n, Reshape))
        self._reshaped = {id(plan.root(n).node) for n in reshapes}
        self._users: dict[int, list[int]] = defaultdict(list)
        for i, work in enumerate(self.works):
            for key in {id(plan.root(x).node) for x in (work.node, *work.inputs)}:
                self._users[key].append(i)
        workers.arena.hold(plan.arena)
        self.forget()

    def forget(self) -> None:
        """Frees arguments, results and calls; the next run binds them again."""
        roots = self.plan.roots.values()
        self._bytes: Array | None = None  # of the arena, when the calls were bound
        self._memory = {id(r.node): r.node.op.forward() for r in roots if r.node.op is not None and r.kind == "given"}
        self._results = {id(r.node): Pool(r) for r in roots if r.kind == "result"}
        for call in (call for parts in self._bound for call in parts):
            call.clear()

    @property
    def outgrown(self) -> bool:
        """Whether the calls are bound to an older arena than the workers have now, or to none."""
        return self._bytes is not self.workers.arena.bytes

    def __call__(self, *arguments: Array) -> list[Array]:
        """The results. They belong to the caller: no later run changes them."""
        try:
            if self._renew(arguments):
                for pool in self._results.values():
                    pool.expect()
            self.workers.run(self.stages)
        except BaseException as error:
            self.forget()  # calls may be bound to other memory than was meant
            if isinstance(error, IndexError | TypeError | ValueError):
                self.plan.graph.run(*arguments)  # raises it again, with places in the whole array, not in a part
            raise
        return [self._result(i, y) for i, y in enumerate(self.plan.graph.outputs)]

    def arguments(self) -> list[Array]:
        """The arguments of the last run; zeros if they were freed."""
        return [self._memory.get(id(x), np.zeros(x.shape, x.dtype)) for x in self.plan.graph.inputs]

    def timed(self, repeats: int) -> list[float]:
        """The shortest time in seconds of each piece of work (of its longest part), on the values of the last run."""
        best = [float("inf")] * len(self._bound)
        with np.errstate(all="ignore"):  # what is computed in place is computed again and again
            for _ in range(repeats):
                for i, parts in enumerate(self._bound):
                    best[i] = min(best[i], max(seconds(partial(follow, [part])) for part in parts))
        return best

    def _result(self, i: int, y: Tensor) -> Array:
        array = self._array(y)
        return array.view() if self.plan.root(y).kind == "result" and i not in self._overlapping else array.copy()

    def _renew(self, arguments: Sequence[Array]) -> bool:
        """Takes the memory of this run (arguments, parameters, results nobody holds); returns whether any is new."""
        given = list(zip(self.plan.graph.inputs, arguments, strict=True))
        given += [(leaf, leaf.numpy()) for leaf in self._leaves if leaf.value is not None]
        fresh = [(id(x), array) for x, array in given if self._memory.get(id(x)) is not array or self._moved(x, array)]
        renewed = [(key, pool.renewed()) for key, pool in self._results.items()]
        fresh += [(key, array) for key, array in renewed if array is not None]
        self._memory.update(fresh)
        if self.outgrown:
            self._bytes = self.workers.arena.bytes
            self._memory.update(carved(self.plan, self._bytes))
            self._bind(range(len(self.works)))
        elif fresh:
            self._bind(sorted({i for key, _ in fresh for i in self._users[key]}))
        return bool(fresh)

    def _moved(self, x: Tensor, array: Array) -> bool:
        """Whether calls may be bound to a copy of a given array, which NumPy cannot reshape without one."""
        return id(x) in self._reshaped and not array.flags.c_contiguous

    def _bind(self, places: Sequence[int]) -> None:
        for i in places:
            work = self.works[i]
            xs, y = work.arrays(self._array)
            parts = parts_of(work, self.divisions[i].axis, xs, y, len(self.workers))
            for part, bound, scratch in zip(parts, self._bound[i], self.workers.scratches, strict=False):
                bound[:] = calls(part.op, part.xs, part.y, scratch)

    def _array(self, node: Tensor) -> Array:
        return seen(self.plan, node, self._memory)


def staged(divisions: Sequence[Division], bound: Sequence[Sequence[list[Call]]]) -> list[Stage]:
    """The workers' calls, grouped into stages after each of which the workers wait for each other."""
    stages: list[Stage] = []
    for division, parts in zip(divisions, bound, strict=True):
        if division.waits or not stages:
            stages.append(tuple([] for _ in parts))
        for steps, part in zip(stages[-1], parts, strict=True):
            steps.append(part)
    return stages


def overlapping(plan: Plan) -> Iterator[int]:
    """The results that share memory with an earlier one: the caller must be able to change one without the other."""
    before = defaultdict[int, list[Array]](list)
    memory = hollow(r for r in plan.roots.values() if r.kind == "result")
    for i, y in enumerate(plan.graph.outputs):
        if plan.root(y).kind != "result":
            continue
        array, others = seen(plan, y, memory), before[id(plan.root(y).node)]
        if any(share(array, other) for other in others):
            yield i
        others.append(array)


class Pool:
    """Memory for one result. An array that the caller still holds is left alone; one that nobody holds is used again.

    Found by counting references: beside the program's own, an array has those of the caller.
    """

    def __init__(self, root: Root) -> None:
        self._root = root
        self._arrays: list[Array] = []
        self._current = -1
        self._of_current = self._of_others = 0  # references without the caller's

    def renewed(self) -> Array | None:
        """Another array if somebody holds the current one; None if that may be used again."""
        if self._current >= 0 and self._references(self._current) <= self._of_current:
            return None
        others = (i for i in range(len(self._arrays)) if i != self._current)
        self._current = next((i for i in others if self._references(i) <= self._of_others), len(self._arrays))
        if self._current == len(self._arrays):
            self._arrays.append(np.empty(self._root.laid_out, self._root.node.dtype))
            self._of_others = self._references(self._current)
        return self._root.seen(self._arrays[self._current])

    def expect(self) -> None:
        """Remembers the number of references to the current array while the caller has none."""
        self._of_current = self._references(self._current)

    def _references(self, i: int) -> int:
        return sys.getrefcount(self._arrays[i])
