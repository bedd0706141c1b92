"""A layered layout: nodes of equal rank in a column, few crossings, long edges as straight as possible.

Knows keys, sizes and edges alone. Edges run along x from rank to rank, and have room of their own where they pass other
ranks. After Sugiyama, Tagawa & Toda 1981; positions within a rank by least squares with minimum distances.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf

from viz.graph.ranking import Pair

Extents = Mapping[str, tuple[float, float]]
"""How far each node reaches before and behind its line, across the flow; nothing for an edge that passes."""
GAP = 14.0
"""The distance between nodes of one rank."""
WIRE_GAP = 8.0
"""Room for an edge that passes."""
SWEEPS = 8
NOTHING = (0.0, 0.0)
NEARLY = 12.0
LONGEST = 40
"""Edges over more ranks than this take no room on their way, or deep graphs would be all edges."""


@dataclass
class Arrangement:
    """The position of each node across the flow, and of each long edge at every rank that it passes."""

    ranks: dict[str, int]
    across: dict[str, float] = field(default_factory=dict)
    bends: dict[Pair, list[tuple[int, float]]] = field(default_factory=dict)


def arrange(
    extents: Extents, edges: Iterable[Pair], ranks: Mapping[str, int], light: Container[str] = ()
) -> Arrangement:
    """Positions of nodes across the flow.

    `ranks` must differ along every edge, and `light` nodes give way to others.
    """
    chains = {edge: passing(edge, ranks) for edge in dict.fromkeys(edges) if edge[0] != edge[1]}
    layers = first_layers(extents, chains, ranks)
    extents = dict(extents) | dict.fromkeys((d for chain in chains.values() for d in chain[1:-1]), NOTHING)
    before, after = links(chains.values())
    order_layers(layers, before, after)
    across = coordinates(layers, extents, before, after, light)
    bends = {
        edge: [(ranks[edge[0]] + (1 if ranks[edge[0]] < ranks[edge[1]] else -1) * i, across[dummy])
               for i, dummy in enumerate(chain[1:-1] if ranks[edge[0]] < ranks[edge[1]] else chain[-2:0:-1], 1)]
        for edge, chain in chains.items()
    }  # fmt: skip
    return Arrangement(dict(ranks), across, bends)


def passing(edge: Pair, ranks: Mapping[str, int]) -> list[str]:
    """The lower end of an edge, a name for each rank it passes, and the upper end."""
    low, high = sorted(edge, key=ranks.__getitem__)
    between = range(ranks[low] + 1, ranks[high])
    return [low, *(f"{low}\0{high}\0{rank}" for rank in between if len(between) <= LONGEST), high]


def first_layers(keys: Iterable[str], chains: Mapping[Pair, list[str]], ranks: Mapping[str, int]) -> list[list[str]]:
    """Nodes by rank in the given order, then the names for long edges."""
    layers: list[list[str]] = [[] for _ in range(max(ranks.values(), default=-1) + 1)]
    for key in keys:
        layers[ranks[key]].append(key)
    for chain in chains.values():
        for i, dummy in enumerate(chain[1:-1], 1):
            layers[ranks[chain[0]] + i].append(dummy)
    return layers


Links = dict[str, list[str]]


def links(chains: Iterable[list[str]]) -> tuple[Links, Links]:
    """The neighbours of each node in the rank before, and in the rank after."""
    before: Links = defaultdict(list)
    after: Links = defaultdict(list)
    for chain in chains:
        for a, b in pairwise(chain):
            before[b].append(a)
            after[a].append(b)
    return before, after


def order_layers(layers: list[list[str]], before: Links, after: Links) -> None:
    """Sorts each layer by the mean position of its neighbours, back and forth.

    Keeps the order with fewest crossings.
    """
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
    """Each layer, with the one that was just sorted."""
    order = layers if forwards else layers[::-1]
    return zip(order[1:], order, strict=False)


def by_middle(layer: list[str], fixed: list[str], neighbours: Links) -> None:
    """Sorts a layer by the mean position of the neighbours; nodes without neighbours keep their place."""
    place = {key: i for i, key in enumerate(fixed)}
    middle = {}
    for i, key in enumerate(layer):
        known = [place[x] for x in neighbours.get(key, ()) if x in place]
        middle[key] = sum(known) / len(known) if known else i * len(fixed) / max(1, len(layer))
    layer.sort(key=middle.__getitem__)


def crossings(layers: list[list[str]], after: Links) -> int:
    """The number of pairs of edges that cross between neighbouring layers."""
    return sum(crossings_between(a, b, after) for a, b in pairwise(layers))


def crossings_between(upper: list[str], lower: list[str], after: Links) -> int:
    """The number of crossings between two layers, counted with a binary indexed tree (Barth, Mutzel & Jünger 2004)."""
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


def coordinates(
    layers: list[list[str]], extents: Extents, before: Links, after: Links, light: Container[str]
) -> dict[str, float]:
    """The position of each node: near its neighbours, with the distance that it and the next in its layer need."""
    across = {key: place for layer in layers for key, place in zip(layer, stacked(layer, extents), strict=True)}
    for sweep in range(SWEEPS):
        forwards = sweep % 2 == 0
        sides = [before, after] if sweep >= SWEEPS - 2 else [before if forwards else after]
        for layer in layers if forwards else reversed(layers):
            wanted = [wanted_place(key, across, sides, light) for key in layer]
            weights = [weight_of(key, extents, sides, light) for key in layer]
            across.update(zip(layer, spaced(layer, wanted, weights, extents), strict=True))
    straighten(layers, across, extents, before, light)
    least = min((across[k] - extents[k][0] for k in across), default=0)
    return {key: place - least for key, place in across.items()}


def straighten(
    layers: list[list[str]], across: dict[str, float], extents: Extents, before: Links, light: Container[str]
) -> None:
    """Aligns nodes exactly with the only node they follow, where they are nearly aligned and there is room."""
    for layer in layers:
        places = list(zip(["", *layer], layer, [*layer[1:], ""], strict=False))
        for above, key, below in (*places, *reversed(places)):
            followed = [x for x in before.get(key, ()) if x not in light]
            if key not in light and len(followed) == 1 and abs(across[followed[0]] - across[key]) <= NEARLY:
                low = across[above] + distance(above, key, extents) if above else -inf
                high = across[below] - distance(key, below, extents) if below else inf
                across[key] = max(low, min(across[followed[0]], high))


def wanted_place(key: str, across: Mapping[str, float], sides: list[Links], light: Container[str]) -> float:
    """The mean position of the neighbours, in which light ones count little."""
    near = [x for side in sides for x in side.get(key, ())]
    shares = [0.05 if x in light else 1.0 for x in near]
    return sum(across[x] * w for x, w in zip(near, shares, strict=True)) / sum(shares) if near else across[key]


def weight_of(key: str, extents: Extents, sides: list[Links], light: Container[str]) -> float:
    """How strongly a node keeps its wanted position: passing edges most strongly, so that they are straight."""
    if key in light or not any(side.get(key) for side in sides):
        return 0.1
    return 6.0 if extents[key] == NOTHING else 1.0


def distance(a: str, b: str, extents: Extents) -> float:
    """The distance that neighbours in a layer need."""
    gap = WIRE_GAP if NOTHING in (extents[a], extents[b]) else GAP
    return extents[a][1] + extents[b][0] + gap


def stacked(layer: Sequence[str], extents: Extents) -> list[float]:
    """Positions one below the other, around 0."""
    places = [0.0] if layer else []
    for a, b in pairwise(layer):
        places.append(places[-1] + distance(a, b, extents))
    return [place - places[-1] / 2 for place in places]


def spaced(layer: list[str], wanted: list[float], weights: list[float], extents: Extents) -> list[float]:
    """The positions closest to those wanted, in least squares, that keep order and distances: isotonic regression."""
    shift, offsets = 0.0, []
    for i, key in enumerate(layer):
        shift += distance(layer[i - 1], key, extents) if i else 0.0
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
