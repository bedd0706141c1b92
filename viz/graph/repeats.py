"""Loops that nobody declared: a run of boxes whose pattern of Ops and connections repeats becomes steps."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from viz.graph.contraction import op_or_kind
from viz.graph.model import Box, Diagram

NUMBER = re.compile(r"(?<=\.)\d+(?=\.|$)")
LONGEST = 2_000
"""Longest pattern looked for, in boxes."""
LEAST = 3
"""Fewer repetitions are no loop."""


def with_found_steps(diagram: Diagram) -> Diagram:
    """The diagram with steps where its forward boxes repeat; as it is when less than half of them do."""
    boxes = [box for box in diagram.boxes if not box.is_source and not box.backward]
    start, period, length = extended([op_or_kind(box) for box in boxes], *repetition(signatures(boxes, diagram)))
    count = length // period
    if count < LEAST or 2 * count * period < len(boxes):
        return diagram
    step = {box.id: i // period for i, box in enumerate(boxes[start : start + period * count])}
    step |= steps_of_others(diagram, step)
    renamed = tuple(without_number(box, step[box.id]) if box.id in step else box for box in diagram.boxes)
    return replace(diagram, boxes=renamed, is_timed=False)


def steps_of_others(diagram: Diagram, step: Mapping[str, int]) -> dict[str, int]:
    """Gradients belong to the steps of their nodes, and parameters to the step that alone reads them."""
    found = {box.id: step[box.pair] for box in diagram.boxes if box.pair in step}
    for box in diagram.boxes:
        readers = {step.get(e.target, -1) for e in diagram.outgoing[box.id] if not diagram.by_id[e.target].backward}
        if box.kind == "parameter" and box.is_source and len(readers) == 1 and readers != {-1}:
            found[box.id] = readers.pop()
    pairs = {box.id: found[box.pair] for box in diagram.boxes if box.pair in found}
    return found | pairs


def without_number(box: Box, step: int) -> Box:
    """A box of a repetition, in whose names the numbers of list items are stars."""
    names = ("path", "name", "title", "symbol") if box.kind in ("group", "parameter") else ("path", "name")
    starred: dict[str, Any] = {name: NUMBER.sub("*", getattr(box, name)) for name in names}
    return replace(box, step=step, **starred)


def signatures(boxes: Sequence[Box], diagram: Diagram) -> list[tuple[object, ...]]:
    """For each box its Op, and how far back in the run each operand stands."""
    place = {box.id: i for i, box in enumerate(boxes)}
    return [
        (op_or_kind(box), *(i - place[e.source] if e.source in place else "leaf" for e in diagram.incoming[box.id]))
        for i, box in enumerate(boxes)
    ]


def repetition(items: Sequence[object]) -> tuple[int, int, int]:
    """Start, period and length of the repetition that covers most; of those that cover the same the shortest period."""
    numbers = {item: i for i, item in enumerate(dict.fromkeys(items))}
    series = np.array([numbers[item] for item in items])
    best = (0, 1, 0)
    for period in range(1, min(LONGEST, len(series) // 2) + 1):
        start, length = longest_run(series[period:] == series[:-period])
        if length >= period and length + period > best[2]:
            best = (start, period, length + period)
    return best


def extended(names: Sequence[str], start: int, period: int, length: int) -> tuple[int, int, int]:
    """The repetition with what does the same beside it, on operands from outside, as a first step does."""
    end = start + length
    while length and start and names[start - 1] == names[start - 1 + period]:
        start -= 1
    while length and end < len(names) and names[end] == names[end - period]:
        end += 1
    return start, period, end - start


def longest_run(equal: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[int, int]:
    """Start and length of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], equal, [False]])))
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    if not len(starts):
        return 0, 0
    longest = int(np.argmax(lengths))
    return int(starts[longest]), int(lengths[longest])
