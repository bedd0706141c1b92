"""Matrix products and Einstein sums. Imports op.py alone."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.device import beside
from minigrad.errors import UsageError
from minigrad.op import Array, Gradient, Op, Shape, Value, apply


class MatMul(Op):
    """y = a @ b for operands of at least two dimensions; leading axes broadcast."""

    reads = "x"
    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        """numpy.matmul, but a stack of matrices times one matrix is one product of all rows, which is faster."""
        if b.ndim == 2 and a.ndim > 2:
            return np.matmul(rows(a), b).reshape(*a.shape[:-1], b.shape[-1])  # type: ignore[no-any-return]
        if a.ndim == b.ndim == 2 and quicker_turned(len(a), b.size) and b.flags.f_contiguous:
            return (b.T @ a.T).T.copy()
        return np.matmul(a, b)  # type: ignore[no-any-return]

    def shape(self, a: Shape, b: Shape) -> Shape:
        """(..., n, k) and (..., k, m) give (..., n, m)."""
        if len(a) < 2 or len(b) < 2 or a[-1] != b[-2]:
            fits = len(b) > 1 and a[-1:] == b[-1:]
            hint = "; transposed, the second would fit: b.mT" if fits else ""
            raise ValueError(f"cannot multiply {a} @ {b}: inner sizes {a[-1:]} and {b[-2:-1]} differ{hint}")
        return (*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1])

    def vjp(self, g: Value, y: Value, a: Value, b: Value) -> tuple[Gradient, ...]:
        """ga = g bᵀ, gb = aᵀ g."""
        gb = Product(rows(a), rows(g)) if b.ndim == 2 else lambda: a.swapaxes(-1, -2) @ g
        return lambda: apply(self, g, b.swapaxes(-1, -2)), gb


def quicker_turned(rows: int, size: int) -> bool:
    """Whether few rows times a large transposed matrix are faster as (b.T @ a.T).T, up to twice."""
    return rows <= 128 and size >= 1 << 17


def rows(x: Value) -> Value:
    """x as a matrix, with all axes but the last merged into one."""
    return x if x.ndim == 2 else x.reshape((int(np.prod(x.shape[:-1])), x.shape[-1]))


class Product:
    """The product aᵀ g of two matrices, computed when called: the gradient of a matrix by one of its uses."""

    __slots__ = ("a", "g")

    def __init__(self, a: Value, g: Value) -> None:
        self.a, self.g = a, g

    def __call__(self) -> Value:
        """The product aᵀ g."""
        return self.a.swapaxes(-1, -2) @ self.g


class ProductSum:
    """The sum of aᵀ g over all uses of a matrix, such as the steps of a recurrence, as one product of stacked rows.

    That is faster than T products and T sums of whole matrices. Up to LIMIT elements are held back before they are
    multiplied.
    """

    LIMIT = 1 << 23  # elements of a and g held back: 32 MiB of float32

    def __init__(self) -> None:
        self._pairs: list[Product] = []
        self._held = 0
        self._total: Value = None

    def add(self, product: Product) -> None:
        """Adds one more product to the sum."""
        self._pairs.append(product)
        self._held += product.a.size + product.g.size
        if self._held > self.LIMIT:
            self._flush()

    def added_to(self, g: Value, dtype: np.dtype[Any]) -> Value:
        """The whole sum, plus g unless it is None, as a new array of this dtype."""
        self._flush()
        total = self._total if g is None else self._total + g
        return total.astype(dtype, copy=False)

    def _flush(self) -> None:
        if len(self._pairs) == 1:
            product = self._pairs[0]()
        else:
            a, g = (np.concatenate([getattr(p, x) for p in self._pairs]) for x in ("a", "g"))
            product = a.T @ g
        self._total = product if self._total is None else self._total + product
        self._pairs, self._held = [], 0


@dataclass(frozen=True)
class Einsum(Op):
    """y = an Einstein sum: `terms` are the inputs' subscripts, `out` the output's, with no letter twice in a term."""

    terms: tuple[str, ...]
    out: str
    reads = "x"

    def forward(self, *xs: Array) -> Array:
        """numpy.einsum along its optimal path; unlike there, an axis of size 1 does not broadcast."""
        letter_sizes(self.terms, tuple(x.shape for x in xs))
        return np.einsum(f"{','.join(self.terms)}->{self.out}", *xs, optimize=len(xs) > 1)  # type: ignore[no-any-return]

    def shape(self, *shapes: Shape) -> Shape:
        """The sizes of the output's letters."""
        sizes = letter_sizes(self.terms, shapes)
        return tuple(sizes[letter] for letter in self.out)

    def vjp(self, g: Value, y: Value, *xs: Value) -> tuple[Gradient, ...]:
        """The gradient of input i is an Einstein sum too, with g in the place of input i."""
        sizes = letter_sizes(self.terms, tuple(x.shape for x in xs))
        return tuple(self._pull(i, g, xs, sizes) for i in range(len(xs)))

    def _pull(self, i: int, g: Value, xs: tuple[Value, ...], sizes: dict[str, int]) -> Value:
        """The gradient of input i. Its letters that no other operand has are supplied by vectors of ones."""
        others = [(t, x) for j, (t, x) in enumerate(zip(self.terms, xs, strict=True)) if j != i]
        known = set(self.out).union(*(t for t, _ in others))
        others += [(c, beside(np.ones(sizes[c], xs[i].dtype), xs[i])) for c in self.terms[i] if c not in known]
        terms = (self.out, *(t for t, _ in others))
        return lambda: apply(Einsum(terms, self.terms[i]), g, *(x for _, x in others))


def letter_sizes(terms: tuple[str, ...], shapes: tuple[Shape, ...]) -> dict[str, int]:
    """The size of each subscript's axis; ValueError when two operands disagree."""
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        if len(term) != len(shape):
            raise ValueError(f"subscripts {term!r} do not fit shape {shape}")
        for letter, size in zip(term, shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise ValueError(f"subscript {letter!r} is {sizes[letter]} and {size}")
    return sizes


def parse_subscripts(subscripts: str, shapes: tuple[Shape, ...]) -> tuple[tuple[str, ...], str]:
    """The terms and the output of an einsum string; a missing output is filled in as NumPy does."""
    left, arrow, out = subscripts.replace(" ", "").partition("->")
    terms = tuple(left.split(","))
    if len(terms) != len(shapes):
        raise UsageError(f"einsum {subscripts!r} names {len(terms)} operands and got {len(shapes)}")
    letters: Any = "".join(terms)
    if not (letters + out).isalpha() and letters + out:
        raise UsageError(f"einsum {subscripts!r}: only letters are supported, no ellipsis")
    if any(len(set(t)) < len(t) for t in (*terms, out)):
        raise UsageError(f"einsum {subscripts!r}: a letter twice in one term (a diagonal) is not supported")
    if not arrow:
        out = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    if not set(out) <= set(letters):
        raise UsageError(f"einsum {subscripts!r}: the output has a letter that no operand has")
    return terms, out
