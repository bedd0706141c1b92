"""A chain of lemmas: elements with equal numbers in both programs are proved equal, and become one atom from then on.

Numbers only propose; a lemma is an equality of normal forms over the lemmas before it. Without lemmas the normal form
of a recurrence grows exponentially with the number of steps, with them linearly.
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

from minigrad.check.proof import functions as f
from minigrad.check.proof.algebra import Algebra
from minigrad.check.proof.polynomial import Polynomial
from minigrad.check.proof.rules import Form, each, form_of
from minigrad.graph import Graph
from minigrad.op import Array
from minigrad.tensor import Tensor

Key: TypeAlias = tuple[int, ...] | None
"""What distinguishes an element's values for different arguments."""
ALIKE = 1e-9
MOST_UNFOLDED, LARGEST_GAP = 60, 400
"""When two polynomials are compared: the most lemmas to unfold, and the most terms they may grow to."""


class Lemmas:
    """The algebra of a proof, the atoms of its inputs, and elements that became atoms as both programs have them."""

    def __init__(self, inputs: Sequence[Tensor], shared: Iterable[Key], limit: int) -> None:
        self.algebra = Algebra(limit)
        self.inputs = [self._input(x, i) for i, x in enumerate(inputs)]
        self.proved = 0
        self.smallest_gap: tuple[Polynomial, Polynomial] | None = None
        self._shared = set(shared) - {None}
        self._known: dict[Key, tuple[Polynomial, Polynomial]] = {}

    def outputs(self, graph: Graph, keys: Sequence[Form]) -> list[Form]:
        """The normal forms of a program's results; `keys` identify the elements of its nodes."""
        forms = {id(x): form for x, form in zip(graph.inputs, self.inputs, strict=True)}
        for node, key in zip(graph.nodes, keys, strict=True):
            if node.op is None and id(node) not in forms:
                forms[id(node)] = each(self.algebra.number, node.numpy().astype(object))
            elif id(node) not in forms:
                form = form_of(self.algebra, node, [forms[id(x)] for x in node.inputs])
                forms[id(node)] = each(self._named, form, key)
        return [forms[id(y)] for y in graph.outputs]

    def same(self, p: Polynomial, q: Polynomial) -> bool:
        """Whether p and q are equal; if need be, the newest lemma in their difference is replaced by its definition."""
        gap, unfolded = p - q, 0
        while gap.terms and unfolded < MOST_UNFOLDED:
            lemmas = [a for a in gap.atoms() if self.algebra.atoms[a].kind == "lemma"]
            if not lemmas or len(gap) > LARGEST_GAP:
                break
            gap, unfolded = self._unfolded(gap, max(lemmas)), unfolded + 1
        if gap.terms and (self.smallest_gap is None or len(p) + len(q) < sum(map(len, self.smallest_gap))):
            self.smallest_gap = p, q
        return not gap.terms

    def _input(self, x: Tensor, i: int) -> Form:
        kinds = (("input", i, place, x.name or f"input {i}") for place in np.ndindex(x.shape))
        return np.array([self.algebra.atom(k, binary=x.dtype.kind == "b") for k in kinds], object).reshape(x.shape)

    def _named(self, p: Polynomial, key: Key) -> Polynomial:
        """The atom for p, if p is more than a few symbols and occurs in both programs; else p."""
        atoms = p.atoms() if key in self._shared and len(p) > 1 else ()
        if len(atoms) < 3 or all(self.algebra.atoms[a].binary for a in atoms):
            return p
        if key not in self._known:
            self._known[key] = p, self.algebra.atom("lemma", p, sign=f.sign(p))
            return self._known[key][1]
        definition, name = self._known[key]
        if not self.same(p, definition):
            return p
        self.proved += 1
        return name

    def _unfolded(self, p: Polynomial, lemma: int) -> Polynomial:
        """p with a lemma replaced by its definition."""
        definition = self.algebra.atoms[lemma].arguments[0]
        powers: dict[Any, dict[Any, Any]] = {}
        for m, c in p.terms.items():
            powers.setdefault(dict(m).get(lemma, 0), {})[tuple(x for x in m if x[0] != lemma)] = c
        return self.algebra.total(
            Polynomial(self.algebra, terms) * f.power(definition, k) for k, terms in powers.items()
        )


def keys_of(values: Sequence[Sequence[Array]], ordinary: int) -> list[Form]:
    """A key for each element, from its values in all trials: equal for equal numbers, None where all are 0.

    The first `ordinary` trials make the key if they can: in others, values may saturate or cancel.
    """
    numbers = [grouped(np.concatenate([np.ravel(a).astype(float) for a in arrays])).tolist() for arrays in values]
    keys = np.empty(len(numbers[0]), object)
    rows = zip(*numbers, strict=True)
    keys[:] = [row[:ordinary] if any(row[:ordinary]) else row if any(row) else None for row in rows]
    ends = np.cumsum([np.size(a) for a in values[0]])[:-1]
    return [k.reshape(np.shape(a)) for k, a in zip(np.split(keys, ends), values[0], strict=True)]


def grouped(numbers: Array) -> Array:
    """A positive integer for each number, the same for numbers that differ by rounding alone; 0 for 0 and NaN."""
    order = np.argsort(numbers)
    ordered = np.nan_to_num(numbers[order])
    found = np.empty(len(numbers), int)
    found[order] = 1 + np.cumsum(np.diff(ordered, prepend=ordered[:1]) > ALIKE * np.abs(ordered))
    return np.where(np.isfinite(numbers) & (numbers != 0), found, 0)
