"""The module tree of a diagram: which boxes belong together, once for each call of a module."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from operator import mul

from viz.graph.model import Box, Diagram
from viz.graph.starring import STAR, times_of


@dataclass
class Group:
    """A call of a module, or the whole diagram: boxes and inner groups in topological order.

    `small` holds the names of modules that consist of a single Op here, by its box.
    """

    id: str
    label: str = ""
    boxes: list[str] = field(default_factory=list)
    groups: list["Group"] = field(default_factory=list)
    small: dict[str, str] = field(default_factory=dict)

    def members(self) -> Iterable[str]:
        """All boxes in the group and its inner groups."""
        for group in self.all():
            yield from group.boxes

    def all(self) -> Iterable["Group"]:
        """The group and all groups in it, outer ones first."""
        waiting = [self]
        while waiting:
            yield (group := waiting.pop())
            waiting += group.groups


def module_tree(diagram: Diagram, backward: bool = False, depth: int | None = None) -> Group:
    """The groups of one pass, nested as the modules are, up to `depth` levels.

    A module that only calls another one, or only has one Op, has no group of its own.
    """
    computed = [box for box in diagram.boxes if not box.is_source and box.backward == backward]
    root = Group("backward" if backward else "forward")
    _fill(root, computed, diagram, 0, depth)
    homes = dict(_homes(root))
    for box in diagram.boxes:
        if box.is_source and box.backward == backward:
            chains = [of_its_own(homes[e.target], box) for e in diagram.outgoing[box.id] if e.target in homes]
            _common(chains or [[root]])[-1].boxes.insert(0, box.id)
    return root


def _fill(group: Group, boxes: Sequence[Box], diagram: Diagram, level: int, depth: int | None) -> None:
    """Adds boxes whose path ends here to the group, and makes inner groups of the others."""
    inner: dict[str, list[Box]] = defaultdict(list)
    for box in boxes:
        parts = box.path.split(".") if box.path else []
        if len(parts) > level and (depth is None or level < depth):
            inner[parts[level]].append(box)
        else:
            group.boxes.append(box.id)
    for name, members in inner.items():
        for number, call in enumerate(calls(members, diagram)):
            if len(call) == len(boxes) and takes_over(group, name):
                group.label = f"{group.label}.{name}".lstrip(".")
                _fill(group, call, diagram, level + 1, depth)
            elif len(call) == 1:
                group.boxes.append(call[0].id)
                group.small[call[0].id] = name
            else:
                child = Group(f"{group.id}/{name}{f'#{number}' if number else ''}", label_of(call[0].path, level))
                group.groups.append(child)
                _fill(child, call, diagram, level + 1, depth)


def takes_over(group: Group, name: str) -> bool:
    """Whether a group also stands for the only module in it; what is drawn once for several keeps its own outline."""
    is_root = "/" not in group.id
    return times_of(group.label) == 1 and not (is_root and times_of(name) > 1)


def of_its_own(chain: Sequence[Group], leaf: Box) -> Sequence[Group]:
    """The groups around a reader in which a leaf may be drawn: not those whose turns share the leaf."""
    times = list(accumulate((times_of(group.label) for group in chain), mul))
    return chain[: sum(number <= leaf.count for number in times)]


def label_of(path: str, level: int) -> str:
    """The name of a module at a level of a path; an item of a list is named with its list: `layers.0`."""
    *around, name = path.split(".")[: level + 1]
    modules = [part for part in around if times_of(part) == 1]
    is_item = name[0].isdigit() or name[0] == STAR
    return f"{modules[-1]}.{name}" if is_item and modules else name


def calls(boxes: Sequence[Box], diagram: Diagram) -> list[list[Box]]:
    """The calls of a module: its boxes, in parts that are not connected within it and in one time step each."""
    inside = {box.id: box for box in boxes}
    parts: dict[str, list[Box]] = {}
    seen: dict[str, str] = {}
    for box in boxes:
        if box.id not in seen:
            for key in _connected(box, inside, diagram):
                seen[key] = box.id
        parts.setdefault(seen[box.id], []).append(box)
    return list(parts.values())


def _connected(start: Box, inside: Mapping[str, Box], diagram: Diagram) -> set[str]:
    """The boxes reached from `start` by edges in either direction, within its module and time step."""
    found, waiting = {start.id}, [start.id]
    while waiting:
        key = waiting.pop()
        around = [e.target for e in diagram.outgoing[key]] + [e.source for e in diagram.incoming[key]]
        for other in around:
            if other in inside and other not in found and inside[other].step == start.step:
                found.add(other)
                waiting.append(other)
    return found


def small_modules(root: Group, diagram: Diagram) -> dict[str, str]:
    """For each parameter the name of its module, if that is a single Op and so has no outline with its name."""
    small = {key: name for group in root.all() for key, name in group.small.items()}
    found = {}
    for box in diagram.boxes:
        readers = (edge.target for edge in diagram.outgoing[box.id] if not diagram.by_id[edge.target].backward)
        names = {small.get(key, "") for key in readers}
        if box.kind == "parameter" and box.is_source and len(names) == 1 and names != {""}:
            found[box.id] = names.pop()
    return found


def _homes(root: Group) -> Iterable[tuple[str, list[Group]]]:
    """Each box with the groups around it, the root first."""
    waiting = [[root]]
    while waiting:
        chain = waiting.pop()
        yield from ((key, chain) for key in chain[-1].boxes)
        waiting += [[*chain, group] for group in chain[-1].groups]


def _common(chains: Sequence[Sequence[Group]]) -> Sequence[Group]:
    """The common beginning of several chains of groups."""
    first = chains[0]
    length = next((i for i, groups in enumerate(zip(*chains, strict=False)) if len({id(g) for g in groups}) > 1), None)
    return first[: min(map(len, chains)) if length is None else length]
