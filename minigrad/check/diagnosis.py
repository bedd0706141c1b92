"""Names the mistake in a wrong gradient: the simplest relation to the right gradient that explains every element.

Imports NumPy alone. The right gradient is known only at those elements ("places") where it was measured.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import TypeAlias

import numpy as np

from minigrad.check.differences import Values

UNKNOWN = "wrong in no way known by name"
CLOSE = 1e-4  # relations are recognised to this relative accuracy: enough to tell them apart


@dataclass(frozen=True)
class Case:
    """The analytic gradient, the flat indices measured, the numeric gradient there, and the variable's values."""

    analytic: Values
    places: Values
    numeric: Values
    x: Values

    @property
    def here(self) -> Values:
        """The analytic gradient at the measured elements."""
        return self.analytic.ravel()[self.places]

    def explains(self, candidate: Values) -> bool:
        """Whether a gradient of x's shape agrees with the numeric one at all measured elements."""
        return close(candidate.ravel()[self.places], self.numeric)


Test: TypeAlias = Callable[[Case], str]


def close(a: Values, b: Values) -> bool:
    """Whether two arrays are equal within CLOSE of the largest element."""
    scale = max(np.abs(a).max(initial=0), np.abs(b).max(initial=0))
    return bool(np.abs(a - b).max(initial=0) <= CLOSE * scale)


def diagnose(case: Case) -> str:
    """The kind of mistake, worded as the end of a message."""
    return next((kind for test in TESTS if (kind := test(case))), UNKNOWN)


def not_finite(case: Case) -> str:
    """Some elements are NaN or infinite."""
    bad = ~np.isfinite(case.here)
    return f"not finite at {bad.sum()} of {bad.size} places" if bad.any() else ""


def all_zero(case: Case) -> str:
    """All elements are zero."""
    return "all zero" if not case.here.any() else ""


def multiple(case: Case) -> str:
    """All elements are off by one constant factor; −1 is called a wrong sign."""
    factor = fitted_factor(case.here, case.numeric)
    return "" if factor is None else factor_in_words(factor)


def fitted_factor(a: Values, b: Values) -> float | None:
    """The factor c with a = c b, if there is one, and it is neither 0 nor 1."""
    square = float(b @ b)
    c = float(a @ b) / square if square else 0.0
    return c if c and abs(c - 1) > 1e-9 and np.abs(a - c * b).max() <= 1e-3 * abs(c - 1) * np.abs(b).max() else None


def factor_in_words(c: float) -> str:
    """`2.000 × too large`, `3.000 × too small`, `sign`."""
    size = f"{abs(c):.3f} × too large" if abs(c) > 1 else f"{1 / abs(c):.3f} × too small"
    if abs(abs(c) - 1) < CLOSE:
        return "sign"
    return f"sign, and {size}" if c < 0 else size


def misplaced(case: Case) -> str:
    """The right numbers are in the wrong places: transposed, reversed or shifted."""
    for name, candidate in rearrangements(case.analytic):
        if case.explains(candidate):
            return name
        if case.explains(-candidate):
            return f"{name}, sign"
    return ""


def rearrangements(a: Values) -> Iterator[tuple[str, Values]]:
    """All permutations of the axes that keep the shape; then each axis reversed; then each axis shifted."""
    for order in list(permutations(range(a.ndim)))[1:] if a.ndim <= 4 else []:
        if tuple(a.shape[i] for i in order) == a.shape:
            yield "transposed", a.transpose(order)
    if a.ndim >= 2:
        yield "transposed, then reshaped", a.swapaxes(-1, -2).reshape(a.shape)
        yield "transposed, then reshaped", a.reshape((*a.shape[:-2], a.shape[-1], a.shape[-2])).swapaxes(-1, -2)
    for axis in range(a.ndim):
        yield f"reversed along axis {axis}", np.flip(a, axis)
    for axis, size in enumerate(a.shape):
        for shift in range(1, min(size, 64)):
            yield f"shifted by {shift} along axis {axis}", np.roll(a, -shift, axis)


def one_region(case: Case) -> str:
    """The elements are wrong exactly where x has one sign, or at one index of one axis (a step, a row, a column)."""
    wrong, moving = wrong_places(case), case.numeric != 0
    if not wrong.any() or wrong.all():
        return ""
    names = [name for name, holds in regions(case) if not wrong[~holds].any() and wrong[holds & (moving | wrong)].all()]
    return f"differs only {' or '.join(names)}{locally(case, wrong)}" if names else ""


