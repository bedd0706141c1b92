"""The costs of a graph, node by node, what `explain()` tells of a compiled program, and the processor's rates.

Pictures show these numbers on the nodes. Imports Graph; anyone may import it.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from minigrad.errors import UsageError
from minigrad.graph import Graph
from minigrad.op import Array
from minigrad.ops.conv import Conv2d, Convolution, ConvTranspose2d
from minigrad.ops.index import Slice
from minigrad.ops.linalg import Einsum, MatMul, letter_sizes
from minigrad.ops.shape import BroadcastTo, Reshape, Transpose
from minigrad.tensor import Tensor

REPEATS = 5
"""How often a measurement is repeated; the quickest counts."""
MOVES = ("index", "shape")
"""Families of Ops (modules of minigrad.ops) that compute nothing, but move elements."""
VIEWS = (Slice, Transpose, Reshape, BroadcastTo)
"""Ops whose result can be a view of their operand."""
PRODUCTS = (MatMul, Einsum, Convolution)
"""Ops that multiply and add many times for each element of their result."""
LEAST, MENTIONED = 0.005, 3
"""The share of a run's time below which calls are only named; how many kinds of Ops are named where graphs differ."""


def nbytes(node: Tensor) -> int:
    """Bytes of the node's value."""
    return node.size * node.dtype.itemsize


def flops(node: Tensor) -> int:
    """Floating-point operations of one evaluation: 2 for each multiplication with addition, 1 for each function value.

    Ops that only move elements have none; for sums it is the number of elements added.
    """
    op = node.op
    if op is None or type(op).__module__.rpartition(".")[2] in MOVES:
        return 0
    if isinstance(op, MatMul):
        return 2 * node.size * node.inputs[0].shape[-1]
    if isinstance(op, Convolution):
        y, w = pictures_and_kernel(node)
        return 2 * y.size * prod(w.shape[1:])
    if isinstance(op, Einsum):
        return 2 * prod(letter_sizes(op.terms, tuple(x.shape for x in node.inputs)).values())
    return max([node.size, *(x.size for x in node.inputs)])


def pictures_and_kernel(node: Tensor) -> tuple[Tensor, Tensor]:
    """The output pictures and the kernel of a convolution; of a gradient of one, those of the convolution itself."""
    x, w = node.inputs[:2]
    return (node, w) if isinstance(node.op, Conv2d) else (x, w) if isinstance(node.op, ConvTranspose2d) else (w, node)


def product_flops(graph: Graph) -> int:
    """The floating-point operations of all matrix products and convolutions in the graph."""
    return sum(flops(node) for node in graph.nodes if isinstance(node.op, PRODUCTS))


MEASURES: dict[str, Callable[[Graph], float]] = {
    "nodes": len,
    "products": lambda graph: sum(isinstance(node.op, PRODUCTS) for node in graph),
    "GFLOP": lambda graph: product_flops(graph) / 1e9,
    "MB computed": lambda graph: sum(nbytes(n) for n in graph if n.op and not isinstance(n.op, VIEWS)) / 1e6,
}
"""Measures of a graph, by name: `products` are matrix products and convolutions, `GFLOP` the operations in them."""


def kind(node: Tensor) -> str:
    """A matrix product by its shapes and parameter, `128×512 · 512×2048 with W_h`; other nodes by their Op."""
    name = type(node.op).__name__
    if isinstance(node.op, Convolution):
        return f"{name} {'×'.join(map(str, pictures_and_kernel(node)[1].shape[2:]))}"
    if not isinstance(node.op, MatMul):
        return name
    names = [x.name for x in map(viewed, node.inputs) if x.op is None and x.name]
    shapes = " · ".join("×".join(map(str, x.shape)) for x in node.inputs)
    return f"{shapes} with {names[-1]}" if names else shapes


def viewed(node: Tensor) -> Tensor:
    """The node that a view, or a view of a view, looks at; the node itself if it is no view."""
    while node.op is not None and len(node.inputs) == 1 and node.size == node.inputs[0].size:
        (node,) = node.inputs
    return node


