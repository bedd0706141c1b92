"""Finds what repeats without being declared a loop, to draw it once: equal modules in a row, or a pattern of Ops.

Items are the modules and Ops that a module calls, in order. Items are alike if their Ops and connections are, whatever
their attributes and shapes. Structures are hashed to numbers, and a repeated run of numbers is a repetition.
"""

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from viz.graph.contraction import op_or_kind
from viz.graph.model import Box, Diagram, is_gradient
from viz.graph.modules import Group, module_tree
from viz.graph.rolling import drawn_once
from viz.graph.starring import Naming

LONGEST = 2_000
"""The longest pattern that is looked for, in items."""
LEAST = 3
"""Ops alone are a loop only if they repeat at least so often."""
NUMBERS = re.compile(r"\d[\d,…]*$")
Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Item:
    """A module or an Op called by a module: its boxes in order, and for a module the common part of its name."""

    boxes: tuple[Box, ...]
    name: str = ""
    is_listed: bool = False

    @property
    def is_module(self) -> bool:
        """Whether it is a module rather than a single Op."""
        return bool(self.name)


Run = Sequence[Sequence[Item]]
"""The items of each turn of a loop."""


def with_repeats_once(diagram: Diagram) -> Diagram:
    """The diagram with everything that repeats drawn once: first the outermost repetitions, then those within."""
    found = diagram
    while runs := list(runs_of(found)):
        found = without_runs(found, runs)
    return found if found is diagram else found.with_note("what repeats is drawn once, with the number of times")


def repeats(diagram: Diagram) -> bool:
    """Whether there is anything to be drawn once."""
    return next(iter(runs_of(diagram)), None) is not None


def runs_of(diagram: Diagram) -> Iterable[Run]:
    """The outermost repetitions; gradients repeat as their nodes do."""
    gradients = [is_gradient(box) for box in diagram.boxes if box.backward]
    passes = (False,) if 2 * sum(gradients) >= len(gradients) else (False, True)
    waiting = [module_tree(diagram, backward) for backward in passes]
    while waiting:
        group = waiting.pop()
        children = {child.id: child for child in group.groups}
        items, homes = items_of(group, diagram)
        runs, rest = runs_among(items, diagram)
        yield from runs
        waiting += [children[home] for start, stop in rest for home in homes[start:stop] if home]


def items_of(group: Group, diagram: Diagram) -> tuple[list[Item], list[str]]:
    """What a group calls, in order, and for each item the id of its inner group ("" for an Op)."""
    order = {box.id: i for i, box in enumerate(diagram.boxes)}

    def boxes(keys: Iterable[str]) -> tuple[Box, ...]:
        found = (diagram.by_id[key] for key in sorted(keys, key=order.__getitem__))
        return tuple(box for box in found if not box.is_source)

    items = [(module_item(boxes(child.members()), child.label), child.id) for child in group.groups]
    for box in boxes(group.boxes):
        items.append((module_item((box,), box.symbol) if box.kind == "group" else Item((box,)), ""))
    items.sort(key=lambda item: order[item[0].boxes[0].id])
    return [item for item, _ in items], [home for _, home in items]


def module_item(boxes: tuple[Box, ...], label: str) -> Item:
    """A module as an item; its name may end with a number."""
    stem = NUMBERS.sub("*", label)
    return Item(boxes, stem, stem.rpartition(".")[2] == "*")


def runs_among(items: Sequence[Item], diagram: Diagram) -> tuple[list[Run], list[tuple[int, int]]]:
    """The runs among the items, and the (start, stop) of what lies between them."""
    strict, loose = signatures(items, diagram)
    runs: list[Run] = []
    rest = []
    waiting = [(0, len(items))]
    while waiting:
        start, stop = waiting.pop()
        here = slice(start, stop)
        run = run_of_modules(items[here], loose[here], diagram)
        run = run or run_of_any(items[here], strict[here], loose[here], diagram)
        if run is None:
            rest.append((start, stop))
            continue
        first, period, count = run
        first += start
        runs.append([items[i : i + period] for i in range(first, first + period * count, period)])
        waiting += [(start, first), (first + period * count, stop)]
    return runs, rest


def signatures(items: Sequence[Item], diagram: Diagram) -> tuple[list[int], list[int]]:
    """Two numbers for each item: a strict one that includes where the items it reads are, and a loose one."""
    place = {box.id: (i, j) for i, item in enumerate(items) for j, box in enumerate(item.boxes)}
    numbers: dict[Hashable, int] = {}
    both = []
    for i, item in enumerate(items):
        own: list[Hashable] = []
        others: list[Hashable] = []
        for box in item.boxes:
            operands = {edge.slot: edge.source for edge in reversed(diagram.incoming[box.id])}
            read = [place.get(operands[slot], (i + 1, 0)) for slot in sorted(operands)]
            own.append((op_or_kind(box), box.count, *(j if home == i else None for home, j in read)))
            others.append(tuple((i - home, j) for home, j in read))
        both.append([numbers.setdefault(tuple(s), len(numbers)) for s in ([*own, *others], own)])
    return [strict for strict, _ in both], [loose for _, loose in both]


