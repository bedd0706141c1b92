"""Diagram → smaller Diagram: modules and time steps as single boxes, and what to do if there is too much to draw."""

from collections import defaultdict
from collections.abc import Collection, Hashable
from dataclasses import replace

from viz.graph.contraction import contracted, folded_box, with_own_leaves
from viz.graph.model import Box, Diagram
from viz.graph.modules import calls
from viz.graph.repeats import with_repeats_once
from viz.graph.rolling import rolled
from viz.graph.steps import has_steps

BUDGET = 2_000
"""A graph with more boxes than this is folded, unless told otherwise."""
CHUNKS = 200


def fold_modules(diagram: Diagram, depth: int) -> Diagram:
    """Each call of a module deeper than `depth` levels as one box; with depth 0 the whole model is one box."""
    named: dict[tuple[str, bool], list[Box]] = defaultdict(list)
    for box in diagram.boxes:
        parts = box.path.split(".")
        if not box.is_source and len(parts) > depth and box.path:
            named[".".join(parts[: depth + 1]), box.backward].append(box)
    groups: dict[Hashable, list[Box]] = {}
    names: dict[Hashable, str] = {}
    for (path, backward), boxes in named.items():
        for number, call in enumerate(calls(boxes, diagram)):
            groups[path, backward, number] = call
            names[call[-1].id] = path
    wholes = []
    for members in with_own_leaves(groups, diagram):
        parent, _, name = names[members[-1].id].rpartition(".")
        shown = f"{parent.rpartition('.')[2]}.{name}" if name.isdigit() else name
        wholes.append((members, folded_box(members, shown, parent)))
    return contracted(diagram, [(members, whole) for members, whole in wholes if len(members) > 1])


def fold_steps(diagram: Diagram, keep: Collection[int] = ()) -> Diagram:
    """Each time step as one box, except those in `keep`."""
    groups: dict[Hashable, list[Box]] = defaultdict(list)
    for box in diagram.boxes:
        if box.step is not None and box.step not in keep:
            groups[box.step, box.backward].append(box)
    wholes = [(members, step_box(members)) for members in groups.values()]
    return contracted(diagram, wholes)


def step_box(members: list[Box]) -> Box:
    """The box for a time step."""
    return replace(folded_box(members, "step"), path="step")


def fold_chunks(diagram: Diagram) -> Diagram:
    """Groups of consecutive boxes as single boxes: a last resort that keeps the flow but no detail."""
    groups: dict[Hashable, list[Box]] = defaultdict(list)
    size = -(-len(diagram.boxes) // CHUNKS)
    for backward in (False, True):
        for i, box in enumerate(b for b in diagram.boxes if b.backward == backward and not b.is_source):
            groups[backward, i // size].append(box)
    wholes = [(m, replace(folded_box(m, f"{len(m)} nodes"), step=None)) for m in with_own_leaves(groups, diagram)]
    return contracted(diagram, wholes)


def fold_to_budget(diagram: Diagram, budget: int = BUDGET) -> Diagram:
    """The diagram as it is if it is small enough; else folded as little as necessary, with a note."""
    if len(diagram.boxes) <= budget:
        return diagram
    count = len(diagram.boxes)
    found = rolled(diagram) if has_steps(diagram) else with_repeats_once(diagram)
    deepest = max(box.path.count(".") + 1 for box in found.boxes)
    for depth in range(deepest - 1, -1, -1):
        if len(found.boxes) > budget:
            found = fold_modules(found, depth)
    if len(found.boxes) > budget:
        found = fold_chunks(found)
    return found.with_note(f"{count:,} boxes, folded into {len(found.boxes):,}; fold=None draws them all")