def differences(before: Graph, after: Graph) -> list[str]:
    """Sentences: which products are gone and which are new, and of which other Ops there are fewer or more."""
    found = []
    for products, words in ((True, ("products gone", "in their place")), (False, ("fewer", "more"))):
        both = ([n for n in graph if n.op and isinstance(n.op, PRODUCTS) == products] for graph in (before, after))
        old, new = (Counter(map(kind, nodes)) for nodes in both)
        counts = old - new, new - old
        told = (f"{word}: {listed(c, None if products else MENTIONED)}" for word, c in zip(words, counts, strict=True))
        found += [line for line, count in zip(told, counts, strict=True) if count or (products and old != new)]
    return found


def listed(counts: Counter[str], most: int | None = None) -> str:
    """`16 × a, 2 × b`."""
    found = ", ".join(f"{count} × {what}" for what, count in counts.most_common(most))
    return found + (", …" if most and len(counts) > most else "") or "none"


def evaluated(graph: Graph, *arguments: Any) -> Iterator[tuple[Tensor, Array, float]]:
    """Every node in order, with its value for these arguments and the seconds that computing it took.

    Known values are used as they are; UsageError when an input has no value and no argument is given for it.
    """
    given = dict(zip(map(id, graph.inputs), arguments, strict=False))
    values: dict[int, Array] = {}
    for node in graph.nodes:
        start = time.perf_counter()
        values[id(node)] = value_of(node, values, given)
        yield node, values[id(node)], time.perf_counter() - start


def value_of(node: Tensor, values: dict[int, Array], given: dict[int, Any]) -> Array:
    """A node's value: given, computed from its operands, or known."""
    if id(node) in given:
        return np.asarray(given[id(node)], node.dtype)
    if node.op is not None:
        return np.asarray(node.op.forward(*(values[id(x)] for x in node.inputs)))
    if node.value is None:
        raise UsageError(f"{node!r} has no value: give one argument for each input of the graph")
    return node.value