def run_of_modules(items: Sequence[Item], loose: Sequence[int], diagram: Diagram) -> tuple[int, int, int] | None:
    """Start, period and count of the longest run of equal modules: items of a list, or each reading the last."""
    equal = [
        a.is_module and a.name == b.name and x == y and (a.is_listed or reads(b, a, diagram))
        for (a, x), (b, y) in pairwise(zip(items, loose, strict=True))
    ]
    start, length = longest_run(np.array(equal, bool))
    return (start, 1, length + 1) if length else None


def reads(item: Item, other: Item, diagram: Diagram) -> bool:
    """Whether one item reads something of the other."""
    keys = {box.id for box in other.boxes}
    return any(edge.source in keys for box in item.boxes for edge in diagram.incoming[box.id])


def run_of_any(
    items: Sequence[Item], strict: Sequence[int], loose: Sequence[int], diagram: Diagram
) -> tuple[int, int, int] | None:
    """Start, period and count of the repetition that covers most; if Ops alone, it must cover half of the items.

    Each turn must read something of the previous one: work done in parallel is no loop.
    """
    start, period, length = extended(loose, *repetition(strict))
    count = length // period
    first, second = items[start : start + period], items[start + period : start + 2 * period]
    has_modules = any(item.is_module for item in first)
    enough = count > 1 if has_modules else count >= LEAST and 2 * count * period >= len(items)
    follows = any(reads(item, other, diagram) for item in second for other in first)
    return (start, period, count) if enough and follows else None


def repetition(numbers: Sequence[int]) -> tuple[int, int, int]:
    """Start, period and length of the repetition that covers most; among equal ones, that with the shortest period."""
    series = np.array(numbers)
    best = (0, 1, 0)
    for period in range(1, min(LONGEST, len(series) // 2) + 1):
        start, length = longest_run(series[period:] == series[:-period])
        if length >= period and length + period > best[2]:
            best = (start, period, length + period)
    return best


def extended(numbers: Sequence[int], start: int, period: int, length: int) -> tuple[int, int, int]:
    """The repetition with adjacent items that do the same on operands from outside, as a first turn does."""
    end = start + length
    while length and start and numbers[start - 1] == numbers[start - 1 + period]:
        start -= 1
    while length and end < len(numbers) and numbers[end] == numbers[end - period]:
        end += 1
    return start, period, end - start


def longest_run(equal: Flags) -> tuple[int, int]:
    """Start and length of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], equal, [False]])))
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    if not len(starts):
        return 0, 0
    longest = int(np.argmax(lengths))
    return int(starts[longest]), int(lengths[longest])


def without_runs(diagram: Diagram, runs: Sequence[Run]) -> Diagram:
    """The diagram with one turn for each run."""
    role: dict[str, Hashable] = {}
    turn: dict[str, int] = {}
    namings: dict[Hashable, Naming] = {}
    for number, run in enumerate(runs):
        turns = [[box for item in items for box in item.boxes] for items in run]
        namings[number] = Naming([[box.path for box in boxes] for boxes in turns], len(run[0]) == 1)
        for i, boxes in enumerate(turns):
            role |= {box.id: (number, j) for j, box in enumerate(boxes)}
            turn |= dict.fromkeys((box.id for box in boxes), i)
    add_leaves(diagram, role, turn, {number: naming.count for number, naming in namings.items()})
    for box in diagram.boxes:
        if is_gradient(box) and box.pair in role:
            role[box.id], turn[box.id] = ("∂", role[box.pair]), turn[box.pair]
    number_of = {key: run_number(found) for key, found in role.items()}
    return drawn_once(diagram, role, turn, lambda box, members: namings[number_of[box.id]].named(box, members))


def run_number(role: Hashable) -> Hashable:
    """The number of the run that a role belongs to."""
    while isinstance(role, tuple):
        role = role[1] if role[0] in ("∂", "leaf") else role[0]
    return role


def add_leaves(
    diagram: Diagram, role: dict[str, Hashable], turn: dict[str, int], counts: Mapping[Hashable, int]
) -> None:
    """Gives roles to the leaves that each turn of a run has for itself: its parameters."""
    alike: dict[Hashable, list[tuple[str, int]]] = defaultdict(list)
    for box in diagram.boxes:
        edges = [e for e in diagram.outgoing[box.id] if not diagram.by_id[e.target].backward] if box.is_source else []
        turns = {turn.get(e.target) for e in edges}
        if len(turns) == 1 and None not in turns:
            place = tuple(sorted((str(role[e.target]), e.slot) for e in edges))
            alike["leaf", run_number(role[edges[0].target]), place].append((box.id, turn[edges[0].target]))
    for found, leaves in alike.items():
        if len(leaves) == counts[run_number(found)]:
            role |= dict.fromkeys((key for key, _ in leaves), found)
            turn |= dict(leaves)
