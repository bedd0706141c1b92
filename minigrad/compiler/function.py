"""`compile`: a Python function becomes one program for each kind of arguments it is called with."""

from collections.abc import Callable, Iterable, Iterator
from threading import RLock
from typing import Any, NamedTuple

import numpy as np

from minigrad.compiler.explain import Explanation, explained
from minigrad.compiler.parallel import Workers, default_workers, one_blas_thread, worth_splitting
from minigrad.compiler.passes import PASSES, Pass, numbers_inside
from minigrad.compiler.plan import planned
from minigrad.compiler.program import Program
from minigrad.context import tracing
from minigrad.errors import UsageError
from minigrad.graph import Graph
from minigrad.module import Module
from minigrad.mutation import serials
from minigrad.symbol import Symbol
from minigrad.tensor import Tensor


class Compiled:
    """A function that is traced once for each shape and dtype of its arrays, and then only run.

    Arguments may be arrays, Tensors, Modules, numbers, strings, and lists, tuples, dicts of them. A program belongs
    to the arrays' shapes and dtypes, the values of all other arguments and the Modules' `training` flags. Parameters
    and other Tensors that the function finds outside are read anew at each call. What it returns is the caller's.
    The work is divided among `workers` threads, by default one for each core where there is work enough. The last bits
    depend on the number of workers alone.
    """

    def __init__(self, f: Callable[..., Any], passes: tuple[Pass, ...] = PASSES, workers: int | None = None) -> None:
        self._f, self._passes, self._asked_for = f, passes, workers
        self._workers = Workers(default_workers() if workers is None else workers)
        self._one = Workers(1)
        self._entries: dict[Any, Entry] = {}
        self._lock = RLock()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns, its Tensors computed by the program."""
        arrays: list[Any] = []
        key = (described((args, kwargs), arrays), tuple(flags(module) for module in captured(self._f)))
        with self._lock:
            if key not in self._entries:
                self._entries[key] = self._traced(args, kwargs)
            entry = self._entries[key]
            found = iter(entry.program(*map(as_array, arrays)))
            result = filled(entry.result, found)
            for target, value in zip(entry.assigned, found, strict=True):
                (target.changing() if isinstance(target, Tensor) else target)[...] = value
        return result

    @property
    def map(self) -> Callable[..., Iterable[None]]:
        """`map` in the program's threads: `optimizer.step(compiled.map)` updates parameters in them too."""
        return self._workers.map

    @property
    def graph(self) -> Graph:
        """The graph that was compiled last, after all passes."""
        return self._last.graph

    @property
    def traced(self) -> Graph:
        """The graph that was compiled last, before any pass."""
        return self._last.traced

    def explain(self) -> Explanation:
        """What was done to the graph that was compiled last, where its memory is and where its time goes."""
        entry = self._last
        with self._lock, one_blas_thread():
            return explained(entry.traced, self._passes, entry.program)

    @property
    def _last(self) -> "Entry":
        if not self._entries:
            raise UsageError("nothing is compiled yet: call the function once")
        return next(reversed(self._entries.values()))

    def _traced(self, args: Any, kwargs: Any) -> "Entry":
        born = next(serials)
        symbols: list[Tensor] = []
        assigned: dict[int, tuple[Any, Tensor]] = {}
        with tracing(assigned):
            args, kwargs = symbolised((args, kwargs), symbols)
            result = self._f(*args, **kwargs)
        outputs = [*tensors(result), *(value for _, value in assigned.values())]
        traced = numbers_inside(Graph(symbols, outputs), born)
        graph = self._rewritten(traced)
        alone = self._asked_for is None and not worth_splitting(traced)
        program = Program(planned(graph), self._one if alone else self._workers)
        return Entry(traced, graph, program, result, [target for target, _ in assigned.values()])

    def _rewritten(self, graph: Graph) -> Graph:
        for rewriting in self._passes:
            graph = rewriting(graph)
        return graph


class Entry(NamedTuple):
    """One kind of arguments: the graph as traced, as compiled, its program, the shape of the result, and what it
    changes in place at each call."""

    traced: Graph
    graph: Graph
    program: Program
    result: Any
    assigned: list[Any]


def is_array(x: Any) -> bool:
    """What becomes an input of the graph."""
    return isinstance(x, Tensor | np.ndarray)


def as_array(x: Any) -> Any:
    """The array of an argument."""
    return x.numpy() if isinstance(x, Tensor) else x


def described(x: Any, arrays: list[Any]) -> Any:
    """The part of the key that an argument makes; its arrays are appended to `arrays`."""
    if is_array(x):
        arrays.append(x)
        return "array", x.shape, x.dtype
    if isinstance(x, list | tuple):
        return (type(x), *(described(part, arrays) for part in x))
    if isinstance(x, dict):
        return ("dict", *((name, described(part, arrays)) for name, part in x.items()))
    if isinstance(x, Module):
        return flags(x)
    try:
        hash(x)
    except TypeError:
        raise UsageError(
            f"a compiled function was given a {type(x).__name__}, which cannot be compared with earlier ones: "
            "pass arrays, Modules, numbers, strings, or lists, tuples and dicts of them"
        ) from None
    return type(x), x


def flags(module: Module) -> Any:
    """A module and the training flags of its tree."""
    return id(module), tuple(m.training for m in module.modules())


def captured(f: Any) -> Iterator[Module]:
    """The modules that a function brings along: the one it is a method of, and those in its closure."""
    cells = getattr(f, "__closure__", None) or ()
    for thing in (getattr(f, "__self__", None), *(cell.cell_contents for cell in cells)):
        if isinstance(thing, Module):
            yield thing


def symbolised(x: Any, symbols: list[Tensor]) -> Any:
    """The argument with a symbol for each array, appended to `symbols`."""
    if is_array(x):
        name = x.name if isinstance(x, Tensor) and x.name else f"arg{len(symbols)}"
        symbols.append(Tensor(Symbol(x.shape, x.dtype), requires_grad=x.dtype.kind in "fc", name=name))
        return symbols[-1]
    if isinstance(x, list | tuple):
        return type(x)(symbolised(part, symbols) for part in x)
    if isinstance(x, dict):
        return {name: symbolised(part, symbols) for name, part in x.items()}
    return x


def tensors(result: Any) -> Iterator[Tensor]:
    """The Tensors in a result, in order."""
    if isinstance(result, Tensor):
        yield result
    elif isinstance(result, list | tuple | dict):
        for part in result.values() if isinstance(result, dict) else result:
            yield from tensors(part)


def filled(result: Any, found: Iterator[Any]) -> Any:
    """The result with what was found in place of its Tensors."""
    if isinstance(result, Tensor):
        return Tensor(next(found))
    if isinstance(result, list | tuple):
        return type(result)(filled(part, found) for part in result)
    if isinstance(result, dict):
        return {name: filled(part, found) for name, part in result.items()}
    return result
