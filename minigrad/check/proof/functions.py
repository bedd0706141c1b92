"""Functions of polynomials with their identities, each with its side condition: all the mathematics a proof uses.

The identities hold wherever both sides are defined. x · x⁻¹ is replaced by 1 only where x is provably not 0, and log ab
by log a + log b only for factors that are provably positive. Imports the algebra.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

from minigrad.check.proof.algebra import Algebra, Atom, Rule, Rules, quotient
from minigrad.check.proof.polynomial import ONE, Monomial, Polynomial, rational

Function: TypeAlias = Callable[[Polynomial], Polynomial]

MOST_CASES = 8
"""A function of more 0/1 atoms than this is not split into cases."""


def by_cases(f: Function) -> Function:
    """Splits f by each 0/1 atom b in p, so that none is left inside: f(p) = (1 − b) f(p | b = 0) + b f(p | b = 1)."""

    def split(p: Polynomial) -> Polynomial:
        binary = [a for a in p.atoms() if p.algebra.atoms[a].binary]
        if not 0 < len(binary) <= MOST_CASES:
            return f(p)
        b = max(binary)
        zero = split(Polynomial(p.algebra, {m: c for m, c in p.terms.items() if all(a != b for a, _ in m)}))
        return zero + p.algebra.power(b) * (split(where_one(p, b)) - zero)

    return split


def where_one(p: Polynomial, b: int) -> Polynomial:
    """p where the 0/1 atom b is 1; atoms that exclude b are 0 there."""
    held = (p * p.algebra.power(b)).terms
    parts = (Polynomial(p.algebra, {tuple(f for f in m if f[0] != b): c}) for m, c in held.items())
    return p.algebra.total(parts)


# signs


def sign(p: Polynomial) -> int:
    """2 if p is provably positive, 1 if provably not negative, else 0. Known squares in p are recognised."""
    for m in p.terms:
        square = p.algebra.squares.get(m)
        times = Fraction(p.terms.get(m, 0)) / square.terms[m] if square else 0
        p = p - square.scaled(times) if square and times > 0 else p
    signs = [monomial_sign(p.algebra, m) for m in p.terms]
    unknown = 0 in signs or any(c < 0 for c in p.terms.values())
    return 0 if unknown else 1 + (2 in signs)


def monomial_sign(algebra: Algebra, m: Monomial) -> int:
    """Likewise for a product; even powers are not negative."""
    return min((max(algebra.atoms[a].sign, int(k % 2 == 0)) for a, k in m), default=2)


def never_zero(p: Polynomial) -> bool:
    """Whether p is provably not 0."""
    return sign(p) == 2 or sign(-p) == 2


def content(p: Polynomial) -> tuple[Any, Monomial, Polynomial]:
    """p = number · monomial · rest, where rest has no common factor and leading coefficient 1."""
    exponents = [dict(m) for m in p.terms]
    common = {a: min(e.get(a, 0) for e in exponents) for a in p.atoms()}
    shared = quotient(common, ONE)
    terms = {quotient(e, shared): c for e, c in zip(exponents, p.terms.values(), strict=True)}
    rest = p.algebra.settled(Polynomial(p.algebra, terms))
    factor = rest.terms[rest.lead]
    return factor, shared, rest.scaled(rational(1 / Fraction(factor)))


def factors(p: Polynomial) -> tuple[Any, list[tuple[Polynomial, Any, bool]]]:
    """p as a number and factors: each a polynomial, its exponent, and whether it is provably positive."""
    atoms = p.algebra.atoms
    for a in p.atoms():  # a rule may have spread over the terms an inverse that all of p shares
        if atoms[a].kind == "inverse" and atoms[a].sign == 2:
            multiplied = p * atoms[a].arguments[0]
            if len(multiplied) < len(p):
                number, others = factors(multiplied)
                return number, [*others, (p.algebra.power(a), 1, True)]
    number, shared, rest = content(p)
    parts = [(p.algebra.power(a), k, atoms[a].sign == 2) for a, k in shared]
    return number, parts + ([(rest, 1, sign(rest) == 2)] if rest.constant is None else [])


def single(p: Polynomial) -> Any:
    """The number of the atom if p is a single atom, else None."""
    ((m, c),) = p.terms.items() if len(p) == 1 else ((ONE, 0),)
    return m[0][0] if c == 1 and len(m) == 1 and m[0][1] == 1 else None


def atom_of(p: Polynomial) -> Atom:
    """The atom if p is a single one, else an atom of no kind."""
    number = single(p)
    return Atom(None) if number is None else p.algebra.atoms[number]


# functions


@by_cases
def exp(p: Polynomial) -> Polynomial:
    """e to a sum is the product over its terms; each is one atom, with the coefficient as its exponent."""
    result = p.algebra.number(1)
    for m, c in p.terms.items():
        term = Polynomial(p.algebra, {m: 1})
        if atom_of(term).kind == "log" and c == int(c):
            result = result * power(atom_of(term).arguments[0], int(c))
        else:
            atom = single(p.algebra.atom("exp", term, sign=2))
            result = result * p.algebra.power(atom, c)
    return result


@by_cases
def log(p: Polynomial) -> Polynomial:
    """The logarithm of a product is the sum over its factors, as far as they are provably positive."""
    algebra = p.algebra
    if not p.terms:
        return algebra.atom("log", p)
    number, parts = factors(p)
    result, rest = algebra.number(0), algebra.number(1 if number > 0 else -1)
    for q, k, positive in [(algebra.number(abs(number)), 1, True), *parts]:
        if positive:
            result = result + log_of_factor(q).scaled(k)
        else:
            rest = rest * power(q, k)
    return result if rest.constant == 1 else result + algebra.atom("log", rest)


def log_of_factor(q: Polynomial) -> Polynomial:
    """The logarithm of one positive factor."""
    if q.constant == 1:
        return q.algebra.number(0)
    atom = atom_of(q)
    if atom.kind == "exp":
        return atom.arguments[0]
    return -log(atom.arguments[0]) if atom.kind == "inverse" else q.algebra.atom("log", q)


@by_cases
def inverse(p: Polynomial) -> Polynomial:
    """The inverse of a product is the product of its factors' inverses."""
    if not p.terms:
        return p.algebra.atom("inverse", p)
    number, parts = factors(p)
    result = p.algebra.number(1 / Fraction(number))
    for q, k, positive in parts:
        if is_logistic(q):
            result = result * power(1 - sigmoid(log(q - 1)), k)
        elif atom_of(q).kind == "sqrt":
            result = result * power(q * inverse(atom_of(q).arguments[0]), k)
        elif atom_of(q).kind == "inverse":
            result = result * power(atom_of(q).arguments[0], k)
        elif positive and single(q) is not None:
            result = result * p.algebra.power(single(q), -k)
        else:
            result = result * power(inverse_atom(q), k)
    return result


