"""What is checked: a function of named float64 leaves, whose outputs are weighted by fixed cotangents.

Imports the engine. The function is called again at each point; nothing is assumed but that it is deterministic.
"""

import copy
import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from minigrad.check.differences import Line, Values
from minigrad.errors import CheckError
from minigrad.gradient import grad, listed
from minigrad.graph import flat
from minigrad.module import Module
from minigrad.op import Array
from minigrad.tensor import Tensor


class Problem:
    """`function()` computes Tensors from `variables`, leaves whose `data` is replaced for each evaluation."""

    def __init__(
        self, title: str, function: Callable[[], Any], variables: dict[str, Tensor], rng: np.random.Generator
    ) -> None:
        self.title, self.function, self.variables = title, function, variables
        outputs = self.outputs()
        self.cotangents = [cotangent(y, rng) for y in outputs]
        self.defined = all(np.isfinite(y.numpy()).all() for y in outputs)

    def outputs(self) -> list[Tensor]:
        """The floating-point outputs."""
        with np.errstate(all="ignore"):
            return [y for y in flat(self.function()) if y.dtype.kind in "fc"]

    def values(self) -> Values:
        """All output elements times their cotangents, as one row; 0 where the cotangent is 0."""
        with np.errstate(all="ignore"):
            products = [(u.numpy() * y.numpy()).ravel() for u, y in zip(self.cotangents, self.outputs(), strict=True)]
        weights = np.concatenate([np.zeros(0), *(u.numpy().ravel() for u in self.cotangents)])
        return np.where(weights == 0, 0.0, np.concatenate([np.zeros(0), *products]))

    def gradients(self) -> dict[str, Array | None]:
        """The engine's gradient by each variable, or None without a path; CheckError if that changes a variable."""
        before = {name: variable.numpy().copy() for name, variable in self.variables.items()}
        found = self._grad(self.cotangents, create_graph=False)
        changed = next((n for n, v in self.variables.items() if not np.array_equal(v.numpy(), before[n], True)), None)
        if changed is not None:
            raise CheckError(f"the backward pass of {self.title} changes {changed} in place, which no rule may")
        return {name: None if g is None else g.numpy() for name, g in zip(self.variables, found, strict=True)}

    def _grad(self, cotangents: Sequence[Tensor], create_graph: bool) -> tuple[Tensor | None, ...]:
        with np.errstate(all="ignore"):
            return grad(self.outputs(), list(self.variables.values()), list(cotangents), create_graph, True)

    def line(self, name: str, direction: Array) -> Line:
        """The values as a function of t when one variable is moved by t along `direction`."""
        x = self.variables[name].numpy()
        return lambda t: self.at({name: x + t * direction}, complex if isinstance(t, complex) else float)

    def at(self, points: dict[str, Array], kind: type = float) -> Values:
        """The values with some variables at other points (all complex if one is)."""
        everywhere = {name: points.get(name, v.data).astype(kind, copy=False) for name, v in self.variables.items()}
        with self.holding(everywhere):
            return self.values()

    @contextmanager
    def holding(self, points: dict[str, Array]) -> Iterator[None]:
        """Sets other values of the variables inside the block."""
        before = {name: variable.data for name, variable in self.variables.items()}
        try:
            for name, x in points.items():
                self.variables[name].data = x
            yield
        finally:
            for name, x in before.items():
                self.variables[name].data = x

    def derivative(self, rng: np.random.Generator) -> "Problem":
        """The problem of order 2: its outputs are this one's gradients, as functions of variables and cotangents."""
        outer = {f"cotangent {i}": Tensor(u.numpy().copy(), True) for i, u in enumerate(self.cotangents)}
        cotangents = list(outer.values())

        def gradients() -> list[Tensor]:
            return [g for g in self._grad(cotangents, create_graph=True) if g is not None]

        return Problem(f"the gradient of {self.title}", gradients, self.variables | outer, rng)


def generator(seed: int) -> np.random.Generator:
    """A random generator for checks, different from one that the inputs may have been drawn from with the same seed."""
    return np.random.default_rng((seed, 0x67726164))


def cotangent(y: Tensor, rng: np.random.Generator) -> Tensor:
    """1 for a scalar, so that a report shows its gradient; else Gaussian; 0 where y is not finite."""
    u = np.ones(()) if y.shape == () else rng.standard_normal(y.shape)
    return Tensor(np.asarray(u * np.isfinite(y.numpy())))


