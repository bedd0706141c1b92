"""Time steps as columns: the step that each box belongs to, and which boxes of different steps correspond.

Rows are found, not declared: the boxes of each step, in the order of their making, are aligned with each other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import count

from viz.graph.model import Box, Diagram

Signature = tuple[object, ...]


@dataclass(frozen=True)
class Timeline:
    """The column of each box (0 is before the first step, the last one after the last), and roles: one for each row.

    Roles are numbers that increase along every edge within a step.
    """

    steps: tuple[int, ...]
    column: dict[str, int]
    role: dict[str, int]

    @property
    def last(self) -> int:
        """The number of the column after the last step."""
        return len(self.steps) + 1


def has_steps(diagram: Diagram) -> bool:
    """Whether there are time steps to draw as columns."""
    return bool(diagram.rolled) or len({box.step for box in diagram.boxes if box.step is not None}) > 1


def timeline(diagram: Diagram) -> Timeline:
    """The columns of all computed boxes, and the roles of those in steps."""
    steps = sorted({box.step for box in diagram.boxes if box.step is not None})
    number = {step: i + 1 for i, step in enumerate(steps)}
    column = {box.id: number[box.step] for box in diagram.boxes if box.step is not None}
    column |= outside(diagram, column, len(steps) + 1)
    return Timeline(tuple(steps), column, roles(diagram, column, len(steps)))


def outside(diagram: Diagram, column: dict[str, int], after: int) -> dict[str, int]:
    """Column 0 or the last for boxes without a step: before or after the steps, the reverse in the backward pass."""
    follows = _reached(diagram, column, forwards=True)
    leads = _reached(diagram, column, forwards=False)
    found = {}
    for box in diagram.boxes:
        if box.step is None and not box.is_source:
            late = box.id in leads or box.id not in follows if box.backward else box.id not in leads
            found[box.id] = after if late else 0
    return found


def _reached(diagram: Diagram, start: Iterable[str], forwards: bool) -> set[str]:
    """Boxes of the same pass that depend on those of `start`, or on which those depend."""
    edges, end = (diagram.incoming, "source") if forwards else (diagram.outgoing, "target")
    found = set(start)
    for box in diagram.boxes if forwards else reversed(diagram.boxes):
        ends = (diagram.by_id[getattr(e, end)] for e in edges[box.id])
        if any(other.id in found and other.backward == box.backward for other in ends):
            found.add(box.id)
    return found


def roles(diagram: Diagram, column: dict[str, int], steps: int) -> dict[str, int]:
    """The role of each box in a step."""
    members: list[list[Box]] = [[] for _ in range(steps)]
    for box in diagram.boxes:
        if box.step is not None:
            members[column[box.id] - 1].append(box)
    written = [[signature(box, diagram, column) for box in boxes] for boxes in members]
    template = Template()
    template.fit(max(written, key=len))
    found = [template.fit(signatures) for signatures in written]
    place = {role: i for i, role in enumerate(template.roles)}
    pairs = (pair for boxes, row in zip(members, found, strict=True) for pair in zip(boxes, row, strict=True))
    return {box.id: place[role] for box, role in pairs}


def signature(box: Box, diagram: Diagram, column: dict[str, int]) -> Signature:
    """What corresponding boxes have in common: module, pass, Op, and the Ops of their operands in the same step."""
    operands = (diagram.by_id[e.source] for e in diagram.incoming[box.id] if column.get(e.source) == column[box.id])
    inner = sorted(op_name(x, diagram) for x in operands if x.backward == box.backward)
    return box.path, box.backward, op_name(box, diagram), tuple(inner)


def op_name(box: Box, diagram: Diagram) -> str:
    """The Op without attributes, which may count steps; for a gradient the Op of its node; otherwise a name."""
    pair = diagram.by_id.get(box.pair)
    if pair is not None and not box.op:
        return f"∂{op_name(pair, diagram)}"
    return box.op.partition("(")[0] or box.title


class Template:
    """The roles of a step, in order; boxes that only some steps have are inserted where they occur."""

    def __init__(self) -> None:
        self.roles: list[int] = []
        self._signatures: list[Signature] = []
        self._numbers = count()

    def fit(self, signatures: Sequence[Signature]) -> list[int]:
        """The role of each box of a step."""
        if signatures == self._signatures:
            return list(self.roles)
        found: list[int] = []
        roles, merged = [], []
        for tag, i1, i2, j1, j2 in SequenceMatcher(None, self._signatures, signatures, autojunk=False).get_opcodes():
            fresh = [] if tag == "equal" else [next(self._numbers) for _ in range(j1, j2)]
            found += self.roles[i1:i2] if tag == "equal" else fresh
            roles += self.roles[i1:i2] + fresh
            merged += self._signatures[i1:i2] + (list(signatures[j1:j2]) if fresh else [])
        self.roles, self._signatures = roles, merged
        return found
