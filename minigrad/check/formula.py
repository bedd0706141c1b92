"""Writes a normal form as text, to show what a proof could not decide. Imports the prover."""

from typing import Any

from minigrad.check.proof.polynomial import Polynomial

MOST_TERMS, DEEPEST = 6, 3
"""Limits for formulas that are written out: terms of a sum, and functions nested in each other."""


def formula(p: Polynomial, depth: int = 0) -> str:
    """`2 x[0] tanh(x[1]) − 1`; long sums and deeply nested functions are abbreviated."""
    if depth == DEEPEST:
        return "…"
    shown = list(p.terms.items())[: MOST_TERMS - 2 * depth]
    terms = [signed(c, [factor(p, a, k, depth + 1) for a, k in m]) for m, c in shown]
    more = f" … ({len(p)} terms)" if len(p) > len(shown) else ""
    return " ".join(terms).removeprefix("+ ") + more or "0"


def signed(coefficient: Any, factors: list[str]) -> str:
    """One term, with its sign in front."""
    size = [] if abs(coefficient) == 1 and factors else [str(abs(coefficient))]
    return ("− " if coefficient < 0 else "+ ") + " ".join([*size, *factors])


def factor(p: Polynomial, number: int, exponent: Any, depth: int) -> str:
    """An atom raised to a power."""
    atom = p.algebra.atoms[number]
    arguments = ", ".join(formula(argument, depth) for argument in atom.arguments[:MOST_TERMS])
    if isinstance(atom.kind, str):
        text = f"{atom.kind}({arguments})"
    elif atom.kind[0] == "input":
        text = f"{atom.kind[3]}{list(atom.kind[2])}"
    else:
        text = f"{atom.kind[0]!r}({arguments}){list(atom.kind[-1])}"
    return text if exponent == 1 else f"{text}^{exponent}"