def inverse_atom(q: Polynomial) -> Polynomial:
    """q⁻¹ as an atom, with the rule q · q⁻¹ = 1 if q is provably not 0."""
    rules: Rules = (lambda i: [solved(q, i, 1)]) if never_zero(q) else None
    return q.algebra.atom("inverse", q, sign=sign(q) // 2 * 2, rules=rules)


def is_logistic(q: Polynomial) -> bool:
    """Whether q is 1 + eˣ."""
    exponential = all(q.algebra.atoms[a].kind == "exp" for a in q.atoms())
    return exponential and len(q) == 2 and q.terms.get(ONE) == 1 and q.terms[q.lead] == 1


def solved(q: Polynomial, i: int, value: Any) -> Rule:
    """q · atom = value as a rule for the product of the atom with q's leading term, whose coefficient is 1."""
    return (*q.lead, (i, 1)), value - (q - Polynomial(q.algebra, {q.lead: 1})) * q.algebra.power(i)


def power(p: Polynomial, exponent: int) -> Polynomial:
    """A whole power, possibly negative."""
    return p**exponent if exponent >= 0 else inverse(p) ** -exponent


@by_cases
def sqrt(p: Polynomial) -> Polynomial:
    """√p as an atom whose square is p."""
    if p.constant in (0, 1):
        return p
    return p.algebra.atom("sqrt", p, sign=max(sign(p), 1), rules=lambda s: [(((s, 2),), p)])


@by_cases
def tanh(p: Polynomial) -> Polynomial:
    """An atom, odd in p, with the rule e²ᵖ tanh p = e²ᵖ − 1 − tanh p if e²ᵖ is a single product."""
    if p.constant == 0:
        return p
    if p.terms[p.lead] < 0:
        return -tanh(-p)
    grown = exp(2 * p)

    def rules(i: int) -> list[Rule]:
        t = p.algebra.power(i)
        return [((*grown.lead, (i, 1)), grown - 1 - t)] if list(grown.terms.values()) == [1] else []

    return p.algebra.atom("tanh", p, rules=rules)


def sigmoid(p: Polynomial) -> Polynomial:
    """σ(p) = ½ + ½ tanh ½p."""
    return (1 + tanh(p / 2)) / 2


# comparisons


@by_cases
def is_zero(p: Polynomial) -> Polynomial:
    """[p = 0]: 1 where p is 0, else 0. A product is 0 where one of its factors is."""
    if p.constant is not None:
        return p.algebra.number(int(p.constant == 0))
    nowhere = p.algebra.number(1)
    for q, _, _ in factors(p)[1]:
        nowhere = nowhere * (1 - factor_is_zero(q))
    return 1 - nowhere


def factor_is_zero(q: Polynomial) -> Polynomial:
    """[q = 0] as an atom, with the rule q · [q = 0] = 0.

    Also [q = 0] [q = v] = 0 for every other number v for which [q = v] is known.
    """
    algebra = q.algebra
    if never_zero(q):
        return algebra.number(0)

    def rules(z: int) -> list[Rule]:
        family = algebra.families.setdefault(q - q.terms.get(ONE, 0), [])
        family.append(z)
        return [solved(q, z, 0), *((((other, 1), (z, 1)), algebra.number(0)) for other in family[:-1])]

    return algebra.atom("zero", q, binary=True, sign=1, rules=rules)


@by_cases
def is_positive(p: Polynomial) -> Polynomial:
    """[p > 0]: 1 where p is positive, else 0. Only one of p and −p has an atom: [−p > 0] = 1 − [p > 0] − [p = 0]."""
    if sign(-p):
        return p.algebra.number(0)
    if sign(p) == 2:
        return p.algebra.number(1)
    number, parts = factors(p)
    core, elsewhere = p.algebra.number(1), p.algebra.number(1)
    for q, k, positive in parts:
        if not positive and k % 2:
            core = core * q
        elif not positive:
            elsewhere = elsewhere * (1 - is_zero(q))
    held = p.algebra.number(1) if core.constant else p.algebra.atom("positive", core, binary=True, sign=1)
    return elsewhere * (held if number > 0 else 1 - held - is_zero(core))


def maximum(a: Polynomial, b: Polynomial) -> Polynomial:
    """max(a, b) = b + (a − b) [a > b]."""
    return b + (a - b) * is_positive(a - b)


def minimum(a: Polynomial, b: Polynomial) -> Polynomial:
    """min(a, b) = a + b − max(a, b)."""
    return a + b - maximum(a, b)


def largest(values: Sequence[Polynomial]) -> Polynomial:
    """The largest of several values; an atom if more than two differ."""
    different = sorted(set(values), key=lambda p: sorted(p.terms.items()))
    if len(different) < 3:
        return maximum(different[0], different[-1])
    return values[0].algebra.atom("largest", *different)


def one_hot(p: Polynomial, depth: int) -> list[Polynomial]:
    """[p = v] for each v below `depth`, for an integer p in that range: the last is 1 minus the others."""
    hot = [is_zero(p - v) for v in range(depth)]
    if p.constant is None and single(hot[-1]) is not None:
        p.algebra.add_rule(((single(hot[-1]), 1),), 1 - p.algebra.total(hot[:-1]))
        hot[-1] = p.algebra.settled(hot[-1])
    return hot
