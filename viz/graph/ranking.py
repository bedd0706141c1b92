"""Ranks for layered layouts: how far along the flow each node is. Knows keys and edges alone."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

Pair = tuple[str, str]


def ranks_of(keys: Sequence[str], edges: Iterable[Pair]) -> dict[str, int]:
    """Ranks from 0 that increase along every edge; edges are as short as moving single nodes can make them.

    Edges that close a cycle are reversed.
    """
    after, before = neighbours(acyclic(keys, edges))
    order = topological(keys, before, after)
    rank: dict[str, int] = {}
    for key in order:
        rank[key] = 1 + max((rank[x] for x in before[key]), default=-1)
    for key in reversed(order):
        if after[key] and len(after[key]) > len(before[key]):
            rank[key] = min(rank[x] for x in after[key]) - 1
    return rank


def neighbours(edges: Iterable[Pair]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Targets by source, and sources by target."""
    after: dict[str, list[str]] = defaultdict(list)
    before: dict[str, list[str]] = defaultdict(list)
    for source, target in edges:
        after[source].append(target)
        before[target].append(source)
    return after, before


def topological(keys: Sequence[str], before: Mapping[str, list[str]], after: Mapping[str, list[str]]) -> list[str]:
    """The keys in topological order, as far as possible in the order given."""
    missing = {key: len(before.get(key, ())) for key in keys}
    ready = [key for key in reversed(keys) if not missing[key]]
    order = []
    while ready:
        key = ready.pop()
        order.append(key)
        for x in reversed(after.get(key, ())):
            missing[x] -= 1
            if not missing[x]:
                ready.append(x)
    return order


def acyclic(keys: Sequence[str], edges: Iterable[Pair]) -> list[Pair]:
    """The edges, each once; those that close a cycle are reversed."""
    unique = [edge for edge in dict.fromkeys(edges) if edge[0] != edge[1]]
    after, _ = neighbours(unique)
    back = backward_edges(keys, after)
    return list(dict.fromkeys((b, a) if (a, b) in back else (a, b) for a, b in unique))


def backward_edges(keys: Sequence[str], after: Mapping[str, list[str]]) -> set[Pair]:
    """The edges that close cycles in a depth-first walk."""
    done: set[str] = set()
    under_way: set[str] = set()
    found: set[Pair] = set()
    for root in keys:
        stack = [(root, iter(after.get(root, ())))] if root not in done else []
        under_way.update(key for key, _ in stack)
        while stack:
            key, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                stack.pop()
                under_way.discard(key)
                done.add(key)
            elif following in under_way:
                found.add((key, following))
            elif following not in done:
                under_way.add(following)
                stack.append((following, iter(after.get(following, ()))))
    return found
