"""A layered layout: nodes of a rank side by side, few crossings, long edges as straight as they can be.

Knows keys, sizes and edges alone. Edges run along x from rank to rank; what is passed on the way leaves room for them.
Sugiyama, Tagawa & Toda 1981; places within a rank by least squares under the required distances.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from viz.graph.ranking import Pair

Size = tuple[float, float]
GAP = 14.0
"""Distance of nodes of one rank."""
WIRE_GAP = 8.0
"""Room for an edge that passes."""
SWEEPS = 8
LONGEST = 40
"""Edges over more ranks than this take no room on their way, or deep graphs would be all edges."""


@dataclass
class Arrangement:
    """Middle of each node across the flow, and of each long edge at each rank that it passes."""

    ranks: dict[str, int]
    across: dict[str, float] = field(default_factory=dict)
    bends: dict[Pair, list[tuple[int, float]]] = field(default_factory=dict)
    layers: list[list[str]] = field(default_factory=list)


def arrange(sizes: Mapping[str, float], edges: Iterable[Pair], ranks: Mapping[str, int]) -> Arrangement:
    """Places nodes of given sizes across the flow; `ranks` must differ along every edge."""
    chains = {edge: passing(edge, ranks) for edge in dict.fromkeys(edges) if edge[0] != edge[1]}
    heights = dict(sizes) | {dummy: 0.0 for chain in chains.values() for dummy in chain[1:-1]}
    layers = first_layers(sizes, chains, ranks)
    before, after = links(chains.values())
    order_layers(layers, before, after)
    across = coordinates(layers, heights, before, after)
    bends = {
        edge: [(min(ranks[edge[0]], ranks[edge[1]]) + i, across[d]) for i, d in inner(chain, edge, ranks)]
        for edge, chain in chains.items()
    }
    return Arrangement(dict(ranks), across, bends, layers)


def passing(edge: Pair, ranks: Mapping[str, int]) -> list[str]:
    """The lower end, a name for each rank between, the upper end."""
    low, high = sorted(edge, key=ranks.__getitem__)
    between = range(ranks[low] + 1, ranks[high])
    return [low, *(f"{low}\0{high}\0{rank}" for rank in between if len(between) <= LONGEST), high]


def inner(chain: list[str], edge: Pair, ranks: Mapping[str, int]) -> Iterable[tuple[int, str]]:
    """The names between the ends, numbered along the edge's own direction."""
    numbered = list(enumerate(chain))[1:-1]
    return numbered if ranks[edge[0]] < ranks[edge[1]] else reversed(numbered)


def first_layers(
    sizes: Mapping[str, float], chains: Mapping[Pair, list[str]], ranks: Mapping[str, int]
) -> list[list[str]]:
    """Nodes by rank in the order given, each long edge behind the node that it comes from."""
    layers: list[list[str]] = [[] for _ in range(max(ranks.values(), default=-1) + 1)]
    for key in sizes:
        layers[ranks[key]].append(key)
    for chain in chains.values():
        for i, dummy in enumerate(chain[1:-1], 1):
            layers[ranks[chain[0]] + i].append(dummy)
    return layers


Links = dict[str, list[str]]


def links(chains: Iterable[list[str]]) -> tuple[Links, Links]:
    """Neighbours in the rank before and in the rank after."""
    before: Links = defaultdict(list)
    after: Links = defaultdict(list)
    for chain in chains:
        for a, b in pairwise(chain):
            before[b].append(a)
            after[a].append(b)
    return before, after


def order_layers(layers: list[list[str]], before: Links, after: Links) -> None:
    """Sorts each layer by the middle of its neighbours, to and fro; keeps the order with the fewest crossings."""
    best, fewest = [list(layer) for layer in layers], crossings(layers, after)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        forwards = sweep % 2 == 0
        for layer, fixed in sweep_pairs(layers, forwards):
            by_middle(layer, fixed, before if forwards else after)
        count = crossings(layers, after)
        if count < fewest:
            best, fewest = [list(layer) for layer in layers], count
    layers[:] = best


