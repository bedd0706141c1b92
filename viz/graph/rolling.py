"""Draws what repeats once: one box for corresponding boxes, and `delay` edges from one turn to the next.

The rolled view of a loop in time is based on this, and so are the repetitions that `repeats` finds.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace

from viz.graph.model import Box, Diagram, Edge
from viz.graph.steps import has_steps, timeline


def rolled(diagram: Diagram) -> Diagram:
    """One time step for all: a box for each row of the steps, taken from a step in the middle."""
    if not has_steps(diagram):
        return diagram
    times = timeline(diagram)
    turn = {box.id: box.step for box in diagram.boxes if box.id in times.role and box.step is not None}
    once = drawn_once(diagram, times.role, turn, step_for_all)
    note = f"one of {len(times.steps)} equal time steps, {times.steps[0]} to {times.steps[-1]}"
    return replace(once, rolled=times.steps).with_note(note)


def step_for_all(box: Box, members: Sequence[Box]) -> Box:
    """A box that stands for those of its row; `[7]` becomes `[t]` if each step takes its own part."""
    facts = tuple(fact for fact in box.facts if fact[0] != "time step")
    parts = {member.symbol.replace(str(member.step), "t") for member in members}
    symbol = parts.pop() if len(parts) == 1 and len(members) > 1 else box.symbol
    title = box.title.replace(box.symbol, symbol, 1)
    return replace(box, step=0, symbol=symbol, title=title, facts=(*facts, ("time steps", str(len(members)))))


Roles = Mapping[str, Hashable]
"""Id of a box → what it has in common with those of other turns."""
Turns = Mapping[str, int]
"""Id of a box → the turn that it belongs to."""


def drawn_once(diagram: Diagram, role: Roles, turn: Turns, made: Callable[[Box, Sequence[Box]], Box]) -> Diagram:
    """The diagram with one box for each role, taken from the middle turn and completed by `made`."""
    members: dict[Hashable, list[Box]] = {}
    for box in sorted(diagram.boxes, key=lambda box: turn.get(box.id, 0)):
        if box.id in role:
            members.setdefault(role[box.id], []).append(box)
    chosen = {key: boxes[len(boxes) // 2] for key, boxes in members.items()}
    stands_for = {box.id: chosen[role[box.id]].id if box.id in role else box.id for box in diagram.boxes}
    once = {chosen[key].id: merged(chosen[key], boxes, stands_for, made) for key, boxes in members.items()}
    computed = {key: number for key, number in turn.items() if not diagram.by_id[key].is_source}
    moved = (moved_edge(edge, stands_for, computed) for edge in diagram.edges)
    return replace(
        diagram,
        boxes=tuple(once.get(box.id, box) for box in diagram.boxes if stands_for[box.id] == box.id),
        edges=tuple({(e.source, e.target, e.kind): e for e in moved}.values()),
        outputs=tuple(dict.fromkeys(stands_for[key] for key in diagram.outputs)),
    )


def merged(box: Box, members: Sequence[Box], stands_for: Mapping[str, str], made: Callable[..., Box]) -> Box:
    """The box that stands for all its members, with its pair updated."""
    keys = tuple(key for member in members for key in member.members)
    whole = replace(box, count=sum(m.count for m in members), pair=stands_for.get(box.pair, box.pair), members=keys)
    return made(whole, members)


def moved_edge(edge: Edge, stands_for: Mapping[str, str], turn: Turns) -> Edge:
    """The edge between the boxes that stand for its ends; a `delay` if one turn computes it and another reads it."""
    ends = turn.get(edge.source), turn.get(edge.target)
    moves = None not in ends and ends[0] != ends[1] and edge.kind != "saved"
    return replace(
        edge, source=stands_for[edge.source], target=stands_for[edge.target], kind="delay" if moves else edge.kind
    )
