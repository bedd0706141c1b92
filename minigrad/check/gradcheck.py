"""gradcheck: the gradients of a function, or of a model's parameters, against differences. Imports the engine."""

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
    """Checks the gradients of f(*inputs) on float64 copies; CheckError with a diagnosis when one is wrong.

    f gives a Tensor or several; when it is a Module or a Module's method, its parameters are checked by name. Arrays of
    at most `places` elements are checked at each; larger ones along a random direction and at a sample. `order=2`
    checks the gradient of the gradient. `method`: "central", "richardson", or "complex" (analytic functions only, to
    1e-12). `tolerance` is relative to the largest element. With `raises=False` the Report alone tells.
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
    """`gradcheck` at order 2: as functions of the inputs and the cotangents, the gradients' own gradients."""
    return gradcheck(f, inputs, order=2, **options)


def excused(report: Report, problem: Problem, measure: Measure, rng: np.random.Generator) -> Report:
    """The report; where it is bad, with the Ops to blame, or excused if kinks inside the function are all it is.

    Conventions at kinks need not add up to a slope: relu(x) − relu(−x) is x, and its gradient at 0 is 0. So a gradient
    is excused that is right a little beside the point, when at the point each Op's own rule is right.
    """
    if report.ok:
        return report
    errors = localize(*problem.outputs())
    if not errors.wrong and all(f.places for f in report.findings if not f.ok) and right_beside(problem, measure, rng):
        return replace(report, findings=tuple(map(at_a_kink, report.findings)))
    return replace(report, note=blame(errors))


def right_beside(problem: Problem, measure: Measure, rng: np.random.Generator) -> bool:
    """Whether all gradients are right a little beside the point."""
    x = {name: variable.numpy() for name, variable in problem.variables.items()}
    moved = {name: a + NUDGE * (1 + np.abs(a)) * rng.standard_normal(a.shape) for name, a in x.items()}
    with problem.holding(moved):
        return examine(problem, measure, rng).ok


def blame(errors: LocalErrors) -> str:
    """Which Ops are wrong; if none, what cuts or bends a gradient without being an Op."""
    if errors.wrong:
        return "\n".join(["the wrong rules:", *(f"  {wrong.summary}" for wrong in errors.wrong[:SHOWN])])
    return f"all {len(errors)} Ops' own rules are right: look for detach(), no_grad() or a value taken out by numpy()"


def at_a_kink(finding: Finding) -> Finding:
    """The finding with its wrong places as kinks."""
    places = tuple(replace(p, wrong=False, kink=Kink(np.nan, np.nan)) if p.wrong else p for p in finding.places)
    return replace(finding, places=places, kind="", error=0.0 if finding.kind else finding.error)


def error_curve(
    f: Callable[..., Any],
    inputs: Sequence[Any],
    name: str | None = None,
    index: tuple[int, ...] | None = None,
    seed: int = 0,
) -> list[tuple[float, float, float]]:
    """(step, gap of the central difference, gap of Richardson's) from the gradient at one element, for many steps.

    A right gradient gives a V: truncation falls with the step until rounding rises. A wrong one gives a plateau. The
    element is `index` of the input or parameter `name`; by default the first of the first.
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
    """Forward mode: `mg.jvp` along random tangents against differences of the outputs, element by element."""
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
    """The outputs with the variables elsewhere."""
    with problem.holding(points):
        return [y.numpy() for y in problem.outputs()]


def tangent_finding(i: int, analytic: Values, numeric: Values, tolerance: float) -> Finding:
    """One output's tangent compared."""
    scale = max(np.abs(analytic).max(initial=0), np.abs(numeric).max(initial=0), 1e-12)
    error = float(np.abs(analytic - numeric).max(initial=0) / scale)
    case = Case(analytic, np.arange(analytic.size), numeric.ravel(), numeric)
    return Finding(f"tangent of output {i}", analytic.shape, error, (), "" if error <= tolerance else diagnose(case))
