"""Compares a problem's gradients with differences, element by element or along random directions.

An element ("place") counts as wrong only if no better difference agrees with it, and if it is not at a kink whose two
slopes allow any number between them. Imports the engine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from minigrad.check.diagnosis import UNKNOWN, Case, close, diagnose, shape_kind
from minigrad.check.differences import (
    SMALL,
    STEP,
    Line,
    Slope,
    Values,
    best,
    central,
    complex_step,
    kink,
    nearby,
    richardson,
)
from minigrad.check.problem import Problem
from minigrad.check.report import Finding, Place, Report

RULES: dict[str, Callable[[Line, float], Slope]] = {
    "central": central,
    "richardson": lambda line, h: richardson(line, 100 * h),
    "complex": lambda line, h: complex_step(line),
}
TOLERANCES = {"central": 1e-7, "richardson": 1e-8, "complex": 1e-12}
SURE = 1e-3  # the relative error below which a difference close by is believed
WHOLE = 400  # an array of at most so many elements is looked at in full when something is wrong with it


@dataclass(frozen=True)
class Measure:
    """How derivatives are measured: the method, the relative error allowed, and how many elements of each array."""

    method: str = "central"
    tolerance: float = 1e-7
    places: int = 100

    def slope(self, line: Line, size: float) -> Slope:
        """The derivative along a line, for a variable of this size."""
        with np.errstate(all="ignore"):
            return RULES[self.method](line, STEP * max(1.0, abs(size)))


def examine(problem: Problem, measure: Measure, rng: np.random.Generator) -> Report:
    """The Report on all gradients of a problem."""
    gradients = problem.gradients()
    findings = [Examination(problem, name, g, measure, rng).finding() for name, g in gradients.items()]
    return Report(problem.title, tuple(exchanged(finding, findings) for finding in findings))


def exchanged(finding: Finding, findings: Sequence[Finding]) -> Finding:
    """The finding; if its mistake is unknown and its gradient is that of another variable, with that said."""
    if finding.kind != UNKNOWN:
        return finding
    given = np.array([p.analytic for p in finding.places])
    for other in findings:
        right = np.array([p.numeric for p in other.places])
        if other.shape == finding.shape and given.shape == right.shape and close(given, right):
            return replace(finding, kind=f"the gradient of {other.name}")
    return finding


class Examination:
    """The comparison of one variable's gradient with differences of the problem's values."""

    def __init__(
        self, problem: Problem, name: str, gradient: Values | None, measure: Measure, rng: np.random.Generator
    ) -> None:
        self.problem, self.name, self.measure, self.rng = problem, name, measure, rng
        self.x: Values = problem.variables[name].numpy()
        self.analytic = np.zeros(self.x.shape) if gradient is None else gradient
        if not problem.defined:  # where results are no numbers, the rules need not give any
            self.analytic = np.nan_to_num(self.analytic, nan=0.0, posinf=0.0, neginf=0.0)
        self.missing = gradient is None
        self.along = 0.0  # the relative error along a direction, if one was taken

    def finding(self) -> Finding:
        """The result of the comparison, with its diagnosis."""
        if self.analytic.shape != self.x.shape:
            return Finding(self.name, self.x.shape, np.inf, (), shape_kind(self.analytic, self.x))
        if self.analytic.dtype != self.x.dtype:
            return Finding(self.name, self.x.shape, np.inf, (), f"of dtype {self.analytic.dtype}, not {self.x.dtype}")
        chosen = self.chosen()
        numeric = [self.measure.slope(self.line(i), self.x.flat[i]) for i in chosen]
        scale = max(np.abs(self.analytic).max(initial=0), max((abs(s.value) for s in numeric), default=0.0))
        judged = [self.judged(int(i), slope, scale) for i, slope in zip(chosen, numeric, strict=True)]
        places = tuple(place for place, _ in judged)
        error = self.error(places, [slope for _, slope in judged], scale)
        return Finding(self.name, self.x.shape, error, places, self.kind(places))

    def chosen(self) -> Values:
        """The flat indices to check: all of a small array.

        A few of a large one, or many if a random direction disagrees.
        """
        everywhere, places = np.arange(self.x.size), self.measure.places
        if self.x.size <= places:
            return everywhere
        if not self.disagrees(everywhere):
            return self.rng.choice(everywhere, max(places // 10, 1), replace=False)
        if self.x.size <= WHOLE:
            return everywhere
        return np.unique([*self.rng.choice(everywhere, WHOLE, replace=False), self.culprit(everywhere)])

    def disagrees(self, support: Values) -> bool:
        """Whether the derivative along random signs on the elements `support` differs from what the gradient says."""
        direction = np.zeros(self.x.size)
        direction[support] = self.rng.choice([-1.0, 1.0], support.size)
        line = self.problem.line(self.name, direction.reshape(self.x.shape))
        expected = float(self.analytic.ravel() @ direction)
        scale = max(float(np.linalg.norm(self.analytic.ravel()[support])), abs(expected))
        sizes = np.abs(self.x)
        slope = self.measure.slope(line, sizes.max())
        slope, wrong = self.careful(line, slope, expected, scale, float(sizes.min()))
        self.along = 0.0 if wrong else abs(slope.value - expected) / (max(scale, self.floor([slope])) or 1.0)
        return wrong

    def culprit(self, support: Values) -> int:
        """The index of a wrong element, found by repeatedly halving the support to a half that disagrees."""
        while support.size > 1:
            half = support[: support.size // 2]
            support = half if self.disagrees(half) else support[support.size // 2 :]
        return int(support[0])

    def line(self, i: int) -> Line:
        """The line along which element i alone changes."""
        direction = np.zeros(self.x.size)
        direction[i] = 1.0
        return self.problem.line(self.name, direction.reshape(self.x.shape))

    def judged(self, i: int, slope: Slope, scale: float) -> tuple[Place, Slope]:
        """The verdict on element i, and the difference on which it rests."""
        index = tuple(int(k) for k in np.unravel_index(i, self.x.shape))
        analytic = float(self.analytic.flat[i])
        size = abs(float(self.x.flat[i]))
        slope, wrong = self.careful(self.line(i), slope, analytic, scale, size)
        corner = kink(self.line(i), STEP) if wrong and not closely(self.line(i), size) else None
        allowed = corner is not None and corner.allows(analytic, 1e-4 * scale)
        return Place(index, analytic, slope.value, wrong and not allowed, corner), slope

    def careful(self, line: Line, slope: Slope, analytic: float, scale: float, size: float) -> tuple[Slope, bool]:
        """Whether the derivative differs from `analytic`; where `slope` says so, a more exact difference decides."""
        tolerance = self.measure.tolerance
        if abs(slope.value - analytic) <= tolerance * scale + slope.error:
            return slope, False
        with np.errstate(all="ignore"):
            slope = closely(line, size) or best(line, STEP)
        return slope, not abs(slope.value - analytic) <= tolerance * scale + 4 * slope.error

    def error(self, places: Sequence[Place], slopes: Sequence[Slope], scale: float) -> float:
        """The largest gap where the function is smooth, relative to the largest element.

        Gradients smaller than the differences can resolve are measured against that limit instead.
        """
        smooth = [(p, s) for p, s in zip(places, slopes, strict=True) if p.wrong or not p.kink]
        gap = max((p.gap for p, _ in smooth), default=0.0)
        return max(self.along, float(gap / (max(scale, self.floor([s for _, s in smooth])) or 1.0)))

    def floor(self, slopes: Sequence[Slope]) -> float:
        """The smallest gradient that the differences can tell from zero."""
        return max((s.error for s in slopes), default=0.0) / self.measure.tolerance

    def kind(self, places: Sequence[Place]) -> str:
        """The diagnosis; empty when no element is wrong."""
        if not any(p.wrong for p in places):
            return ""
        if self.missing:
            return "no gradient arrives, as if the path were cut"
        smooth = [p for p in places if not p.kink]
        if not any(p.wrong for p in smooth):
            corner = next(p for p in places if p.wrong)
            return f"outside the two slopes of a kink: at {corner.index}, {corner.kink}"
        flat = np.array([np.ravel_multi_index(p.index, self.x.shape) if p.index else 0 for p in smooth])
        return diagnose(Case(self.analytic, flat, np.array([p.numeric for p in smooth]), self.x))


def closely(line: Line, size: float) -> Slope | None:
    """The difference with steps within the size of a small variable, if reliable: beyond it the function may change."""
    with np.errstate(all="ignore"):
        slope = nearby(line, size) if 0 < size < SMALL else None
    return slope if slope and slope.error <= SURE * abs(slope.value) else None
