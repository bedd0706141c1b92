"""compare_backward: compares a backward pass derived by hand with the engine's, gradient by gradient.

Imports the engine.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.check.diagnosis import Case, diagnose, shape_kind
from minigrad.check.examine import exchanged
from minigrad.check.problem import generator, posed
from minigrad.check.report import Finding, Place, Report
from minigrad.errors import CheckError
from minigrad.op import Array


def compare_backward(
    closed_form: Callable[..., Any],
    graph: Callable[..., Any],
    inputs: Sequence[Any],
    *,
    tolerance: float = 1e-9,
    seed: int = 0,
    raises: bool = False,
) -> Report:
    """Reports which gradients of a closed form are wrong, where, and in what way; CheckError with `raises`.

    `graph(*inputs)` returns a Tensor or several. `closed_form(*gs, *inputs)` returns the gradients by the
    floating-point inputs, in their order; it gets the inputs in float64, and for each output a random cotangent g (1
    for a scalar).
    """
    problem = posed(graph, inputs, generator(seed))
    cotangents = [u.numpy() for u in problem.cotangents]
    arrays = [x.astype(np.float64) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x for x in inputs]
    given = closed_form(*cotangents, *arrays)
    by_hand = list(given) if isinstance(given, tuple | list) else [given]
    if len(by_hand) != len(problem.variables):
        names = ", ".join(problem.variables)
        raise CheckError(
            f"the closed form gives {len(by_hand)} gradients and there are {len(problem.variables)}: {names}"
        )
    right = problem.gradients()
    findings = [
        compared(name, np.asarray(given), right[name], variable.numpy(), tolerance)
        for (name, variable), given in zip(problem.variables.items(), by_hand, strict=True)
    ]
    report = Report(f"the closed form of {problem.title}", tuple(exchanged(f, findings) for f in findings))
    return report.raised() if raises else report


def compared(name: str, given: Array, right: Array | None, x: Array, tolerance: float) -> Finding:
    """Compares the gradient found by hand with the engine's, element by element."""
    exact = np.zeros(x.shape) if right is None else right
    if given.shape != x.shape:
        return Finding(name, x.shape, np.inf, (), shape_kind(given, x))
    scale = max(np.abs(given).max(initial=0), np.abs(exact).max(initial=0))
    gaps = np.abs(given - exact)
    wrong = ~(gaps <= tolerance * scale)
    pairs = zip(np.ndindex(x.shape), given.flat, exact.flat, wrong.flat, strict=True)
    places = tuple(Place(i, float(a), float(b), bool(bad)) for i, a, b, bad in pairs)
    kind = diagnose(Case(given, np.arange(x.size), exact.ravel(), x)) if wrong.any() else ""
    return Finding(name, x.shape, float(gaps.max(initial=0) / (scale or 1.0)), places, kind, ("by hand", "automatic"))
