"""Expressions as people write them, with the few rewritings that make products and differences read well."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

Part: TypeAlias = "Expression | str"


@dataclass(frozen=True)
class Expression:
    """A formula: `kind` says what the parts are, and the writers know how each kind looks.

    symbol (name, and d for the gradient by it), number (digits), product (factors), sum (terms), negative (term),
    matrix product (factors), transpose, power (base, exponent), fraction (above, below), call (function, argument …),
    total (letters of the axes, summand), block (parts), element (whole, place).
    """

    kind: str
    parts: tuple[Part, ...]

    @property
    def inner(self) -> tuple["Expression", ...]:
        """Those parts that are expressions."""
        return tuple(part for part in self.parts if isinstance(part, Expression))


def symbol(name: str, gradient: bool = False) -> Expression:
    """A named quantity such as `W_x` or `c'`, or the gradient by it, `dW_x`."""
    return Expression("symbol", (name, "d") if gradient else (name,))


def number(value: float) -> Expression:
    """A number; the sign of a negative one is kept apart."""
    if value < 0:
        return negative(number(-value))
    return Expression("number", (f"{value:.12g}",))


def negative(x: Expression) -> Expression:
    """−x; −(−x) is x."""
    return x.inner[0] if x.kind == "negative" else Expression("negative", (x,))


def factors(x: Expression) -> tuple[Expression, ...]:
    """The factors of an elementwise product; of anything else, itself."""
    return x.inner if x.kind == "product" else (x,)


def product(*xs: Expression) -> Expression:
    """The elementwise product: numbers first, equal neighbours as powers, signs in front, 1/n as a fraction."""
    minus = sum(x.kind == "negative" for x in xs) % 2
    flat = [f for x in xs for f in factors(x.inner[0] if x.kind == "negative" else x) if f != number(1)]
    shares = [f for f in flat if f.kind == "fraction" and f.inner[0] == number(1)]
    merged = powers(sorted((f for f in flat if f not in shares), key=lambda f: f.kind != "number"))
    whole = merged[0] if len(merged) == 1 else Expression("product", tuple(merged)) if merged else number(1)
    for share in shares:
        whole = fraction(whole, share.inner[1])
    return negative(whole) if minus else whole


def fraction(above: Expression, below: Expression) -> Expression:
    """above / below, with the sign in front."""
    if above.kind == "negative":
        return negative(fraction(above.inner[0], below))
    return Expression("fraction", (above, below))


def over_axes(letters: str, x: Expression) -> Expression:
    """Σ over axes, with the sign in front."""
    if x.kind == "negative":
        return negative(over_axes(letters, x.inner[0]))
    return Expression("total", (letters, x))


def powers(flat: Sequence[Expression]) -> list[Expression]:
    """Equal neighbouring factors as powers: x x is x²."""
    merged: list[Expression] = []
    for f in flat:
        if merged and merged[-1] in (f, power(f, "2")) and f.kind != "number":
            merged[-1] = power(f, "2" if merged[-1] == f else "3")
        else:
            merged.append(f)
    return merged


def power(x: Expression, exponent: str) -> Expression:
    """xⁿ."""
    return Expression("power", (x, exponent))


def terms(x: Expression) -> tuple[Expression, ...]:
    """The terms of a sum; of anything else, itself."""
    return x.inner if x.kind == "sum" else (x,)


def total(*xs: Expression) -> Expression:
    """The sum, with zeros left out and x + x as 2 x."""
    flat = [t for x in xs for t in terms(x) if t != number(0)]
    merged = [product(number(n), t) if n > 1 else t for t in dict.fromkeys(flat) if (n := flat.count(t))]
    return merged[0] if len(merged) == 1 else Expression("sum", tuple(merged)) if merged else number(0)


def difference(a: Expression, b: Expression) -> Expression:
    """a − b, with p − p q written as p (1 − q)."""
    shared, rest = spelled_out(a), spelled_out(b)
    if a.kind != "negative" and len(rest) > len(shared) and rest[: len(shared)] == shared:
        return product(*shared, total(number(1), negative(product(*rest[len(shared) :]))))
    return total(a, *(negative(t) for t in terms(b)))


def spelled_out(x: Expression) -> list[Expression]:
    """The factors of x, with a square as two factors."""
    return [f for p in factors(x) for f in ([p.inner[0]] * 2 if p.kind == "power" and p.parts[1] == "2" else [p])]


def matrix_product(*xs: Expression) -> Expression:
    """A B C, with signs in front."""
    minus = sum(x.kind == "negative" for x in xs) % 2
    plain = [x.inner[0] if x.kind == "negative" else x for x in xs]
    flat = tuple(f for x in plain for f in (x.inner if x.kind == "matrix product" else (x,)))
    whole = Expression("matrix product", flat)
    return negative(whole) if minus else whole


def transpose(x: Expression) -> Expression:
    """xᵀ; of a product, the transposed factors in reverse order."""
    if x.kind == "matrix product":
        return matrix_product(*(transpose(f) for f in reversed(x.inner)))
    return x.inner[0] if x.kind == "transpose" else Expression("transpose", (x,))


def call(function: str, *xs: Expression) -> Expression:
    """f(x, …)."""
    return Expression("call", (function, *xs))


def within(part: Expression, whole: Expression) -> bool:
    """Whether `part` occurs in `whole`."""
    return part == whole or any(within(part, x) for x in whole.inner)


def length(x: Expression) -> int:
    """The number of names and numbers in x."""
    return sum(map(length, x.inner)) if x.inner else 1