def posed(f: Callable[..., Any], inputs: Sequence[Any], rng: np.random.Generator) -> Problem:
    """The problem of checking f(*inputs).

    For a function, all floating-point inputs are variables. For a Module or its method, the variables are the
    parameters of a float64 copy, and those inputs that are Tensors requiring a gradient.
    """
    function, parameters = thrown_away(f)
    inputs = listed(inputs)
    names = argument_names(function, len(inputs))
    arguments = [promoted(x, chosen=not parameters) for x in inputs]
    variables = {n: a for n, a in zip(names, arguments, strict=True) if isinstance(a, Tensor) and a.requires_grad}
    if not variables | parameters:
        raise CheckError(
            f"{title_of(f)} has no floating input to differentiate by: pass arrays of floats, or a Module's method"
        )
    check_outputs(function, arguments)
    return Problem(title_of(f), lambda: function(*arguments), variables | parameters, rng)


def thrown_away(f: Callable[..., Any]) -> tuple[Callable[..., Any], dict[str, Tensor]]:
    """f on a float64 copy of the Module it belongs to, and the copy's parameters by name; a plain function as it is."""
    module = f if isinstance(f, Module) else getattr(f, "__self__", None)
    if not isinstance(module, Module):
        return f, {}
    twin = copy.deepcopy(module)
    for parameter in twin.parameters():
        parameter.data = parameter.numpy().astype(np.float64)
    return twin if isinstance(f, Module) else getattr(twin, f.__name__), {str(p.name): p for p in twin.parameters()}


def promoted(x: Any, chosen: bool) -> Any:
    """A copy of a floating-point input in float64, as a leaf if it is to be differentiated; anything else as it is."""
    array = x.numpy() if isinstance(x, Tensor) else x
    if np.iscomplexobj(array):
        raise CheckError("gradcheck takes real inputs: complex numbers are its own means (method='complex')")
    if not isinstance(array, np.ndarray | float | np.floating) or np.asarray(array).dtype.kind != "f":
        return x
    wide = np.array(array, dtype=np.float64)
    if chosen or (isinstance(x, Tensor) and x.requires_grad):
        return Tensor(wide, requires_grad=True)
    return Tensor(wide) if isinstance(x, Tensor) else wide


def argument_names(f: Callable[..., Any], count: int) -> list[str]:
    """The names of f's first `count` arguments; `input 0`, … for those without a name."""
    try:
        parameters: Iterable[Any] = inspect.signature(getattr(f, "forward", f)).parameters.values()
    except (TypeError, ValueError):
        parameters = ()
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [named[i] if i < len(named) else f"input {i}" for i in range(count)]


def title_of(f: Callable[..., Any]) -> str:
    """The name by which a reader knows the function."""
    if isinstance(f, Module):
        return type(f).__name__
    return (
        str(getattr(f, "__qualname__", type(f).__name__)).rpartition("<locals>.")[2].replace("<lambda>", "the function")
    )


def check_outputs(f: Callable[..., Any], arguments: Sequence[Any]) -> None:
    """CheckError if f changes an input, is not deterministic, is not finite, or computes in less than float64."""
    before = [np.array(raw(a)) for a in arguments]
    with np.errstate(all="ignore"):
        first, second = ([np.array(y.numpy()) for y in flat(f(*arguments))] for _ in range(2))
    for i, (old, now) in enumerate(zip(before, map(raw, arguments), strict=True)):
        if not np.array_equal(old, np.asarray(now), equal_nan=old.dtype.kind in "fc"):
            raise CheckError(f"the function changes its input {i} in place; let it work on a copy")
    for a, b in zip(first, second, strict=True):
        if not np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"):
            raise CheckError(
                "the function gives different values for the same inputs; "
                "draw its random numbers outside and pass them in"
            )
    if not any(y.dtype.kind == "f" for y in first):
        raise CheckError("the function gives no floating output, so there is nothing to differentiate")
    spoilt = next((y for y in first if y.dtype.kind == "f" and not np.isfinite(y).all()), None)
    if spoilt is not None:
        place = tuple(map(int, np.argwhere(~np.isfinite(spoilt))[0]))
        raise CheckError(
            f"the function gives {spoilt[place]} at {place} of its result, and differences need numbers; "
            "stop_at_not_finite() tells which operation made it"
        )
    narrow = next((y.dtype for y in first if y.dtype in (np.float16, np.float32)), None)
    if narrow is not None:
        raise CheckError(
            f"the function gives {narrow} for float64 inputs, too coarse for differences; "
            f"look for a cast or a {narrow} array inside it"
        )


def raw(x: Any) -> Any:
    """A Tensor's array; anything else as it is."""
    return x.numpy() if isinstance(x, Tensor) else x
