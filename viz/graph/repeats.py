"""Loops that nobody declared: a run of boxes whose pattern of Ops and connections repeats becomes time steps."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from viz.graph.contraction import op_or_kind
from viz.graph.model import Box, Diagram

LONGEST = 2_000
"""Longest pattern looked for, in boxes."""
LEAST = 3
"""Fewer repetitions are no loop."""


def with_found_steps(diagram: Diagram) -> Diagram:
    """The diagram with time steps where its forward boxes repeat; as it is when less than half of them do."""
    boxes = [box for box in diagram.boxes if not box.is_source and not box.backward]
    start, period, count = extended([op_or_kind(box) for box in boxes], *repetition(signatures(boxes, diagram)))
    if count < LEAST or 2 * count * period < len(boxes):
        return diagram
    step = {box.id: i // period for i, box in enumerate(boxes[start : start + period * count])}
    return replace(
        diagram, boxes=tuple(replace(b, step=step.get(b.id, step.get(b.pair, b.step))) for b in diagram.boxes)
    )


def extended(names: Sequence[str], start: int, period: int, count: int) -> tuple[int, int, int]:
    """The repetition with those beside it that do the same on operands from outside, such as the first step."""
    pattern = names[start : start + period]
    while count >= LEAST and start >= period and names[start - period : start] == pattern:
        start, count = start - period, count + 1
    while count >= LEAST and names[start + period * count : start + period * (count + 1)] == pattern:
        count += 1
    return start, period, count


def signatures(boxes: Sequence[Box], diagram: Diagram) -> list[tuple[object, ...]]:
    """For each box its Op, and how far back in the run each operand stands."""
    place = {box.id: i for i, box in enumerate(boxes)}
    return [
        (op_or_kind(box), *(i - place[e.source] if e.source in place else "leaf" for e in diagram.incoming[box.id]))
        for i, box in enumerate(boxes)
    ]


def repetition(items: Sequence[object]) -> tuple[int, int, int]:
    """Start, period and count of the repetition that covers most; of those that cover the same the shortest period."""
    numbers = {item: i for i, item in enumerate(dict.fromkeys(items))}
    series = np.array([numbers[item] for item in items])
    best, covered = (0, 1, 0), 0
    for period in range(2, min(LONGEST, len(series) // LEAST) + 1):
        start, length = longest_run(series[period:] == series[:-period])
        count = length // period + 1
        if count >= LEAST and count * period > covered:
            best, covered = (start, period, count), count * period
    return best


def longest_run(equal: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[int, int]:
    """Start and length of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], equal, [False]])))
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    if not len(starts):
        return 0, 0
    longest = int(np.argmax(lengths))
    return int(starts[longest]), int(lengths[longest])
