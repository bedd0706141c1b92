"""`minigrad prove`: proves the theorems about the models; prints a table, JSON or Markdown."""

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

from minigrad.check.formula import formula
from minigrad.check.proof import PROVED, Proof, Verdict
from minigrad.cli import console
from minigrad.errors import UsageError
from models.theorems import Theorem, theorems

Result = tuple[Theorem, Proof]


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command."""
    parser = subparsers.add_parser(
        "prove",
        help="prove that the automatic gradients are the textbook's formulas",
        description="Reduces the gradients that the engine derives, and the textbook's derivations, to a normal form, "
        "and compares the two: formula against formula, for all real numbers. Exits 1 unless all are proved.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="theorems whose name has this in it (all)")
    parser.add_argument("--markdown", action="store_true", help="a table for a document, without times")
    parser.add_argument(
        "--verbose", action="store_true", help="the sizes of each theorem, and what it takes for granted"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")


def run(arguments: argparse.Namespace) -> int:
    """Prints the table; returns 1 if a theorem is not proved."""
    chosen = selected(arguments.names)
    results: list[Result] = []
    quiet = arguments.json or arguments.markdown
    for result in proved(chosen):
        results.append(result)
        if not quiet:
            console.say("\n".join([*lines(*result), *(details(result[1]) if arguments.verbose else ())]))
    if quiet:
        console.say(table_markdown(results)) if arguments.markdown else console.say_json(as_json(results))
    else:
        console.say(summary(results))
    return int(any(proof.status != PROVED for _, proof in results))


def selected(names: Sequence[str]) -> list[Theorem]:
    """The theorems named; UsageError if a name fits none."""
    everything = theorems()
    for name in names:
        if not any(name in theorem.name for theorem in everything):
            known = ", ".join(theorem.name for theorem in everything)
            raise UsageError(f"there is no theorem {name!r}; there are {known}")
    return [t for t in everything if not names or any(name in t.name for name in names)]


def proved(chosen: Sequence[Theorem]) -> Iterator[Result]:
    """Each theorem with its proof."""
    for theorem in chosen:
        yield theorem, theorem.prove()


def lines(theorem: Theorem, proof: Proof) -> list[str]:
    """One line for a theorem, and one for each output that is not proved."""
    first = (
        f"{theorem.name:<24}{proof.status:<13}{proof.seconds:>6.2f} s {proof.lemmas:>6} lemmas {proof.work:>8} terms"
    )
    return [first, *(f"    {explained(verdict)}" for verdict in proof.verdicts if verdict.status != PROVED)]


def details(proof: Proof) -> list[str]:
    """The inputs' shapes and the assumptions."""
    sizes = ", ".join(f"{name} {shape}" for name, shape in proof.sizes.items())
    return [f"    sizes: {sizes}", *(f"    given: {given}" for given in proof.assumptions)]


def explained(verdict: Verdict) -> str:
    """The counterexample to an output, or what could not be decided."""
    if verdict.counterexample:
        return f"{verdict.output} differs {verdict.counterexample}"
    sides = " and ".join(map(formula, verdict.difference or ()))
    return f"{verdict.output} not decided: {sides or 'it took too long, or there is no number to compare'}"


def summary(results: Sequence[Result]) -> str:
    """How many theorems are proved, and in what time."""
    count = sum(proof.status == PROVED for _, proof in results)
    return f"{count} of {len(results)} proved in {sum(proof.seconds for _, proof in results):.1f} s"


def as_json(results: Sequence[Result]) -> dict[str, Any]:
    """`{"theorems": [{"name", "status", "seconds"}]}`."""
    return {
        "theorems": [
            {"name": theorem.name, "status": proof.status, "seconds": round(proof.seconds, 3)}
            for theorem, proof in results
        ]
    }


def table_markdown(results: Sequence[Result]) -> str:
    """The theorems as a table that is the same on each run."""
    head = ["| theorem | outputs | verdict | given |", "|---|---|---|---|"]
    rows = (
        f"| {theorem.name} | {', '.join(theorem.outputs)} | {proof.status} | {'; '.join(proof.assumptions)} |"
        for theorem, proof in results
    )
    return "\n".join([*head, *rows])
