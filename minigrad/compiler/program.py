"""Runs a plan: a list of calls, each bound to its arrays once, so that a run decides nothing and allocates nothing.

Memory that is not the plan's own (arguments, parameters, results) may change from run to run: the calls that touch it
are bound again, and only those.
"""

import sys
from collections import defaultdict
from collections.abc import Sequence
from functools import partial

import numpy as np

from minigrad.compiler.kernels import Call, calls
from minigrad.compiler.plan import ALIGNMENT, Plan, Root, seen
from minigrad.compiler.rewrite import is_op
from minigrad.op import Array
from minigrad.ops.shape import Concat
from minigrad.tensor import Tensor


class Program:
    """A plan with its memory. Not to be run by two threads at once."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._arena = aligned(plan.arena)
        self._memory: dict[int, Array] = {}
        self._bound: list[list[Call]] = [[] for _ in plan.order]
        self._results = {id(r.node): Pool(r) for r in plan.roots.values() if r.kind == "result"}
        self._leaves = [r.node for r in plan.roots.values() if r.kind == "given" and r.node.op is None]
        self._users: dict[int, list[int]] = defaultdict(list)
        for moment, node in enumerate(plan.order):
            for key in {id(plan.root(x).node) for x in (node, *node.inputs)}:
                self._users[key].append(moment)
        for root in plan.roots.values():
            self._memory[id(root.node)] = self._first_memory(root)
        self._bind(range(len(plan.order)))

    def _first_memory(self, root: Root) -> Array:
        node = root.node
        if root.kind == "arena":
            size = node.size * node.dtype.itemsize
            return self._arena[root.offset : root.offset + size].view(node.dtype).reshape(node.shape)
        if root.kind == "result":
            array = self._results[id(node)].renewed()
            assert array is not None
            return array
        if node.op is not None:
            return node.op.forward()  # type: ignore[no-any-return]
        return np.zeros(node.shape, node.dtype) if node.value is None else node.value

    def __call__(self, *arguments: Array) -> list[Array]:
        """The results; each is the caller's, and no later run changes it."""
        self._renew(arguments)
        for step in self._bound:
            for call in step:
                call()
        return [self._result(y) for y in self.plan.graph.outputs]

    def _result(self, y: Tensor) -> Array:
        array = seen(self.plan, y, self._memory)
        return array.view() if self.plan.root(y).kind == "result" else array.copy()

    def _renew(self, arguments: Sequence[Array]) -> None:
        """Takes the memory of this run: the arguments, the parameters as they are now, results nobody holds."""
        changed = list(zip(self.plan.graph.inputs, arguments, strict=True))
        changed += [(leaf, leaf.numpy()) for leaf in self._leaves if leaf.value is not None]
        fresh = [(id(x), array) for x, array in changed if self._memory.get(id(x)) is not array]
        renewed = [(key, pool.renewed()) for key, pool in self._results.items()]
        fresh += [(key, array) for key, array in renewed if array is not None]
        moments = {moment for key, array in fresh for moment in self._users[key]}
        self._memory.update(fresh)
        if moments:
            self._bind(sorted(moments))

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
        for pool in self._results.values():
            pool.expect()

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
