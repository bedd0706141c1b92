"""Checks the gradients of every Op in the table of records: what `minigrad gradcheck` prints. Imports the checks."""

from dataclasses import dataclass

from minigrad.check.records import RECORDS, Draw, Record
from minigrad.check.rule import check_op

ORDERS = (1, 2)


@dataclass(frozen=True)
class Row:
    """One Op: the method, the number of samples, and the worst relative error for each order.

    An Op without a gradient has no errors; `problems` holds the diagnoses of wrong gradients.
    """

    op: str
    method: str
    samples: int
    errors: dict[int, float]
    problems: tuple[str, ...] = ()


def check_record(record: Record, seed: int = 0) -> Row:
    """The row of one Op; measured with complex steps if it is analytic, else by central differences."""
    method = "complex" if record.analytic else "central"
    samples = [s for s in record.samples(Draw(seed)) if s[0].differentiable]
    errors, problems = {}, []
    for order in ORDERS if samples else ():
        reports = [check_op(op, tuple(arrays), order=order, method=method) for op, *arrays in samples]
        errors[order] = max(report.error for report in reports)
        problems += [str(report) for report in reports if not report.ok]
    return Row(record.op.__name__, method, len(samples), errors, tuple(problems))


def check_all_ops(seed: int = 0) -> list[Row]:
    """The rows of all Ops in the table, in its order."""
    return [check_record(record, seed) for record in RECORDS.values()]
