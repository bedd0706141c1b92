"""`minigrad gradcheck`: checks the gradients of all Ops and prints a table or JSON."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from minigrad.check.table import ORDERS, Row, check_all_ops
from minigrad.cli import console


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command."""
    parser = subparsers.add_parser(
        "gradcheck",
        help="check every operation's gradient against differences",
        description="Checks first and second derivatives of every operation: by complex steps where it is analytic, "
        "elsewhere by central differences, in float64. Exits 1 if one is wrong.",
    )
    parser.add_argument("--seed", type=whole_number, default=0, help="of the random arguments (0)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")


def whole_number(text: str) -> int:
    """A non-negative integer; ValueError for anything else."""
    if int(text) < 0:
        raise ValueError(text)
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Prints the table; returns 1 if a gradient is wrong."""
    rows = check_all_ops(arguments.seed)
    if arguments.json:
        console.say_json(as_json(rows))
    else:
        console.say("\n".join(as_table(rows)))
    return int(any(row.problems for row in rows))


def as_json(rows: Sequence[Row]) -> dict[str, Any]:
    """`{"ops": [{"op", "method", "samples", "errors": {"1", "2"}, "problems"}], "worst", "ok"}`."""
    return {"ops": [asdict(row) for row in rows], "worst": worst(rows), "ok": not any(row.problems for row in rows)}


def worst(rows: Sequence[Row]) -> dict[int, float]:
    """The largest relative error of all Ops, by order."""
    return {order: max((row.errors.get(order, 0.0) for row in rows), default=0.0) for order in ORDERS}


def as_table(rows: Sequence[Row]) -> list[str]:
    """One line for each Op, then the diagnoses of wrong gradients, then a summary."""
    head = f"{'Op':<20}{'method':<10}{'samples':>8}" + "".join(f"{f'order {n}':>12}" for n in ORDERS)
    problems = [text for row in rows for text in row.problems]
    checked = sum(bool(row.errors) for row in rows)
    summary = f"{checked} Ops checked, {len(rows) - checked} without a gradient; worst relative error " + ", ".join(
        f"{error:.1e} at order {order}" for order, error in worst(rows).items()
    )
    return [head, *map(table_line, rows), *problems, summary]


def table_line(row: Row) -> str:
    """`Tanh  complex  5  2.7e-16  4.8e-16`."""
    if not row.errors:
        return f"{row.op:<20}{'no gradient':<10}"
    verdict = "  WRONG" if row.problems else ""
    errors = "".join(f"{error:>12.1e}" for error in row.errors.values())
    return f"{row.op:<20}{row.method:<10}{row.samples:>8}{errors}{verdict}"
