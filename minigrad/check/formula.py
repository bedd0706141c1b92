"""A normal form as text, for people who want to see what a proof could not decide. Imports the prover."""

from typing import Any

from minigrad.check.proof.polynomial import Polynomial

MOST_TERMS = 6


def formula(p: Polynomial) -> str:
    """`2 x[0] tanh(x[1]) − 1`; of a long one the first terms and how many there are."""
    terms = [signed(c, [factor(p, a, k) for a, k in m]) for m, c in p.terms.items()]
    more = f" … ({len(terms)} terms)" if len(terms) > MOST_TERMS else ""
    return " ".join(terms[:MOST_TERMS]).removeprefix("+ ") + more or "0"


def signed(coefficient: Any, factors: list[str]) -> str:
    """One term with its sign."""
    size = [] if abs(coefficient) == 1 and factors else [str(abs(coefficient))]
    return ("− " if coefficient < 0 else "+ ") + " ".join([*size, *factors])


def factor(p: Polynomial, number: int, exponent: Any) -> str:
    """An atom to a power."""
    atom = p.algebra.atoms[number]
    if isinstance(atom.kind, str):
        text = f"{atom.kind}({', '.join(map(formula, atom.arguments))})"
    elif atom.kind[0] == "input":
        text = f"{atom.kind[3]}{list(atom.kind[2])}"
    else:
        text = f"{atom.kind[0]!r}({', '.join(map(formula, atom.arguments))}){list(atom.kind[-1])}"
    return text if exponent == 1 else f"{text}^{exponent}"