def seconds(work: Callable[[], object]) -> float:
    """The wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def product_rate(size: int, spread: Callable[..., Iterable[object]] = map, at_once: int = 1) -> float:
    """The best rate, in floating-point operations a second, of float32 products of `size` × `size` matrices.

    `at_once` products run at a time, on the threads of a pool if `spread` is its `map`.
    """
    a = np.ones((size, size), np.float32)
    results = [np.empty_like(a) for _ in range(at_once)]
    best = min(seconds(lambda: list(spread(lambda c: np.matmul(a, a, c), results))) for _ in range(REPEATS))
    return at_once * 2 * size**3 / best


def copy_rate(nbytes: int) -> float:
    """The best rate of copying `nbytes` bytes, in bytes read and written a second."""
    a, b = np.ones(nbytes, np.uint8), np.empty(nbytes, np.uint8)
    return 2 * nbytes / min(seconds(lambda: np.copyto(b, a)) for _ in range(REPEATS))


def norm(value: Array) -> float:
    """The Euclidean norm of all elements; NaN if one is NaN."""
    return float(np.sqrt(np.sum(np.square(np.abs(value.astype(np.float64))))))


def duration(seconds: float) -> str:
    """`12.30 ms`, or `4.56 µs`."""
    return f"{1e3 * seconds:.2f} ms" if seconds >= 1e-3 else f"{1e6 * seconds:.2f} µs"


@dataclass(frozen=True)
class Version:
    """A graph, the bytes and the buffers that hold its values and results, its predicted and measured seconds."""

    graph: Graph
    held: int
    buffers: int
    predicted: float
    measured: float

    @property
    def row(self) -> str:
        """Its row of the table that HEAD begins."""
        nodes, products, gflop, computed = (measure(self.graph) for measure in MEASURES.values())
        counts = f"{nodes:>7g}{products:>10g}{gflop:>8.2f}{computed:>13.1f}{self.held / 1e6:>9.1f}{self.buffers:>9}"
        return f"{counts}{duration(self.predicted):>12}{duration(self.measured):>12}"


HEAD = "  nodes  products   GFLOP  MB computed  MB held  buffers   predicted    measured"


@dataclass(frozen=True)
class Change:
    """A pass: its name, why it pays, and the program before and after it."""

    name: str
    why: str
    old: Version
    new: Version

    @property
    def before(self) -> Graph:
        """The graph before the pass."""
        return self.old.graph

    @property
    def after(self) -> Graph:
        """The graph after the pass."""
        return self.new.graph

    @property
    def story(self) -> list[str]:
        """What changed, in sentences; none if nothing did."""
        return differences(self.before, self.after)


@dataclass(frozen=True)
class Cost:
    """All calls of one kind in a run: how many, their predicted and measured seconds, the operations in products."""

    kind: str
    count: int
    predicted: float
    measured: float
    flops: int

    def row(self, wide: int, whole: float) -> str:
        """Its row of the table; the kind takes `wide` characters, a run `whole` seconds."""
        rate = f"{self.flops / self.measured / 1e9:>6.0f} GFLOP/s" if self.flops else ""
        times = f"{duration(self.predicted):>12}{duration(self.measured):>12}{self.measured / whole:>7.0%}"
        return f"    {self.kind:<{wide}}{self.count:>6}{times}{rate}"


@dataclass(frozen=True)
class Explanation:
    """`changes` pass by pass, the `memory` of the plan in bytes, the `costs` of a run, dearest first; str() tells all.

    The costs are those of one worker's part; all wait for each other after each of `stages`. `peak` is the rate of a
    large product on one core, `bandwidth` that of a copy in the cache, in bytes. `viz.story(explanation, path)` draws.
    """

    changes: tuple[Change, ...]
    memory: Mapping[str, int]
    costs: tuple[Cost, ...]
    workers: int
    stages: int
    peak: float
    bandwidth: float

    @property
    def measured(self) -> float:
        """Seconds of one run of one worker: the sum over its calls."""
        return sum(cost.measured for cost in self.costs)

    @property
    def floor(self) -> float:
        """Seconds that the products would take at the rate of a large one."""
        return sum(cost.flops for cost in self.costs) / self.peak

    @property
    def about_memory(self) -> str:
        """Where the values are, in words."""
        m, size = self.memory, {what: f"{count / 1e6:.1f} MB" for what, count in self.memory.items()}
        return f"""{size["values"]} are computed in {size["arena"]} that are used again and again, and {size["results"]}
    of results; {m["inside"]} values are computed in their place in a larger one, {m["views"]} are views of others;
    {size["copied"]} are copied after all"""

    @property
    def about_time(self) -> str:
        """What a run takes, and what is predicted, in words."""
        each = f" on each of {self.workers} workers, who wait for each other {self.stages} times" * (self.workers > 1)
        return f"""{duration(self.measured)} of calls{each};
    predicted: products at the {self.peak / 1e9:.0f} GFLOP/s of a large one, {duration(self.floor)};
    all else by its bytes, at the {self.bandwidth / 1e9:.0f} GB/s of a copy inside the cache; and ½ µs a call"""

    def __str__(self) -> str:
        told = f"\nmemory: {self.about_memory}", f"\ntime: {self.about_time}"
        return "\n".join([*self._passes(), *told, *self._costs()])

    def _passes(self) -> Iterator[str]:
        found = [change for change in self.changes if change.story]
        idle = ", ".join(change.name for change in self.changes if not change.story)
        yield f"{'passes':<22}{HEAD}"
        yield f"{'as it was traced':<22}{self.changes[0].old.row}"
        yield from (f"{change.name:<22}{change.new.row}" for change in found)
        yield from [f"found nothing to do: {idle}"] if idle else []
        yield "products: of matrices, and convolutions; GFLOP: theirs; held: memory that all values share, and results"
        for change in found:
            yield from (f"\n{change.name}: {change.why}", *(f"    · {sentence}" for sentence in change.story))

    def _costs(self) -> Iterator[str]:
        small = [cost for cost in self.costs if cost.measured < LEAST * self.measured]
        large, wide = self.costs[: len(self.costs) - len(small)], max((len(c.kind) for c in self.costs), default=0) + 2
        yield f"    {'':<{wide}}{'calls':>6}{'predicted':>12}{'measured':>12}{'share':>7}"
        yield from (cost.row(wide, self.measured) for cost in large)
        yield from [f"    and less than {LEAST:.1%} each: {', '.join(cost.kind for cost in small)}"] if small else []
