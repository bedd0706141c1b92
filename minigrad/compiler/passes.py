"""The passes in their order: each takes a graph and gives one that computes the same, more cheaply."""

from collections.abc import Callable
from typing import NamedTuple

from minigrad.compiler.identities import IDENTITIES
from minigrad.compiler.layout import LAYOUT
from minigrad.compiler.products import batch_products
from minigrad.compiler.rewrite import Builder, Recipe, Rules, Scalar, rebuilt
from minigrad.compiler.slices import SLICES
from minigrad.compiler.sums import join_puts, sum_products
from minigrad.compiler.views import VIEWS
from minigrad.graph import Graph


class Pass(NamedTuple):
    """A named rewriting: `run(graph, build)`, with a builder that follows the pass's rules."""

    name: str
    run: Callable[[Graph, Builder], Graph]
    rules: Rules

    def __call__(self, graph: Graph) -> Graph:
        """The graph rewritten, and verified."""
        return self.run(graph, Builder(self.rules)).verify()


def all_rules(*tables: Rules) -> Rules:
    """The rules of several tables."""
    return {op: tuple(rule for table in tables for rule in table.get(op, ())) for table in tables for op in table}


TIDY = all_rules(IDENTITIES, SLICES)

PASSES = (
    Pass("common subexpressions", rebuilt, {}),
    Pass("identities", rebuilt, IDENTITIES),
    Pass("slices", rebuilt, TIDY),
    Pass("joined slices", join_puts, TIDY),
    Pass("views", rebuilt, all_rules(IDENTITIES, SLICES, VIEWS)),
    Pass("summed products", sum_products, TIDY),
    Pass("batched products", batch_products, TIDY),
    Pass("views after batching", rebuilt, all_rules(IDENTITIES, SLICES, VIEWS)),
    Pass("layout", rebuilt, all_rules(IDENTITIES, LAYOUT)),
)


def numbers_inside(graph: Graph, born_after: int) -> Graph:
    """The graph with the numbers that the traced program itself wrote as Scalars; later ones may merge and fold."""
    given = {id(x) for x in graph.inputs}
    inside = [n for n in graph.nodes if n.op is None and n.serial > born_after and id(n) not in given and n.shape == ()]
    recipes = {
        id(n): Recipe((), lambda build, n=n: build(Scalar(n.numpy().item(), n.dtype.name)))
        for n in inside
        if n.value is not None
    }
    return rebuilt(graph, Builder(), recipes)
