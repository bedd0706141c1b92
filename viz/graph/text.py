"""Diagram → text: one line for each box, in topological order, for terminals, logs and comparisons."""

from collections.abc import Mapping

from viz.graph.model import Box, Diagram
from viz.graph.notation import shape_text


def write_text(diagram: Diagram, values: Mapping[str, float] | None = None) -> str:
    """The diagram as lines: number, Op and operands, shape and dtype, module and time step."""
    rows = [(box.id, made(box, diagram), about(box), place(box)) for box in diagram.boxes]
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(3)]
    numbers = [f"  {values[box.id]:.3g}" if values and box.id in values else "" for box in diagram.boxes]
    lines = [
        "  ".join([*(f"{cell:{w}}" for cell, w in zip(row, widths, strict=False)), row[3]]).rstrip() for row in rows
    ]
    notes = [f"# {note}" for note in diagram.notes]
    ends = [f"return {', '.join(diagram.outputs)}"] if diagram.outputs else []
    return (
        "\n".join([f"# {diagram.title}", *(a + b for a, b in zip(lines, numbers, strict=True)), *ends, *notes]) + "\n"
    )


def made(box: Box, diagram: Diagram) -> str:
    """`MatMul(n3, n4)`, or the kind and name of a leaf."""
    operands = ", ".join(e.source + ("′" if e.kind == "delay" else "") for e in diagram.incoming[box.id])
    name = f" {box.name!r}" if box.name else ""
    if box.is_source:
        return f"{box.kind}{name}"
    return f"{box.op.removesuffix('()') or box.title}({operands}){name}"


def about(box: Box) -> str:
    """Shape and dtype; for a folded box, how many nodes it stands for."""
    return box.detail if box.kind == "group" else f"{shape_text(box.shape)} {box.dtype}"


def place(box: Box) -> str:
    """The module, time step and pass."""
    step = "" if box.step is None else f"t={box.step}"
    times = f"×{box.count}" if box.count > 1 and box.kind != "group" and "×" not in box.path else ""
    return " ".join(part for part in (box.path, step, "backward" if box.backward else "", times) if part)