def sweep_pairs(layers: list[list[str]], forwards: bool) -> Iterable[tuple[list[str], list[str]]]:
    """Each layer with the one just sorted."""
    order = layers if forwards else layers[::-1]
    return zip(order[1:], order, strict=False)


def by_middle(layer: list[str], fixed: list[str], neighbours: Links) -> None:
    """Sorts a layer by the mean place of the neighbours; what has none keeps its place."""
    place = {key: i for i, key in enumerate(fixed)}
    middle = {}
    for i, key in enumerate(layer):
        known = [place[x] for x in neighbours.get(key, ()) if x in place]
        middle[key] = sum(known) / len(known) if known else i * len(fixed) / max(1, len(layer))
    layer.sort(key=middle.__getitem__)


def crossings(layers: list[list[str]], after: Links) -> int:
    """How many pairs of edges cross between neighbouring layers."""
    return sum(crossings_between(a, b, after) for a, b in pairwise(layers))


def crossings_between(upper: list[str], lower: list[str], after: Links) -> int:
    """Counts inversions with a binary indexed tree (Barth, Mutzel & Jünger 2004)."""
    place = {key: i for i, key in enumerate(lower)}
    tree = [0] * (len(lower) + 1)
    total = seen = 0
    for key in upper:
        targets = sorted(place[x] for x in after.get(key, ()) if x in place)
        for target in targets:
            total += seen - _count(tree, target + 1)
        for target in targets:
            _add(tree, target + 1)
        seen += len(targets)
    return total


def _count(tree: list[int], i: int) -> int:
    total = 0
    while i:
        total += tree[i]
        i &= i - 1
    return total


def _add(tree: list[int], i: int) -> None:
    while i < len(tree):
        tree[i] += 1
        i += i & -i


def coordinates(layers: list[list[str]], heights: Mapping[str, float], before: Links, after: Links) -> dict[str, float]:
    """The middle of each node: near its neighbours, as far from the next in its layer as both need."""
    across: dict[str, float] = {}
    for layer in layers:
        for key, place in zip(layer, stacked(layer, heights), strict=True):
            across[key] = place
    for sweep in range(SWEEPS):
        both = sweep >= SWEEPS - 2
        forwards = sweep % 2 == 0
        for layer in layers if forwards else reversed(layers):
            wanted, weights = [], []
            for key in layer:
                near = (before if forwards else after).get(key, []) + (
                    (after if forwards else before).get(key, []) if both else []
                )
                wanted.append(sum(across[x] for x in near) / len(near) if near else across[key])
                weights.append((8.0 if not heights[key] else 1.0) if near else 0.2)
            for key, place in zip(layer, spaced(layer, wanted, weights, heights), strict=True):
                across[key] = place
    least = min((across[k] - heights[k] / 2 for k in across), default=0)
    return {key: place - least for key, place in across.items()}


def distance(a: str, b: str, heights: Mapping[str, float]) -> float:
    """How far apart the middles of neighbours in a layer must be."""
    gap = GAP if heights[a] and heights[b] else WIRE_GAP
    return (heights[a] + heights[b]) / 2 + gap


def stacked(layer: Sequence[str], heights: Mapping[str, float]) -> list[float]:
    """Places one below the other, around 0."""
    places = [0.0] if layer else []
    for a, b in pairwise(layer):
        places.append(places[-1] + distance(a, b, heights))
    return [place - places[-1] / 2 for place in places]


def spaced(layer: list[str], wanted: list[float], weights: list[float], heights: Mapping[str, float]) -> list[float]:
    """The places nearest to those wanted, in least squares, that keep order and distances: isotonic regression."""
    shift, offsets = 0.0, []
    for i, key in enumerate(layer):
        shift += distance(layer[i - 1], key, heights) if i else 0.0
        offsets.append(shift)
    blocks: list[list[float]] = []  # mean, weight, count
    for place, weight, offset in zip(wanted, weights, offsets, strict=True):
        blocks.append([place - offset, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            mean, total, count = blocks.pop()
            other = blocks[-1]
            other[0] = (other[0] * other[1] + mean * total) / (other[1] + total)
            other[1] += total
            other[2] += count
    means = (mean for mean, _, count in blocks for _ in range(int(count)))
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]
