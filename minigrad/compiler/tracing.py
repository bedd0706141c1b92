"""Traces a function whose graph will be run again and again in its place.

It is traced twice: whatever differs (a random number, a clock, a counter) would wrongly stay the same in later runs.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from inspect import getattr_static, getclosurevars, isfunction
from itertools import zip_longest
from types import CodeType
from typing import Any, NamedTuple

import numpy as np

from minigrad.context import Noted, tracing
from minigrad.errors import TraceError, UsageError
from minigrad.graph import Graph, symbolic
from minigrad.module import Module
from minigrad.mutation import serials
from minigrad.nest import filled, leaves
from minigrad.tensor import Tensor

CONSTANTS = (int, float, complex, str, bytes, type(None), np.generic, np.dtype)
"""The types that a function may return besides Tensors, and whose values outside are looked at again at each call."""


class Traced(NamedTuple):
    """A trace: the graph's outputs are the Tensors of `result`, then the new values of `noted.assigned`."""

    graph: Graph
    result: Any
    noted: Noted
    outside: list[tuple[Callable[[], Any], Any]]


def traced(f: Callable[..., Any], args: Any, kwargs: Any) -> Traced:
    """The traced call. TraceError if it cannot stand for later calls, UsageError if a result cannot be returned."""
    first, second = (once(f, args, kwargs) for _ in range(2))
    if differing := difference(first, second):
        raise TraceError(
            f"traced twice, the function gave two programs; they differ in {differing}: a random number, a clock or a "
            "counter inside it would be the same in every later call; draw it outside and pass it as an argument"
        )
    return first


def once(f: Callable[..., Any], args: Any, kwargs: Any) -> Traced:
    """One trace, with a symbol for each array among the arguments."""
    noted, given = Noted(next(serials)), leaves((args, kwargs))
    noted.modules.update((id(x), x) for x in (*at_hand(f), *given) if isinstance(x, Module))
    with tracing(noted):
        inputs = [symbolic(x, f"arg{i}") for i, x in enumerate(x for x in given if isinstance(x, Tensor | np.ndarray))]
        symbols = iter(inputs)
        args, kwargs = filled(
            (args, kwargs), (next(symbols) if isinstance(x, Tensor | np.ndarray) else x for x in given)
        )
        result = f(*args, **kwargs)
    graph = Graph(inputs, [*filter(is_tensor, leaves(result)), *(value for _, value in noted.assigned.values())])
    for leaf in graph.leaves:
        if leaf.value is None:
            raise TraceError(f"{leaf!r} is a symbol of another trace, or a copy that is no node: copies are t.copy()")
    return Traced(graph, result, noted, [*found_outside(f, noted.modules.values())])


def at_hand(f: Any, known: frozenset[int] = frozenset()) -> tuple[Any, ...]:
    """What a function can reach without being given it: its closure and globals.

    If there are compiled functions or partials among them, also what those can reach.
    """
    own: tuple[Any, ...] = (f, getattr(f, "__self__", None))
    try:
        found = getclosurevars(f)
        own += *found.nonlocals.values(), *found.globals.values()
    except (TypeError, ValueError):  # it is no Python function, or names something that is not there yet
        pass
    inside = [x.__wrapped__ for x in own if "__wrapped__" in getattr(x, "__dict__", ())]
    inside += [x.func for x in own if isinstance(x, partial)]
    return own + tuple(y for g in inside if id(g) not in known for y in at_hand(g, known | {id(f)}))


def found_outside(f: Any, modules: Iterable[Module]) -> Iterator[tuple[Callable[[], Any], Any]]:
    """The CONSTANTS that a function, or a Module's methods, use without being given them.

    Each comes as a call that looks it up, and its value now. Functions that the function finds in its closure or its
    file are searched too.
    """
    places, waiting, seen = [], [f], dict[int, set[str]]()
    while waiting:
        g = function_of(waiting.pop())
        if id(g) not in seen and isinstance(getattr(g, "__code__", None), CodeType):
            seen[id(g)] = names_in(g.__code__)
            there = [partial(g.__globals__.get, name) for name in seen[id(g)] & g.__globals__.keys()]
            around = [partial(getattr, held, "cell_contents", None) for held in g.__closure__ or ()]
            waiting += [y for look in there if getattr(y := look(), "__module__", None) == g.__module__]
            waiting += [look() for look in around]
            places += there + around
    for module in {id(part): part for whole in modules for part in whole.modules()}.values():
        methods = filter(isfunction, (function_of(g) for kind in type(module).__mro__ for g in vars(kind).values()))
        named = set[str]().union(*seen.values(), *(names_in(g.__code__) for g in methods if g.__name__ != "__init__"))
        known = named.intersection(dir(module))
        places += (partial(getattr, module, x, None) for x in known if isinstance(getattr_static(module, x), CONSTANTS))
    return ((look, value) for look in places if isinstance(value := look(), CONSTANTS))


def function_of(member: Any) -> Any:
    """The function inside a property, a static or compiled method, a partial and the like; otherwise what was given."""
    inside = (getattr(member, name, None) for name in ("fget", "func", "__wrapped__", "__func__"))
    return next((x for x in inside if hasattr(x, "__code__")), member)


def names_in(code: CodeType) -> set[str]:
    """The names of globals and attributes in a function's code, and in that of functions defined inside it."""
    inside = (names_in(inner) for inner in code.co_consts if isinstance(inner, CodeType))
    return set(code.co_names).union(*inside)


def same(x: Any, y: Any) -> bool:
    """Whether two numbers or strings have the same type and value, NaN being equal to itself, −0.0 not to 0.0."""
    return x is y or (type(x) is type(y) and repr(x) == repr(y))


def is_tensor(y: Any) -> bool:
    """Whether a part of a result is computed; UsageError if it is neither that nor a constant."""
    if not isinstance(y, (Tensor, *CONSTANTS)):
        what = f"a {type(y).__name__}" + (", which would be the same at each call" if isinstance(y, np.ndarray) else "")
        raise UsageError(
            f"a compiled function returned {what}: return Tensors, numbers, strings, None, and lists, tuples, dicts "
            "and dataclasses of them"
        )
    return isinstance(y, Tensor)


def difference(a: Traced, b: Traced) -> str | None:
    """A line of the program, or a constant, in which two traces differ; None if they agree."""
    lines = zip_longest(*(str(t.graph).splitlines() for t in (a, b)))
    values = zip(a.graph.leaves, b.graph.leaves, strict=False)
    returned = zip(*([y for y in leaves(t.result) if not isinstance(y, Tensor)] for t in (a, b)), strict=False)
    found = [x or y for x, y in lines if x != y]
    found += [f"a constant {x.shape}" for x, y in values if not alike(x.numpy(), y.numpy())]
    found += [f"{x!r}, which it returned" for x, y in returned if repr(x) != repr(y)]
    found += [f"{value!r}, which it changes outside" for look, value in a.outside if not same(look(), value)]
    return found[0] if found else None


def alike(x: Any, y: Any) -> bool:
    """Whether two leaves have equal values."""
    return x is y or np.array_equal(x, y, equal_nan=x.dtype.kind in "fc")
