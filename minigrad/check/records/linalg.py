"""Records of products."""

from collections.abc import Iterable

import numpy as np

from minigrad.check.records.record import Applied, Draw, Record, misfit
from minigrad.op import Array
from minigrad.ops.linalg import Einsum, MatMul

PRODUCTS = (
    ((2, 3), (3, 4)),
    ((2, 2, 3), (3, 4)),
    ((2, 3), (2, 3, 4)),
    ((2, 2, 3), (2, 3, 1)),
    ((2, 1, 2, 3), (3, 3, 2)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 3)),
    ((2, 0, 3), (3, 2)),
)
SUMS = (
    (("ij", "jk"), "ik", ((2, 3), (3, 4))),
    (("ij", "jk"), "", ((2, 3), (3, 4))),
    (("ij",), "ji", ((2, 3),)),
    (("ijk",), "j", ((2, 3, 2),)),
    (("i", "j"), "ij", ((2,), (3,))),
    (("nth", "hv", "v"), "ntv", ((2, 2, 3), (3, 2), (2,))),
    (("ij", "k"), "i", ((2, 3), (2,))),
    (("", "i"), "i", ((), (3,))),
)


def einsums(draw: Draw) -> Iterable[Applied]:
    """Products, sums, transposes, outer products, and letters that only one operand has."""
    for terms, out, shapes in SUMS:
        yield Einsum(terms, out), *(draw.normal(*shape) for shape in shapes)


def einsum_by_loops(terms: tuple[str, ...], out: str, *xs: Array) -> Array:
    """The sum of products over every combination of subscripts, one after another."""
    sizes = {c: n for term, x in zip(terms, xs, strict=True) for c, n in zip(term, x.shape, strict=True)}
    y = np.zeros([sizes[c] for c in out])
    for values in np.ndindex(*sizes.values()):
        at = dict(zip(sizes, values, strict=True))
        y[tuple(at[c] for c in out)] += np.prod([x[tuple(at[c] for c in t)] for t, x in zip(terms, xs, strict=True)])
    return y


RECORDS = (
    Record(
        MatMul,
        lambda draw: [(MatMul(), draw.normal(*a), draw.normal(*b)) for a, b in PRODUCTS],
        lambda op, a, b: (a[..., :, :, None] * b[..., None, :, :]).sum(-2),
        refusals=(
            misfit(MatMul(), (2, 3), (4, 2), says=("inner sizes", "(3,)", "(4,)")),
            misfit(MatMul(), (2, 2, 3), (3, 3, 2)),
        ),
    ),
    Record(
        Einsum,
        einsums,
        lambda op, *xs: einsum_by_loops(op.terms, op.out, *xs),
        refusals=(
            misfit(Einsum(("ij", "jk"), "ik"), (2, 3), (4, 2), says=("'j' is 3 and 4",)),
            misfit(Einsum(("ij",), "i"), (2,), says=("'ij'",)),
        ),
    ),
)
