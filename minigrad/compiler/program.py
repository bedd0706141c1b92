"""Runs a plan: a list of calls, each bound to its arrays once, so that a run decides nothing and allocates nothing.

Memory that is not the plan's own (arguments, parameters, results) may change from run to run: the calls that touch it
are bound again, and only those.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from minigrad.compiler.kernels import Call, calls
from minigrad.compiler.plan import ALIGNMENT, Plan, Root, seen
from minigrad.compiler.rewrite import is_op
from minigrad.op import Array
from minigrad.ops.shape import Concat
from minigrad.tensor import Tensor


class Arena:
    """Memory in which programs take turns: as large as the largest of them needs."""

    def __init__(self) -> None:
        self.bytes = aligned(0)

    def hold(self, nbytes: int) -> None:
        """Grows; what was there is lost."""
        if nbytes > len(self.bytes):
            self.bytes = aligned(nbytes)


class Program:
    """A plan with its memory. Not to be run beside another program of the same arena."""

    def __init__(self, plan: Plan, arena: Arena) -> None:
        self.plan, self._arena = plan, arena
        self._bytes: Array | None = None  # of the arena, when the calls were bound
        self._memory: dict[int, Array] = {}
        self._bound: list[list[Call]] = [[] for _ in plan.order]
        self._results = {id(r.node): Pool(r) for r in plan.roots.values() if r.kind == "result"}
        self._leaves = [r.node for r in plan.roots.values() if r.kind == "given" and r.node.op is None]
        self._users: dict[int, list[int]] = defaultdict(list)
        for moment, node in enumerate(plan.order):
            for key in {id(plan.root(x).node) for x in (node, *node.inputs)}:
                self._users[key].append(moment)
        for root in plan.roots.values():
            if root.node.op is not None and root.kind == "given":
                self._memory[id(root.node)] = root.node.op.forward()
        arena.hold(plan.arena)

    def __call__(self, *arguments: Array) -> list[Array]:
        """The results; each is the caller's, and no later run changes it."""
        if self._renew(arguments):
            for pool in self._results.values():
                pool.expect()
        for step in self._bound:
            for call in step:
                call()
        return [self._result(y) for y in self.plan.graph.outputs]

    def timed(self, repeats: int) -> list[float]:
        """The least seconds of each call in a few runs, on the arguments of the last one."""
        best = [float("inf")] * len(self._bound)
        for _ in range(repeats):
            for moment, step in enumerate(self._bound):
                start = time.perf_counter()
                for call in step:
                    call()
                best[moment] = min(best[moment], time.perf_counter() - start)
        return best

    def _result(self, y: Tensor) -> Array:
        array = seen(self.plan, y, self._memory)
        return array.view() if self.plan.root(y).kind == "result" else array.copy()

    def _renew(self, arguments: Sequence[Array]) -> bool:
        """Takes the memory of this run: arguments, parameters as they are now, results nobody holds; whether new."""
        given = list(zip(self.plan.graph.inputs, arguments, strict=True))
        given += [(leaf, leaf.numpy()) for leaf in self._leaves if leaf.value is not None]
        fresh = [(id(x), array) for x, array in given if self._memory.get(id(x)) is not array]
        renewed = [(key, pool.renewed()) for key, pool in self._results.items()]
        fresh += [(key, array) for key, array in renewed if array is not None]
        self._memory.update(fresh)
        if self._bytes is not self._arena.bytes:
            self._bytes = self._arena.bytes
            self._memory.update(self._places(self._bytes))
            self._bind(range(len(self.plan.order)))
        elif fresh:
            self._bind(sorted({moment for key, _ in fresh for moment in self._users[key]}))
        return bool(fresh)

    def _places(self, memory: Array) -> Iterator[tuple[int, Array]]:
        """The arrays of the arena's roots, by id of their node."""
        for root in self.plan.roots.values():
            if root.kind == "arena":
                node, end = root.node, root.offset + root.node.size * root.node.dtype.itemsize
                yield id(node), memory[root.offset : end].view(node.dtype).reshape(node.shape)

    def _bind(self, moments: Sequence[int]) -> None:
        for moment in moments:
            node = self.plan.order[moment]
            y = seen(self.plan, node, self._memory)
            if is_op(node, Concat):
                parts = [(y[w], self._array(x)) for w, x in self.plan.copied_parts(node)]
                self._bound[moment] = [partial(np.copyto, place, part) for place, part in parts]
            else:
                assert node.op is not None
                self._bound[moment] = calls(node.op, [self._array(x) for x in node.inputs], y)

    def _array(self, node: Tensor) -> Array:
        return seen(self.plan, node, self._memory)


class Pool:
    """Memory for one result: what the caller still holds is left alone, what nobody holds is used again."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._arrays: list[Array] = []
        self._expected: list[int] = []
        self._current = -1

    def renewed(self) -> Array | None:
        """Other memory than before, if somebody holds that; None where it may be used again."""
        if not self._is_held(self._current):
            return None
        free = (i for i in range(len(self._arrays)) if i != self._current and not self._is_held(i))
        self._current = next(free, len(self._arrays))
        if self._current == len(self._arrays):
            self._arrays.append(np.empty(self._root.node.shape, self._root.node.dtype))
            self._expected.append(0)
        return self._arrays[self._current]

    def expect(self) -> None:
        """Remembers how many references each array has while the caller has none."""
        self._expected = [self._references(i) for i in range(len(self._arrays))]

    def _is_held(self, i: int) -> bool:
        return i < 0 or self._references(i) > self._expected[i]

    def _references(self, i: int) -> int:
        return sys.getrefcount(self._arrays[i])


def aligned(nbytes: int) -> Array:
    """Bytes that begin at a multiple of the alignment."""
    raw = np.empty(nbytes + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + nbytes]
