"""Checks the vjp of one Op at given operands. Imports the engine and the checks of functions."""

from dataclasses import replace

import numpy as np

from minigrad.check.diagnosis import UNKNOWN, close
from minigrad.check.differences import STEP, central
from minigrad.check.examine import TOLERANCES, WHOLE, Measure, examine
from minigrad.check.problem import Problem, generator
from minigrad.check.report import Finding, Report
from minigrad.op import Array, Op, Shape, apply
from minigrad.tensor import Tensor


def op_problem(op: Op, arrays: tuple[Array, ...], rng: np.random.Generator) -> Problem:
    """One Op on the given arrays; those of floating-point numbers, in float64, are the variables x0, x1, …"""
    leaves = [leaf(x) for x in arrays]
    variables = {f"x{i}": x for i, x in enumerate(leaves) if x.requires_grad}
    return Problem(repr(op), lambda: apply(op, *leaves), variables, rng)


def leaf(x: Array) -> Tensor:
    """A leaf; in float64 and requiring a gradient if x is floating-point."""
    return Tensor(x.astype(np.float64), requires_grad=True) if x.dtype.kind == "f" else Tensor(x)


def check_op(
    op: Op,
    arrays: tuple[Array, ...],
    *,
    order: int = 1,
    method: str = "central",
    tolerance: float | None = None,
    places: int = WHOLE,
    seed: int = 0,
) -> Report:
    """The Report on one Op's vjp; operands of more than `places` elements are checked along random directions first."""
    measure = Measure(method, tolerance or TOLERANCES[method] * 10 ** (order - 1), places)
    rng = generator(seed)
    problem = op_problem(op, arrays, rng)
    for _ in range(order - 1):
        problem = problem.derivative(rng)
    report = examine(problem, measure, rng)
    return report if report.ok or order > 1 else named(report, op, arrays, problem)


def named(report: Report, op: Op, arrays: tuple[Array, ...], problem: Problem) -> Report:
    """The report with mistakes named that show only when the Op is applied to broadcast operands."""
    findings = []
    for finding in report.findings:
        vague = finding.kind == UNKNOWN or finding.kind.startswith("differs")
        unsummed = vague and part_of_a_sum(finding, op, arrays, problem)
        findings.append(replace(finding, kind="sum over the broadcast axis missing") if unsummed else finding)
    return replace(report, findings=tuple(findings))


def part_of_a_sum(finding: Finding, op: Op, arrays: tuple[Array, ...], problem: Problem) -> bool:
    """Whether the gradient of an operand that is broadcast belongs to one of its copies, instead of being their sum."""
    i, y = int(finding.name.removeprefix("x")), problem.outputs()[0].shape
    x = arrays[i]
    if len(finding.places) < x.size:
        return False
    analytic = np.array([p.analytic for p in finding.places]).reshape(x.shape)
    for shape in {y, (*y[:-2], *x.shape[-2:])}:
        if shape != x.shape and 0 < np.prod(shape) <= WHOLE and broadcasts(x.shape, shape):
            copies = (*arrays[:i], np.broadcast_to(x, shape), *arrays[i + 1 :])
            if accepted(op, copies, y) and close(one_copy(op, copies, i, problem, x.shape), analytic):
                return True
    return False


def broadcasts(x: Shape, to: Shape) -> bool:
    """Whether shape x can be broadcast to the other shape."""
    return len(x) <= len(to) and all(a in (1, b) for a, b in zip(x[::-1], to[::-1], strict=False))


def accepted(op: Op, arrays: tuple[Array, ...], y: Shape) -> bool:
    """Whether the Op accepts the arrays and returns this shape."""
    try:
        return bool(np.shape(op.forward(*arrays)) == y)
    except (ValueError, IndexError):
        return False


def one_copy(op: Op, copies: tuple[Array, ...], i: int, problem: Problem, shape: Shape) -> Array:
    """The numeric gradient of the first copy of operand i, when each copy may change by itself."""
    apart = op_problem(op, copies, generator(0))
    apart.cotangents = problem.cotangents
    wide = copies[i].shape
    first = np.arange(copies[i].size).reshape(wide)
    first = first[(0,) * (len(wide) - len(shape))]
    first = first[tuple(slice(0, n) for n in shape)]
    directions = np.eye(copies[i].size)[first.ravel()].reshape(-1, *wide)
    return np.array([central(apart.line(f"x{i}", d), STEP).value for d in directions]).reshape(shape)
