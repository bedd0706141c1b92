"""What the compiler did to a program, as a story: pass by pass, then memory, then where the time goes.

Everything is read off the graphs and the plan; the passes are run again, on the graph that was traced.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from minigrad.compiler.passes import Pass
from minigrad.compiler.plan import VIEWS, Plan
from minigrad.compiler.program import Program
from minigrad.compiler.rewrite import is_op
from minigrad.compiler.schedule import Work
from minigrad.graph import Graph
from minigrad.measure import copy_rate, flops, nbytes, product_rate
from minigrad.ops.linalg import MatMul
from minigrad.ops.shape import Concat
from minigrad.tensor import Tensor

REPEATS = 5
MENTIONED = 3
"""Kinds of Ops that a pass's line names, at most."""
MEASURES: dict[str, Callable[[Graph], float]] = {
    "nodes": len,
    "matrix products": lambda graph: sum(is_op(node, MatMul) for node in graph),
    "GFLOP in them": lambda graph: round(sum(flops(node) for node in graph if is_op(node, MatMul)) / 1e9, 2),
    "MB computed": lambda graph: round(sum(nbytes(n) for n in graph if n.op and not is_op(n, *VIEWS)) / 1e6, 1),
}
"""Of a graph, in the order in which they are told."""


@dataclass(frozen=True)
class Change:
    """A pass: the graph before and after it, and in words what it found."""

    name: str
    why: str
    before: Graph
    after: Graph

    @property
    def sizes(self) -> dict[str, tuple[float, float]]:
        """What each measure of a graph was before, and is after."""
        return {unit: (measure(self.before), measure(self.after)) for unit, measure in MEASURES.items()}

    @property
    def story(self) -> list[str]:
        """Sentences; none where nothing changed."""
        return [*products_merged(self.before, self.after), *others_gone(self.before, self.after)]


@dataclass(frozen=True)
class Cost:
    """All calls of one kind in a run: how many, seconds by the model and measured, and floating-point operations."""

    kind: str
    count: int
    predicted: float
    measured: float
    flops: int


@dataclass(frozen=True)
class Explanation:
    """`changes` pass by pass, the `memory` of the plan in bytes, the `costs` of a run, dearest first; str() tells all.

    The costs are those of one worker's part; all wait for each other at the end of each of `stages`. `peak` is the rate
    of a large product on one core, `floor` the seconds that the products would take at it.
    `viz.diff(change.before, change.after)` draws a pass.
    """

    changes: tuple[Change, ...]
    memory: Mapping[str, int]
    costs: tuple[Cost, ...]
    workers: int
    stages: int
    peak: float
    floor: float

    @property
    def measured(self) -> float:
        """Seconds of one run of one worker, call by call."""
        return sum(cost.measured for cost in self.costs)

    def __str__(self) -> str:
        return "\n".join([*self._passes(), "", *self._memory(), "", *self._time()])

    def _passes(self) -> Iterator[str]:
        yield "traced: " + ", ".join(f"{before:g} {unit}" for unit, (before, _) in self.changes[0].sizes.items())
        for change in self.changes:
            moved = (f"{a:g} → {b:g} {unit}" for unit, (a, b) in change.sizes.items() if a != b)
            yield f"\n{change.name}: {', '.join(moved) or 'no smaller'}"
            yield f"    {change.why}"
            yield from (f"    · {sentence}" for sentence in change.story or ["nothing to do"])

    def _memory(self) -> Iterator[str]:
        m = self.memory
        values = f"{megabytes(m['values'])} of values in {m['buffers']} buffers"
        yield f"memory: {values} share {megabytes(m['arena'])}, since not all live at once"
        yield f"    {m['inside']} values are computed in their place inside a larger one, {m['views']} are views"
        yield f"    copied after all: {megabytes(m['copied'])}; results: {megabytes(m['results'])}"

    def _time(self) -> Iterator[str]:
        share = f" on each of {self.workers} workers, in {self.stages} stages" if self.workers > 1 else ""
        products, wide = sum(c.measured for c in self.costs if c.flops), max(len(c.kind) for c in self.costs) + 2
        yield f"time{share}: {1e3 * self.measured:.1f} ms, of it products {1e3 * products:.1f} ms"
        yield f"    predicted: products at the {self.peak / 1e9:.0f} GFLOP/s of a large one, {1e3 * self.floor:.1f} ms;"
        yield "    all else by the bytes it reads and writes, at the rate of a copy inside the cache"
        yield f"    {'':<{wide}}{'calls':>6}{'predicted':>11}{'measured':>10}{'share':>7}"
        for cost in self.costs:
            rate = f"  {cost.flops / cost.measured / 1e9:.0f} GFLOP/s" if cost.flops else ""
            yield (
                f"    {cost.kind:<{wide}}{cost.count:>6}{1e3 * cost.predicted:>8.2f} ms{1e3 * cost.measured:>7.2f} ms"
                f"{100 * cost.measured / self.measured:>5.0f} %{rate}"
            )


