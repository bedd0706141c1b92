"""gradcheck: checks the gradients of a function, or of a model's parameters, by differences. Imports the engine."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from minigrad.check.diagnosis import Case, diagnose
from minigrad.check.differences import STEP, Kink, Values, sweep
from minigrad.check.examine import RULES, TOLERANCES, Measure, examine
from minigrad.check.localize import LocalErrors, localize
from minigrad.check.problem import Problem, generator, posed
from minigrad.check.report import SHOWN, Finding, Report
from minigrad.errors import UsageError
from minigrad.gradient import jvp
from minigrad.tensor import Tensor

NUDGE = 1e-4  # how far beside a point a second look is taken


def gradcheck(
    f: Callable[..., Any],
    inputs: Sequence[Any],
    *,
    order: int = 1,
    method: str = "central",
    tolerance: float | None = None,
    places: int = 100,
    seed: int = 0,
    raises: bool = True,
) -> Report:
    """Checks the gradients of f(*inputs) in float64; CheckError with a diagnosis when one is wrong.

    f returns a Tensor or several. If it is a Module or a Module's method, the gradients by its parameters are checked,
    under their names. Arrays of at most `places` elements are checked element by element, larger ones along a random
    direction and at a sample of elements. `order=2` checks the gradient of the gradient. `method` is "central",
    "richardson", or "complex" (for analytic functions only, accurate to 1e-12). `tolerance` is relative to the largest
    element. With `raises=False` the Report is returned in any case.
    """
    if method not in RULES:
        raise UsageError(f"method {method!r} is none of {', '.join(map(repr, RULES))}")
    rng = generator(seed)
    problem = posed(f, inputs, rng)
    for _ in range(order - 1):
        problem = problem.derivative(rng)
    measure = Measure(method, tolerance or TOLERANCES[method] * 10 ** (order - 1), places)
    report = excused(examine(problem, measure, rng), problem, measure, rng)
    return report.raised() if raises else report


def gradgradcheck(f: Callable[..., Any], inputs: Sequence[Any], **options: Any) -> Report:
    """`gradcheck` of order 2: checks the gradients of the gradients, as functions of the inputs and the cotangents."""
    return gradcheck(f, inputs, order=2, **options)


def excused(report: Report, problem: Problem, measure: Measure, rng: np.random.Generator) -> Report:
    """The report. If it is bad: with the Ops to blame, or excused where kinks inside the function are the only cause.

    Conventional gradients at kinks need not add up to a slope: relu(x) − relu(−x) is x, but its gradient at 0 is 0. So
    a gradient is excused if it is right a little beside the point, and each Op's own rule is right at the point.
    """
    if report.ok:
        return report
    errors = localize(*problem.outputs())
    if not errors.wrong and all(f.places for f in report.findings if not f.ok) and right_beside(problem, measure, rng):
        return replace(report, findings=tuple(map(at_a_kink, report.findings)))
    return replace(report, note=blame(errors))


def right_beside(problem: Problem, measure: Measure, rng: np.random.Generator) -> bool:
    """Whether all gradients are right at a point close by."""
    x = {name: variable.numpy() for name, variable in problem.variables.items()}
    moved = {name: a + NUDGE * (1 + np.abs(a)) * rng.standard_normal(a.shape) for name, a in x.items()}
    with problem.holding(moved):
        return examine(problem, measure, rng).ok


def blame(errors: LocalErrors) -> str:
    """Which Ops' rules are wrong; if none, what else may cut a gradient off."""
    if errors.wrong:
        return "\n".join(["the wrong rules:", *(f"  {wrong.summary}" for wrong in errors.wrong[:SHOWN])])
    return f"all {len(errors)} Ops' own rules are right: look for detach(), no_grad() or a value taken out by numpy()"


def at_a_kink(finding: Finding) -> Finding:
    """The finding with its wrong elements declared to be kinks."""
    places = tuple(replace(p, wrong=False, kink=Kink(np.nan, np.nan)) if p.wrong else p for p in finding.places)
    return replace(finding, places=places, kind="", error=0.0 if finding.kind else finding.error)


def error_curve(
    f: Callable[..., Any],
    inputs: Sequence[Any],
    name: str | None = None,
    index: tuple[int, ...] | None = None,
    seed: int = 0,
) -> list[tuple[float, float, float]]:
    """(step, error of the central difference, error of Richardson's) for the gradient at one element, over many steps.

    The errors of a right gradient form a V: truncation falls with the step until rounding rises. Those of a wrong one
    level off. The element is `index` of the input or parameter `name`, by default the first element of the first one.
    """
    problem = posed(f, inputs, generator(seed))
    name = name or next(iter(problem.variables))
    direction = np.zeros(problem.variables[name].shape)
    direction[index or (0,) * direction.ndim] = 1.0
    gradient = problem.gradients()[name]
    return sweep(problem.line(name, direction), 0.0 if gradient is None else float((gradient * direction).sum()))


def jvpcheck(
    f: Callable[..., Any], inputs: Sequence[Any], *, tolerance: float = 1e-7, seed: int = 0, raises: bool = True
) -> Report:
    """Checks `mg.jvp` along random tangents against differences of the outputs, element by element."""
    rng = generator(seed)
    problem = posed(f, inputs, rng)
    variables = list(problem.variables.values())
    tangents = [rng.standard_normal(v.shape) for v in variables]
    moved = jvp(problem.outputs(), variables, [Tensor(v) for v in tangents])
    x = {name: v.data for name, v in problem.variables.items()}
    ahead, behind = (
        outputs_at(problem, {n: x[n] + t * v for n, v in zip(x, tangents, strict=True)}) for t in (STEP, -STEP)
    )
    triples = zip(moved, ahead, behind, strict=True)
    findings = [tangent_finding(i, dy.numpy(), (b - a) / (2 * STEP), tolerance) for i, (dy, b, a) in enumerate(triples)]
    report = Report(f"forward mode of {problem.title}", tuple(findings))
    return report.raised() if raises else report


def outputs_at(problem: Problem, points: dict[str, Values]) -> list[Values]:
    """The outputs with the variables at other values."""
    with problem.holding(points):
        return [y.numpy() for y in problem.outputs()]


def tangent_finding(i: int, analytic: Values, numeric: Values, tolerance: float) -> Finding:
    """The comparison of one output's tangent with its difference."""
    scale = max(np.abs(analytic).max(initial=0), np.abs(numeric).max(initial=0), 1e-12)
    error = float(np.abs(analytic - numeric).max(initial=0) / scale)
    case = Case(analytic, np.arange(analytic.size), numeric.ravel(), numeric)
    return Finding(f"tangent of output {i}", analytic.shape, error, (), "" if error <= tolerance else diagnose(case))
