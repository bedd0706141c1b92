"""Products of matrices and tensors. Imports op.py alone."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.op import Array, Gradient, Op, Shape, Value, apply


class MatMul(Op):
    """y = a @ b, both at least 2-d; leading axes broadcast."""

    reads = "x"
    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        """numpy.matmul."""
        return np.matmul(a, b)  # type: ignore[no-any-return]

    def shape(self, a: Shape, b: Shape) -> Shape:
        """(..., n, k) and (..., k, m) give (..., n, m)."""
        if len(a) < 2 or len(b) < 2 or a[-1] != b[-2]:
            raise ValueError(f"cannot multiply {a} @ {b}: inner sizes {a[-1:]} and {b[-2:-1]} differ")
        return (*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1])

    def vjp(self, g: Value, y: Value, a: Value, b: Value) -> tuple[Gradient, ...]:
        """ga = g bᵀ, gb = aᵀ g."""
        return lambda: g @ b.swapaxes(-1, -2), lambda: a.swapaxes(-1, -2) @ g


@dataclass(frozen=True)
class Einsum(Op):
    """y = Einstein sum; `terms` are the inputs' subscripts, `out` the output's: letters, none twice in a term."""

    terms: tuple[str, ...]
    out: str
    reads = "x"

    def forward(self, *xs: Array) -> Array:
        """numpy.einsum along its optimal path."""
        return np.einsum(f"{','.join(self.terms)}->{self.out}", *xs, optimize=len(xs) > 1)  # type: ignore[no-any-return]

    def shape(self, *shapes: Shape) -> Shape:
        """One size for each letter."""
        sizes = letter_sizes(self.terms, shapes)
        return tuple(sizes[letter] for letter in self.out)

    def vjp(self, g: Value, y: Value, *xs: Value) -> tuple[Gradient, ...]:
        """Input i gets the sum with g in its place."""
        sizes = letter_sizes(self.terms, tuple(x.shape for x in xs))
        return tuple(self._pull(i, g, xs, sizes) for i in range(len(xs)))

    def _pull(self, i: int, g: Value, xs: tuple[Value, ...], sizes: dict[str, int]) -> Value:
        """Letters of input i that no other operand has are put back by a vector of ones."""
        others = [(t, x) for j, (t, x) in enumerate(zip(self.terms, xs, strict=True)) if j != i]
        known = set(self.out).union(*(t for t, _ in others))
        others += [(c, np.ones(sizes[c], xs[i].dtype)) for c in self.terms[i] if c not in known]
        terms = (self.out, *(t for t, _ in others))
        return lambda: apply(Einsum(terms, self.terms[i]), g, *(x for _, x in others))


def letter_sizes(terms: tuple[str, ...], shapes: tuple[Shape, ...]) -> dict[str, int]:
    """The size behind each subscript; ValueError when two operands disagree."""
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        if len(term) != len(shape):
            raise ValueError(f"subscripts {term!r} do not fit shape {shape}")
        for letter, size in zip(term, shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise ValueError(f"subscript {letter!r} is {sizes[letter]} and {size}")
    return sizes


def parse_subscripts(subscripts: str, shapes: tuple[Shape, ...]) -> tuple[tuple[str, ...], str]:
    """Terms and output of an einsum string, the output filled in as NumPy does. No ellipsis, no diagonals."""
    left, arrow, out = subscripts.replace(" ", "").partition("->")
    terms = tuple(left.split(","))
    if len(terms) != len(shapes):
        raise ValueError(f"einsum {subscripts!r} names {len(terms)} operands and got {len(shapes)}")
    letters: Any = "".join(terms)
    if not (letters + out).isalpha() and letters + out:
        raise ValueError(f"einsum {subscripts!r}: only letters are supported, no ellipsis")
    if any(len(set(t)) < len(t) for t in (*terms, out)):
        raise ValueError(f"einsum {subscripts!r}: a letter twice in one term (a diagonal) is not supported")
    if not arrow:
        out = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    if not set(out) <= set(letters):
        raise ValueError(f"einsum {subscripts!r}: the output has a letter that no operand has")
    return terms, out