def explained(traced: Graph, passes: Sequence[Pass], program: Program) -> Explanation:
    """The explanation of a program that has run at least once."""
    changes, graph = [], traced
    for rewriting in passes:
        changes.append(Change(rewriting.name, rewriting.why, graph, rewriting(graph)))
        graph = changes[-1].after
    peak, bandwidth = product_rate(1024), copy_rate(1 << 18)
    costs = sorted(costs_of(program, peak, bandwidth), key=lambda cost: -cost.measured)
    floor = sum(cost.flops for cost in costs) / peak
    waits = len(program.stages)
    return Explanation(tuple(changes), memory_of(program.plan), tuple(costs), program.workers, waits, peak, floor)


def product_shapes(graph: Graph) -> Counter[str]:
    """How many products there are of each kind: shapes, and the name of a parameter that takes part."""
    return Counter(product_kind(node) for node in graph.nodes if is_op(node, MatMul))


def product_kind(node: Tensor) -> str:
    """`128×512 · 512×2048 with W_h`."""
    a, b = node.inputs
    names = [x.name for x in (root(a), root(b)) if x.op is None and x.name]
    return f"{size(a)} · {size(b)}" + (f" with {names[0]}" if names else "")


def root(node: Tensor) -> Tensor:
    """What a view is of."""
    while node.op is not None and len(node.inputs) == 1 and node.size == node.inputs[0].size:
        (node,) = node.inputs
    return node


def size(node: Tensor) -> str:
    """`128×512`."""
    return "×".join(map(str, node.shape))


def products_merged(before: Graph, after: Graph) -> list[str]:
    """Which products are gone, and which have come."""
    old, new = product_shapes(before), product_shapes(after)
    if old == new:
        return []
    return [f"products gone: {listed(old - new) or 'none'}", f"in their place: {listed(new - old) or 'none'}"]


def others_gone(before: Graph, after: Graph) -> list[str]:
    """The Ops of which there are fewer, or more."""
    old, new = (Counter(type(n.op).__name__ for n in g.nodes if n.op) for g in (before, after))
    old["MatMul"] = new["MatMul"] = 0
    sentences = (("fewer", old - new), ("more", new - old))
    return [f"{word}: {listed(ops, MENTIONED)}" for word, ops in sentences if ops]


def listed(counts: Counter[str], most: int | None = None) -> str:
    """`16 of a, 2 of b`."""
    found = ", ".join(f"{count} × {kind}" for kind, count in counts.most_common(most))
    return found + (", …" if most and len(counts) > most else "")


def memory_of(plan: Plan) -> dict[str, int]:
    """Bytes: of all values that are computed, of the arena that they share, of results, of copies; and counts."""
    copies = (part for node in plan.order if is_op(node, Concat) for _, part in plan.copied_parts(node))
    return {
        "values": sum(nbytes(node) for node in plan.order),
        "arena": plan.arena,
        "buffers": sum(root.kind == "arena" for root in plan.roots.values()),
        "results": sum(root.nbytes for root in plan.roots.values() if root.kind == "result"),
        "copied": sum(nbytes(part) for part in copies),
        "inside": len(plan.inside),
        "views": len(plan.views),
    }


def costs_of(program: Program, peak: float, bandwidth: float) -> Iterator[Cost]:
    """One worker's calls by kind: products by shape at the peak rate, all else by the bytes it reads and writes."""
    kinds: dict[str, list[tuple[Work, int, float]]] = {}
    for work, division, seconds in zip(program.works, program.divisions, program.timed(REPEATS), strict=True):
        parts = 1 if division.axis is None else program.workers
        kinds.setdefault(kind_of(work), []).append((work, parts, seconds))
    for kind, found in kinds.items():
        products = sum(flops(w.node) // parts for w, parts, _ in found) if kind.startswith("product ") else 0
        moved = sum((nbytes(w.node) + sum(map(nbytes, w.inputs))) // parts for w, parts, _ in found)
        predicted = products / peak if products else moved / bandwidth
        yield Cost(kind, len(found), predicted, sum(s for *_, s in found), products)


def kind_of(work: Work) -> str:
    """Products by their shape, all else by the Op."""
    return f"product {product_kind(work.node)}" if isinstance(work.op, MatMul) else type(work.op).__name__


def megabytes(count: int) -> str:
    """`12.3 MB`."""
    return f"{count / 1e6:.1f} MB"
