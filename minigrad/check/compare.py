"""compare_backward: a backward pass derived by hand against the engine's, gradient by gradient. Imports the engine."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.check.diagnosis import Case, diagnose, shape_kind
from minigrad.check.problem import Problem, generator, posed
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
    """Which gradients of a closed form are wrong, where and how; CheckError with `raises`.

    `graph(*inputs)` gives a Tensor or several. `closed_form(*gs, *inputs)` gives the gradients of the floating inputs
    in their order, from one random cotangent g for each output (1 for a scalar) and the inputs, in float64.
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
    report = Report(f"the closed form of {problem.title}", tuple(compared(problem, by_hand, tolerance)))
    return report.raised() if raises else report


def compared(problem: Problem, by_hand: list[Any], tolerance: float) -> list[Finding]:
    """One finding for each variable, and the places where two gradients were swapped."""
    right = {
        name: np.zeros(problem.variables[name].shape) if g is None else g for name, g in problem.gradients().items()
    }
    findings = []
    for (name, exact), given in zip(right.items(), by_hand, strict=True):
        others = {other: g for other, g in right.items() if other != name}
        findings.append(
            one_compared(name, np.asarray(given), exact, problem.variables[name].numpy(), others, tolerance)
        )
    return findings


def one_compared(
    name: str, given: Array, exact: Array, x: Array, others: dict[str, Array], tolerance: float
) -> Finding:
    """The gradient given by hand against the engine's."""
    swapped = next((o for o, g in others.items() if g.shape == given.shape and near(given, g, tolerance)), None)
    if given.shape != exact.shape:
        return Finding(name, exact.shape, np.inf, (), shape_kind(given, exact))
    if near(given, exact, tolerance):
        return Finding(name, exact.shape, relative(given, exact))
    places = tuple(
        Place(i, float(given[i]), float(exact[i]), abs(given[i] - exact[i]) > tolerance * np.abs(exact).max())
        for i in np.ndindex(exact.shape)
    )
    kind = f"the gradient of {swapped}" if swapped else diagnose(Case(given, np.arange(x.size), exact.ravel(), x))
    return Finding(name, exact.shape, relative(given, exact), places, kind)


def near(a: Array, b: Array, tolerance: float) -> bool:
    """Equal to the tolerance, relative to the largest element."""
    return relative(a, b) <= tolerance


def relative(a: Array, b: Array) -> float:
    """max|a − b| / max(max|a|, max|b|)."""
    scale = max(np.abs(a).max(initial=0), np.abs(b).max(initial=0))
    return float(np.abs(a - b).max(initial=0) / scale) if scale else 0.0
