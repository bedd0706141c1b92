"""Diagram → Diagram: small changes that make pictures easier to read."""

from dataclasses import replace

from viz.graph.model import Box, Diagram, Edge


def only(diagram: Diagram, view: str) -> Diagram:
    """One pass: "forward", or "backward" with the forward boxes that it reads; "both" changes nothing."""
    if view == "both":
        return diagram
    backward = view == "backward"
    read = {e.source for e in diagram.edges if diagram.by_id[e.target].backward} if backward else set()
    boxes = tuple(box for box in diagram.boxes if box.backward == backward or box.id in read)
    kept = {box.id for box in boxes if box.backward == backward}
    shown = {box.id for box in boxes}
    edges = tuple(e for e in diagram.edges if e.target in kept and e.source in shown)
    return replace(diagram, boxes=boxes, edges=edges, outputs=tuple(key for key in diagram.outputs if key in shown))


def without_scalars(diagram: Diagram) -> Diagram:
    """A constant scalar becomes part of the arithmetic box that reads it: `÷ 4`."""
    scalars = {b.id for b in diagram.boxes if b.kind == "constant" and not b.shape and not b.pair} - {*diagram.outputs}
    inner = {e for e in diagram.edges if e.source in scalars and diagram.by_id[e.target].kind == "arithmetic"}
    gone = {key for key in scalars if inner.issuperset(diagram.outgoing[key])}
    boxes = tuple(with_scalars(box, diagram, inner) for box in diagram.boxes if box.id not in gone)
    return replace(diagram, boxes=boxes, edges=tuple(e for e in diagram.edges if e not in inner))


def with_scalars(box: Box, diagram: Diagram, inner: set[Edge]) -> Box:
    """The box, with the scalars among its operands named in its symbol."""
    symbol = box.symbol
    for edge in diagram.incoming[box.id]:
        if edge in inner:
            value = diagram.by_id[edge.source].symbol
            symbol = f"{symbol} {value}" if edge.slot else f"{value} {symbol}"
    return box if symbol == box.symbol else replace(box, symbol=symbol, title=box.title.replace(box.symbol, symbol, 1))


def with_steps(diagram: Diagram) -> Diagram:
    """Boxes outside the steps of a loop that belong to one step each, such as a slice for each step, join that step."""
    joined = {**_adopted(diagram, "incoming", "source"), **_adopted(diagram, "outgoing", "target")}
    boxes = tuple(replace(box, step=joined[box.id]) if box.id in joined else box for box in diagram.boxes)
    return replace(diagram, boxes=boxes)


def _adopted(diagram: Diagram, side: str, end: str) -> dict[str, int]:
    """Boxes without a step whose neighbours on one side are all in one step, and that have siblings for other steps."""
    families: dict[object, dict[str, int]] = {}
    for box in diagram.boxes:
        neighbours = [diagram.by_id[getattr(e, end)] for e in getattr(diagram, side)[box.id]]
        steps = {n.step for n in neighbours if not n.is_source}
        step = next(iter(steps)) if len(steps) == 1 else None
        if box.step is None and step is not None and not box.is_source:
            other_end, other_side = ("source", "incoming") if end == "target" else ("target", "outgoing")
            others = frozenset(getattr(e, other_end) for e in getattr(diagram, other_side)[box.id])
            families.setdefault((box.op.partition("(")[0], box.path, others), {})[box.id] = step
    return {key: step for family in families.values() if len(set(family.values())) > 1 for key, step in family.items()}
