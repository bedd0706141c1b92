"""Polynomial: one number of a program as a sum of products of atoms. Knows of its algebra only how to multiply.

Coefficients are exact. An atom is given by its position in the algebra's list. Exponents are whole numbers, except
those of exponentials.
"""

from collections.abc import Mapping
from fractions import Fraction
from math import isfinite, prod
from typing import TYPE_CHECKING, Any, TypeAlias

from minigrad.errors import UsageError

if TYPE_CHECKING:
    from minigrad.check.proof.algebra import Algebra

Monomial: TypeAlias = tuple[tuple[int, Any], ...]
"""(atom, exponent) pairs in the order of the atoms; () is 1."""
Terms: TypeAlias = Mapping[Monomial, Any]

ONE: Monomial = ()


class Polynomial:
    """An immutable sum of coefficient · monomial; equal polynomials have equal terms.

    Its algebra computes `product(a, b)`, the terms of the product of two monomials, and counts the terms handled.
    """

    __slots__ = ("_hash", "algebra", "terms")

    def __init__(self, algebra: "Algebra", terms: Terms) -> None:
        self.algebra, self.terms, self._hash = algebra, terms, 0

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Polynomial) and self.terms == other.terms)

    def __hash__(self) -> int:
        self._hash = self._hash or hash(frozenset(self.terms.items()))
        return self._hash

    def __add__(self, other: Any) -> "Polynomial":
        small, large = sorted((self, self._lifted(other)), key=len)
        return Polynomial(self.algebra, large._plus(dict(large.terms), small.terms, 1)) if small.terms else large

    def __mul__(self, other: Any) -> "Polynomial":
        other = self._lifted(other)
        if other.constant is not None:
            return self.scaled(other.constant)
        total: dict[Monomial, Any] = {}
        for a, x in self.terms.items():
            for b, y in other.terms.items():
                self._plus(total, self.algebra.product(a, b), x * y)
        result = Polynomial(self.algebra, total)
        if other is self:
            self.algebra.note_square(self, result)
        return result

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> "Polynomial":
        return self.scaled(-1)

    def __sub__(self, other: Any) -> "Polynomial":
        return self + -self._lifted(other)

    def __rsub__(self, other: Any) -> "Polynomial":
        return self._lifted(other) - self

    def __truediv__(self, number: int) -> "Polynomial":
        return self.scaled(Fraction(1, int(number)))

    def __pow__(self, exponent: int) -> "Polynomial":
        return prod([self] * exponent, start=self._lifted(1))

    def __len__(self) -> int:
        return len(self.terms)

    def scaled(self, number: Any) -> "Polynomial":
        """The product with a rational number."""
        if number == 1:
            return self
        return Polynomial(self.algebra, {m: c * number for m, c in self.terms.items()} if number else {})

    @property
    def constant(self) -> Any:
        """The value if it is a number, else None."""
        return self.terms.get(ONE, 0) if not self.terms or self.terms.keys() == {ONE} else None

    @property
    def lead(self) -> Monomial:
        """The greatest monomial: by degree, then by its oldest atoms. Products respect this order."""
        return max(self.terms, key=rank)

    def atoms(self) -> set[int]:
        """The atoms that occur in it."""
        return {atom for m in self.terms for atom, _ in m}

    def _plus(self, total: dict[Monomial, Any], terms: Terms, factor: Any) -> dict[Monomial, Any]:
        """Adds factor · terms into `total`, leaving out what cancels."""
        self.algebra.count(len(terms))
        for m, c in terms.items():
            value = total.get(m, 0) + factor * c
            if value:
                total[m] = value
            else:
                del total[m]
        return total

    def _lifted(self, other: Any) -> "Polynomial":
        """A number as a polynomial; a polynomial as it is."""
        return other if isinstance(other, Polynomial) else self.algebra.number(other)


def rank(m: Monomial) -> tuple[Any, ...]:
    """The order of monomials: by degree, then by the exponents from the oldest atom on."""
    return sum(k for _, k in m), tuple((-atom, k) for atom, k in m)


def rational(value: Any) -> Any:
    """The simplest fraction that rounds to the value, so that 0.1 and 1 / 3 mean what was written."""
    if isinstance(value, int):
        return value
    if not isfinite(value):
        raise UsageError(f"a proof is about real numbers, and the program has the constant {value}")
    exact = Fraction(value)
    simple = exact.limit_denominator(10**6)
    chosen = simple if float(simple) == value else exact
    return chosen.numerator if chosen.denominator == 1 else chosen
