"""`mg.compile`: a Python function becomes one program for each kind of arguments it is called with."""

from collections.abc import Callable, Iterable
from functools import update_wrapper
from sys import modules
from types import MethodType
from typing import Any

import numpy as np

from minigrad.compiler.explain import explained
from minigrad.compiler.parallel import Workers, default_workers, one_blas_thread, worth_splitting
from minigrad.compiler.passes import PASSES, Pass, numbers_inside
from minigrad.compiler.plan import planned
from minigrad.compiler.program import Program
from minigrad.compiler.tracing import Traced, same, traced
from minigrad.context import current
from minigrad.errors import UsageError
from minigrad.graph import Graph
from minigrad.measure import Explanation
from minigrad.nest import filled, leaves, parts
from minigrad.tensor import Tensor

FORMS, READY = 8, 8
"""How many programs are kept for one kind of arguments, and how many in all keep their memory between calls."""


class Compiled:
    """A function that is traced once for each combination of argument shapes and dtypes, and from then on only run.

    Arguments may be arrays, Tensors, Modules, numbers, strings, and lists, tuples and dicts of them. A program belongs
    to the arrays' shapes and dtypes, the values of all other arguments and the Modules' `training` flags. Parameters
    and other Tensors that the function uses without being given them are read anew at each call; so are numbers and
    strings that it, or a method of its Modules, finds outside: where one has changed, the function is traced again; a
    number that changes at every call (a count of steps) is better an array argument, or kept where no method names it.
    Whatever else the function does, such as printing or appending to a list, it does only while it is traced.

    What it returns belongs to the caller: later calls do not change it. The work is divided among `workers` threads, by
    default one for each core if there is enough work. The last bits of results depend on the number of workers alone.
    Several Python threads may call it, and take turns; so may forked processes. A copy, or a pickle, is the function
    alone, which is traced again where it is called.
    """

    def __init__(self, f: Callable[..., Any], passes: tuple[Pass, ...] = PASSES, workers: int | None = None) -> None:
        if not callable(f):
            raise UsageError(f"a function can be compiled, or a Module, but not a {type(f).__name__}")
        update_wrapper(self, f, updated=())
        self._f, self._passes, self._asked_for = f, passes, workers
        self._workers = Workers(default_workers() if workers is None else workers)
        self._one = Workers(1)
        self._entries: dict[Any, list[Entry]] = {}
        self._latest: Entry | None = None
        self._ready: list[Entry] = []

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        """The function as a method, whose first argument is `owner`."""
        return self if owner is None else MethodType(self, owner)

    def __reduce__(self) -> Any:
        """For pickle: its name if a Python module has it under its name, otherwise the function to compile again."""
        name = getattr(self, "__qualname__", "")
        is_there = getattr(modules.get(self.__module__), name, None) is self
        return name if is_there else (Compiled, (self._f, self._passes, self._asked_for))

    def __repr__(self) -> str:
        return f"<compiled {getattr(self, '__qualname__', type(self._f).__name__)}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns, its Tensors computed by the program.

        In a trace, the function becomes part of it.
        """
        if current.get().tracing:
            return self._f(*args, **kwargs)
        arrays: list[Any] = []
        key = described((args, kwargs), arrays)
        with self._workers.turn:
            known = self._entries.setdefault(key, [])
            entry = next((entry for entry in known if entry.fits()), None)
            if entry is None:
                entry = self._compiled(args, kwargs)
                known[:] = [*known[1 - FORMS :], entry]
            self._make_ready(entry)
            found = iter(entry.program(*arrays))
            kept = leaves(entry.traced.result)
            result = filled(entry.traced.result, (Tensor(next(found)) if isinstance(y, Tensor) else y for y in kept))
            for (target, _), value in zip(entry.traced.noted.assigned.values(), found, strict=True):
                (target.changing() if isinstance(target, Tensor) else target)[...] = value
        return result

    @property
    def map(self) -> Callable[..., Iterable[None]]:
        """`map` on the program's threads: `optimizer.step(compiled.map)` updates parameters on them too."""
        return self._workers.map

    @property
    def graph(self) -> Graph:
        """The graph compiled last, after all passes."""
        return self.last.graph

    @property
    def traced(self) -> Graph:
        """The graph compiled last, before all passes."""
        return self.last.whole

    def explain(self) -> Explanation:
        """What was done to the graph compiled last, where its memory is, and where its time goes."""
        entry = self.last
        with self._workers.turn, one_blas_thread():
            return explained(entry.whole, self._passes, entry.program)

    @property
    def last(self) -> "Entry":
        """What was compiled last: the trace, the graph before and after the passes, and the program."""
        if self._latest is None:
            raise UsageError("nothing is compiled yet: call the function once")
        return self._latest

    def _make_ready(self, entry: "Entry") -> None:
        """Makes the program the one run last, and frees the memory of those run long ago or in an outgrown arena."""
        if self._ready[-1:] != [entry]:
            others = [other for other in self._ready if other is not entry]
            self._ready = [*(other for other in others[1 - READY :] if not other.program.outgrown), entry]
            for other in others:
                if other not in self._ready:
                    other.program.forget()

    def _compiled(self, args: Any, kwargs: Any) -> "Entry":
        found = traced(self._f, args, kwargs)
        whole = graph = numbers_inside(found.graph, found.noted.born)
        for rewriting in self._passes:
            graph = rewriting(graph)
        alone = self._asked_for is None and not worth_splitting(whole)
        program = Program(planned(graph), self._one if alone else self._workers)
        self._latest = Entry(found, whole, graph, program)
        return self._latest


class Entry:
    """A program for one kind of call, its trace, the graph before and after the passes, and what it depends on."""

    def __init__(self, traced: Traced, whole: Graph, graph: Graph, program: Program) -> None:
        self.traced, self.whole, self.graph, self.program = traced, whole, graph, program
        self._modules = [(module, module.signature()) for module in traced.noted.modules.values()]
        self._leaves = [(leaf, form(leaf)) for leaf in whole.leaves if leaf.serial < traced.noted.born]

    def fits(self) -> bool:
        """Whether modules, parameters and numbers outside are still as they were when the function was traced."""
        return (
            all(module.signature() == known for module, known in self._modules)
            and all(form(leaf) == known for leaf, known in self._leaves)
            and all(same(look(), known) for look, known in self.traced.outside)
        )


def form(leaf: Tensor) -> tuple[Any, ...]:
    """What a program takes for granted about a Tensor that it reads."""
    return leaf.shape, leaf.dtype, leaf.requires_grad


def described(x: Any, arrays: list[Any]) -> Any:
    """A hashable description of an argument, part of a program's key; its arrays are appended to `arrays`."""
    if isinstance(x, Tensor | np.ndarray):
        arrays.append(x.numpy() if isinstance(x, Tensor) else x)
        return "array", x.shape, x.dtype
    opened = parts(x)
    if opened is not None:
        return opened[0], *(described(part, arrays) for part in opened[1])
    if isinstance(x, float | complex | np.inexact):
        return type(x), repr(x)  # 0.0 is not −0.0 here, and nan is nan
    if type(x).__hash__ in (None, object.__hash__) and not callable(x):  # type: ignore[comparison-overlap]
        raise UsageError(
            f"a compiled function was given a {type(x).__name__}, whose contents may change unseen: pass arrays (of "
            "random numbers too), Modules, numbers, strings, or lists, tuples, dicts and dataclasses of them"
        )
    return type(x), x
