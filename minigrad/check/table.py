"""The gradients of every Op in the table of records, checked: what `minigrad gradcheck` prints. Imports the checks."""

from dataclasses import dataclass

import numpy as np

from minigrad.check.gradcheck import TOLERANCES, Measure, examine
from minigrad.check.problem import Problem
from minigrad.check.records import RECORDS, Draw, Record
from minigrad.check.report import Report
from minigrad.op import Array, Op, apply
from minigrad.tensor import Tensor

ORDERS = (1, 2)


@dataclass(frozen=True)
class Row:
    """One Op: how it was measured, over how many samples, and the worst relative error at each order.

    An Op without a gradient has no errors; `problems` holds the diagnoses of what is wrong.
    """

    op: str
    method: str
    samples: int
    errors: dict[int, float]
    problems: tuple[str, ...] = ()


def op_problem(op: Op, arrays: tuple[Array, ...], rng: np.random.Generator) -> Problem:
    """One Op on the given arrays; the floating ones, in float64, are the variables x0, x1, …"""
    leaves = [leaf(x) for x in arrays]
    variables = {f"x{i}": x for i, x in enumerate(leaves) if x.requires_grad}
    return Problem(repr(op), lambda: apply(op, *leaves), variables, rng)


def leaf(x: Array) -> Tensor:
    """A leaf in float64 that requires a gradient if x is floating."""
    return Tensor(x.astype(np.float64), requires_grad=True) if x.dtype.kind == "f" else Tensor(x)


def check_op(op: Op, arrays: tuple[Array, ...], *, order: int = 1, method: str = "central", seed: int = 0) -> Report:
    """The Report of one Op's rule at the given arrays."""
    rng = np.random.default_rng(seed)
    problem = op_problem(op, arrays, rng)
    for _ in range(order - 1):
        problem = problem.derivative(rng)
    return examine(problem, Measure(method, TOLERANCES[method] * 10 ** (order - 1)), rng)


def check_record(record: Record, seed: int = 0) -> Row:
    """The row of one Op: complex steps where it is analytic, else central differences."""
    method = "complex" if record.analytic else "central"
    samples = [s for s in record.samples(Draw(seed)) if s[0].differentiable]
    errors, problems = {}, []
    for order in ORDERS if samples else ():
        reports = [check_op(op, tuple(arrays), order=order, method=method) for op, *arrays in samples]
        errors[order] = max(report.error for report in reports)
        problems += [str(report) for report in reports if not report.ok]
    return Row(record.op.__name__, method, len(samples), errors, tuple(problems))


def check_all_ops(seed: int = 0) -> list[Row]:
    """Every Op of the table, in its order."""
    return [check_record(record, seed) for record in RECORDS.values()]
