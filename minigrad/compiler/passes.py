"""The passes in their order. Each takes a graph and returns one that computes the same at less cost."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from minigrad.compiler.activations import ACTIVATIONS
from minigrad.compiler.factors import FACTORS
from minigrad.compiler.identities import IDENTITIES
from minigrad.compiler.layout import LAYOUT, turn
from minigrad.compiler.lookups import multiply_tables
from minigrad.compiler.products import batch_products
from minigrad.compiler.rewrite import Builder, Recipe, Rules, Scalar, rebuilt
from minigrad.compiler.slices import SLICES
from minigrad.compiler.sums import join_puts, sum_products
from minigrad.compiler.views import VIEWS
from minigrad.compiler.zeros import ZEROS
from minigrad.errors import ShapeError, UsageError
from minigrad.graph import Graph


class Pass(NamedTuple):
    """A named rewriting: `run(graph, build)` is given a Builder that applies the pass's rules.

    `why` says why it pays.
    """

    name: str
    run: Callable[[Graph, Builder], Graph]
    rules: Rules
    why: str

    def __call__(self, graph: Graph) -> Graph:
        """The rewritten graph, verified: its outputs have the same shapes and dtypes as before."""
        rewritten = self.run(graph, Builder(self.rules)).verify()
        for old, new in zip(graph.outputs, rewritten.outputs, strict=True):
            if (old.shape, old.dtype) != (new.shape, new.dtype):
                raise ShapeError(f"{self.name}: {old.shape} {old.dtype} has become {new.shape} {new.dtype}")
        return rewritten


def all_rules(*tables: Rules) -> Rules:
    """Several tables of rules as one."""
    return {op: tuple(rule for table in tables for rule in table.get(op, ())) for table in tables for op in table}


TIDY = all_rules(IDENTITIES, SLICES)

VIEWED = all_rules(IDENTITIES, SLICES, VIEWS)

PASSES = (
    Pass("common subexpressions", rebuilt, {}, "Equal operations on equal inputs are computed once."),
    Pass("identities", rebuilt, IDENTITIES, "What changes nothing goes: x + 0, 1 · x, a reshape to the same shape."),
    Pass("factors", rebuilt, all_rules(IDENTITIES, FACTORS), "The gradient of x xᵀ is one product with x, not two."),
    Pass("slices", rebuilt, TIDY, "A slice is taken before the work on it, not after."),
    Pass("activations", rebuilt, all_rules(TIDY, ACTIVATIONS), "max(x, 0) is taken after a pool, of fewer elements."),
    Pass("zeros", rebuilt, all_rules(TIDY, ZEROS), "Zeros around a slice are not multiplied."),
    Pass("joined slices", join_puts, TIDY, "Gradients of disjoint slices are laid side by side, not added to zeros."),
    Pass("views", rebuilt, VIEWED, "Transposes and reshapes move past the work on them: rows keep their order."),
    Pass("summed products", sum_products, TIDY, "A sum of products aᵀ g, one a step, is one product of stacked rows."),
    Pass("batched products", batch_products, TIDY, "Products with one matrix are one product, if none waits."),
    Pass("lookups", multiply_tables, TIDY, "A table is multiplied before its rows are looked up: many are equal."),
    Pass("views after batching", rebuilt, VIEWED, "The same again, for what batching has left."),
    Pass("layout", turn, all_rules(IDENTITIES, LAYOUT), "Large matrices are read along rows; results lie by rows."),
)


def chosen(without: Sequence[str]) -> tuple[Pass, ...]:
    """All passes except those named in `without`; UsageError for a name that no pass has."""
    names = [rewriting.name for rewriting in PASSES]
    if unknown := [name for name in without if name not in names]:
        raise UsageError(f"there is no pass {unknown[0]!r}; there are {', '.join(names)}")
    return tuple(rewriting for rewriting in PASSES if rewriting.name not in without)


def numbers_inside(graph: Graph, born_after: int) -> Graph:
    """The graph with the numbers that the traced program contains as Scalar nodes, so that equal ones merge."""
    given = {id(x) for x in graph.inputs}
    inside = [n for n in graph.nodes if n.op is None and n.serial > born_after and id(n) not in given and n.shape == ()]
    recipes = {
        id(n): Recipe((), lambda build, n=n: build(Scalar(n.numpy().item(), n.dtype.name)))
        for n in inside
        if n.value is not None
    }
    return rebuilt(graph, Builder(), recipes)
