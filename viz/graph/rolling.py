"""The rolled view of a loop: one time step stands for all, and its states return to it by delay edges."""

from collections import Counter
from dataclasses import replace

from viz.graph.model import Box, Diagram, Edge
from viz.graph.steps import has_steps, timeline


def rolled(diagram: Diagram) -> Diagram:
    """One box for each row of the steps, taken from a step in the middle where that has one."""
    if not has_steps(diagram):
        return diagram
    times = timeline(diagram)
    count = Counter(times.role.values())
    chosen: dict[int, str] = {}
    middle = times.steps[len(times.steps) // 2]
    for box in diagram.boxes:
        role = times.role.get(box.id)
        if role is not None and (role not in chosen or box.step == middle):
            chosen[role] = box.id
    stands_for = {box.id: chosen[times.role[box.id]] if box.id in times.role else box.id for box in diagram.boxes}
    members: dict[str, list[str]] = {key: [] for key in chosen.values()}
    for box in diagram.boxes:
        if stands_for[box.id] in members:
            members[stands_for[box.id]] += box.members
    boxes = [
        rolled_box(box, count[times.role[box.id]], members[box.id], stands_for) if box.id in members else box
        for box in diagram.boxes
        if stands_for[box.id] == box.id
    ]
    moved = (rolled_edge(edge, diagram, stands_for) for edge in diagram.edges)
    edges = {(e.source, e.target, e.kind): e for e in moved}.values()
    outputs = tuple(dict.fromkeys(stands_for[key] for key in diagram.outputs))
    what = (
        f"equal time steps, {times.steps[0]} to {times.steps[-1]}"
        if diagram.is_timed
        else "repetitions that were found"
    )
    note = f"one of {len(times.steps)} {what}"
    return replace(diagram, boxes=tuple(boxes), edges=tuple(edges), outputs=outputs, rolled=len(times.steps)).with_note(
        note
    )


def rolled_box(box: Box, count: int, members: list[str], stands_for: dict[str, str]) -> Box:
    """A box that stands for those of its row."""
    facts = tuple(f for f in box.facts if f[0] != "time step")
    pair = stands_for.get(box.pair, box.pair)
    return replace(
        box, count=count, step=0, pair=pair, members=tuple(members), facts=(*facts, ("time steps", str(count)))
    )


def rolled_edge(edge: Edge, diagram: Diagram, stands_for: dict[str, str]) -> Edge:
    """The edge between what stands for its ends; from step to step it is a delay."""
    steps = diagram.by_id[edge.source].step, diagram.by_id[edge.target].step
    moves = None not in steps and steps[0] != steps[1] and edge.kind != "saved"
    return replace(
        edge, source=stands_for[edge.source], target=stands_for[edge.target], kind="delay" if moves else edge.kind
    )
