"""Derivatives from function values alone: differences along a line, their rounding errors, kinks. Imports NumPy alone.

A line is the function t ↦ values at x + t · direction. What is differentiated is the sum of those values; they are
subtracted one by one before they are summed, so that values that do not change add no rounding error.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Values: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Line: TypeAlias = Callable[[complex], Values]

EPSILON = float(np.finfo(np.float64).eps)
STEP = EPSILON ** (1 / 3)  # balances the truncation of a central difference, h², against its rounding, ε / h
SMALL = 1e-3  # a variable below this may be what its function's scale is measured by
IMAGINARY = 1e-30  # no subtraction, so the step of the complex method may be as small as one likes


@dataclass(frozen=True, slots=True)
class Slope:
    """An estimate of a derivative, and how far off it may be."""

    value: float
    error: float


def ratio(after: Values, before: Values, distance: float) -> Slope:
    """Σ (after − before) / distance, with the rounding error to expect (random errors add up as squares do)."""
    rounding = 4 * EPSILON * (np.linalg.norm(after) + np.linalg.norm(before))
    return Slope(float((after - before).sum()) / distance, float(rounding) / distance)


def central(line: Line, h: float) -> Slope:
    """(f(h) − f(−h)) / 2h. Its error is h² f‴ / 6 plus rounding; `error` is the rounding alone."""
    return ratio(line(h), line(-h), 2 * h)


def complex_step(line: Line) -> Slope:
    """Im f(ih) / h: exact but for rounding, for analytic functions (Squire & Trapp 1998)."""
    imaginary = line(IMAGINARY * 1j).imag / IMAGINARY
    return Slope(float(imaginary.sum()), 4 * EPSILON * float(np.abs(imaginary).sum()))


def richardson(line: Line, h: float) -> Slope:
    """(4 D(h/2) − D(h)) / 3 with the central difference D. Its error is of order h⁴.

    `error` is estimated from D's change.
    """
    wide, narrow = central(line, h), central(line, h / 2)
    change = (narrow.value - wide.value) / 3
    return Slope(narrow.value + change, abs(change) + 2 * narrow.error)


def best(line: Line, h: float) -> Slope:
    """The estimate with the smallest error, for steps from 100 h (for flat functions) to h / 1000 (near kinks)."""
    return surest(line, [h * 10.0**k for k in range(2, -4, -1)])


def nearby(line: Line, size: float) -> Slope:
    """Likewise, for steps in proportion to a small variable, whose function may change within the variable's size."""
    return surest(line, [size * share for share in (0.03, 0.01, 0.003)])


def surest(line: Line, steps: Sequence[float]) -> Slope:
    """The Richardson estimate with the smallest error among these steps."""
    finite = [s for s in (richardson(line, step) for step in steps) if np.isfinite(s.value)]
    return min(finite, key=lambda s: s.error, default=Slope(np.nan, np.inf))


@dataclass(frozen=True, slots=True)
class Kink:
    """Different slopes on the left and right of a point; infinite where the function has no value on that side."""

    left: float
    right: float

    def allows(self, slope: float, slack: float) -> bool:
        """Whether `slope` lies between the two, give or take `slack`: every such number is a subgradient."""
        low, high = sorted((self.left, self.right))
        return bool(low - slack <= slope <= high + slack)

    def __str__(self) -> str:
        if np.isnan(self.left):
            return "inside the function"
        return f"slope {self.left:.6g} on the left, {self.right:.6g} on the right"


def kink(line: Line, h: float) -> Kink | None:
    """The kink at t = 0 if there is one: the gap between the two slopes stays when the step is 100 times smaller.

    For a smooth function the gap is h f″ and shrinks with the step.
    """
    wide, narrow = sides(line, h), sides(line, h / 100)
    gap, noise = abs(narrow[1].value - narrow[0].value), narrow[0].error + narrow[1].error
    if not np.isfinite(gap):  # the edge of the domain: nothing is known on one side
        return Kink(-np.inf, np.inf)
    stays = gap > 0.5 * abs(wide[1].value - wide[0].value)
    return Kink(narrow[0].value, narrow[1].value) if stays and gap > 10 * noise else None


def sides(line: Line, h: float) -> tuple[Slope, Slope]:
    """The slopes on the left and on the right of t = 0."""
    here = line(0.0)
    return ratio(here, line(-h), h), ratio(line(h), here, h)


def sweep(line: Line, exact: float) -> list[tuple[float, float, float]]:
    """(step, error of the central difference, error of Richardson's) against `exact`, for steps from 0.1 to 1e-12."""
    steps = np.logspace(-1, -12, 23).tolist()
    return [(h, abs(central(line, h).value - exact), abs(richardson(line, h).value - exact)) for h in steps]
