"""Algebra: the atoms of one proof, and the rules that reduce products of them. Imports Polynomial alone.

A rule is an identity of real numbers: the monomial `left` is replaced by `right` wherever it divides a product.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from minigrad.check.proof.polynomial import ONE, Monomial, Polynomial, Terms, rational

Rule: TypeAlias = tuple[Monomial, Polynomial]
Rules: TypeAlias = Callable[[int], Iterable[Rule]] | None


@dataclass(frozen=True)
class Atom:
    """An element of an input, a name for a polynomial, or a function (its `kind`) of polynomials.

    `sign` is 2 if its value is always positive, 1 if it is never negative, else 0; `binary` means it is 0 or 1.
    """

    kind: Any
    arguments: tuple[Polynomial, ...] = ()
    sign: int = field(default=0, compare=False)
    binary: bool = field(default=False, compare=False)


class TooMuchWork(Exception):
    """Raised when a proof has grown beyond its limit."""


class Algebra:
    """The atoms of a proof, interned: equal functions of equal polynomials are one atom, whichever program made them.

    `work` counts the terms handled so far; beyond `limit` TooMuchWork is raised.
    """

    def __init__(self, limit: int = 10**12) -> None:
        self.atoms: list[Atom] = []
        self.work, self.limit = 0, limit
        self._numbers: dict[Atom, int] = {}
        self._rules: dict[int, list[Rule]] = {}
        self.squares: dict[Monomial, Polynomial] = {}  # by their greatest monomial
        self.families: dict[Polynomial, list[int]] = {}  # atoms that are 1 where it is some number: they exclude others

    def product(self, a: Monomial, b: Monomial) -> Terms:
        """The product of two monomials: exponents are added, then the first rule that fits is applied."""
        exponents = dict(a)
        for atom, k in b:
            exponents[atom] = exponents.get(atom, 0) + k
        for atom in exponents:
            for left, right in self._rules.get(atom, ()):
                if divides(left, exponents):
                    return (Polynomial(self, {quotient(exponents, left): 1}) * right).terms
        return {quotient(exponents, ONE): 1}

    def add_rule(self, left: Monomial, right: Polynomial) -> None:
        """Adds a rule. It is looked up by the newest of its atoms, which is the rarest."""
        self._rules.setdefault(max(left)[0], []).append((left, right))

    def note_square(self, root: Polynomial, square: Polynomial) -> None:
        """Remembers that the square of a sum is never negative.

        Squares of roots are left out, being simpler as they are.
        """
        if square.terms and all(self.atoms[a].kind != "sqrt" for a in root.atoms()):
            self.squares[square.lead] = square

    def settled(self, p: Polynomial) -> Polynomial:
        """p reduced by all rules known by now."""
        return self.total(Polynomial(self, self.product(m, ONE)).scaled(c) for m, c in p.terms.items())

    def count(self, terms: int) -> None:
        """Adds to the work done; raises TooMuchWork beyond the limit."""
        self.work += terms
        if self.work > self.limit:
            raise TooMuchWork

    def number(self, value: Any) -> Polynomial:
        """A number of the program as a constant polynomial."""
        exact = rational(value)
        return Polynomial(self, {ONE: exact} if exact else {})

    def total(self, parts: Iterable[Polynomial]) -> Polynomial:
        """The sum of several polynomials."""
        return sum(parts, self.number(0))

    def atom(self, kind: Any, *xs: Polynomial, sign: int = 0, binary: bool = False, rules: Rules = None) -> Polynomial:
        """The atom as a polynomial. If it is new, `rules(number)` gives the rules about it."""
        atom = Atom(kind, xs, sign, binary)
        place = self._numbers.setdefault(atom, len(self.atoms))
        if place == len(self.atoms):
            self.atoms.append(atom)
            idempotent = [(((place, 2),), self.power(place))] if binary else []
            for left, right in (*idempotent, *(rules(place) if rules else ())):
                self.add_rule(left, right)
        return self.power(place)

    def power(self, atom: int, exponent: Any = 1) -> Polynomial:
        """An atom raised to a power, as a polynomial."""
        return Polynomial(self, {((atom, exponent),): 1})


def divides(left: Monomial, exponents: dict[int, Any]) -> bool:
    """Whether a product contains all of `left`; a negative exponent needs one at least as negative."""
    return all(exponents.get(a, 0) >= k if k > 0 else exponents.get(a, 0) <= k for a, k in left)


def quotient(exponents: dict[int, Any], divisor: Monomial) -> Monomial:
    """The exponents minus those of the divisor, as a monomial."""
    rest = dict(exponents)
    for atom, k in divisor:
        rest[atom] = rest.get(atom, 0) - k
    return tuple(sorted((atom, k) for atom, k in rest.items() if k))