def regions(case: Case) -> Iterator[tuple[str, Values]]:
    """The parts of the array that a mistake may be confined to, as a name and a mask of the measured elements."""
    x = case.x.ravel()[case.places]
    yield from (("where x < 0", x < 0), ("where x > 0", x > 0), ("where x = 0", x == 0))
    where = np.unravel_index(case.places, case.x.shape) if case.x.ndim else ()
    for axis, indices in enumerate(where):
        for index in range(case.x.shape[axis]):
            yield f"at index {index} of axis {axis}", indices == index


def wrong_places(case: Case) -> Values:
    """A mask of the elements in which the two gradients differ by more than CLOSE."""
    scale = max(np.abs(case.here).max(initial=0), np.abs(case.numeric).max(initial=0))
    return np.abs(case.here - case.numeric) > CLOSE * scale  # type: ignore[no-any-return]


def locally(case: Case, wrong: Values) -> str:
    """The relation at the wrong elements alone, if it is a simple one."""
    a, b = case.here[wrong], case.numeric[wrong]
    if not a.any():
        return ": zero there"
    factor = fitted_factor(a, b)
    return "" if factor is None else f": {factor_in_words(factor)} there"


def offset(case: Case) -> str:
    """The same number is added to all elements."""
    gap = case.here - case.numeric
    constant = (gap.size > 1 or not case.numeric.any()) and np.ptp(gap) <= CLOSE * np.abs(gap).max()
    return f"{gap[0]:+.4g} added everywhere" if constant else ""


def factor_of_x(case: Case) -> str:
    """There is a factor x, or 1 / x, too many."""
    x = case.x.ravel()[case.places]
    if close(case.here * x, case.numeric):
        return "a factor x is missing"
    return "a factor x too many" if close(case.here, case.numeric * x) else ""


def one_part(case: Case) -> str:
    """A sum over axes is missing, or a mean was taken instead of it."""
    a, whole = case.analytic, case.places.size == case.analytic.size
    numeric = np.empty(a.shape)
    numeric.flat[case.places] = case.numeric if whole else np.nan
    for axes in (c for n in range(1, a.ndim + 1) for c in combinations(range(a.ndim), n)) if whole else ():
        if close(np.broadcast_to(a.sum(axes, keepdims=True), a.shape), numeric):
            return f"the sum over axis {axes[0] if len(axes) == 1 else axes} is missing"
        if close(a, np.broadcast_to(numeric.mean(axes, keepdims=True), a.shape)):
            return f"averaged over axis {axes[0] if len(axes) == 1 else axes}"
    return ""


def isolated(case: Case) -> str:
    """Only a few elements are wrong."""
    wrong = case.places[wrong_places(case)]
    if not 0 < wrong.size <= min(3, case.places.size // 4):
        return ""
    indices = [tuple(int(k) for k in np.unravel_index(i, case.x.shape)) for i in wrong]
    return f"differs only at {', '.join(map(str, indices))}{locally(case, wrong_places(case))}"


def sparse(case: Case) -> str:
    """Some elements are zero that should not be."""
    wrong = wrong_places(case)
    return "zero at some places where it should not be" if wrong.any() and not case.here[wrong].any() else ""


def rounded(case: Case) -> str:
    """All elements are right to four digits or more, but not to the tolerance."""
    return "" if wrong_places(case).any() else "right but for its last digits: computed in a lower precision?"


TESTS: tuple[Test, ...] = (
    not_finite, all_zero, multiple, misplaced, factor_of_x, one_region, one_part, offset, isolated, sparse,
    rounded,
)  # fmt: skip


def shape_kind(analytic: Values, x: Values) -> str:
    """The kind of mistake in a gradient whose shape is not that of its variable."""
    ends = zip(x.shape[::-1], analytic.shape[::-1], strict=False)
    if analytic.ndim > x.ndim or any(n == 1 != m for n, m in ends):
        hint = ": sum over the broadcast axis missing"
    else:
        hint = ": transposed" if analytic.shape == x.shape[::-1] else ""
    return f"of shape {analytic.shape} instead of {x.shape}{hint}"
