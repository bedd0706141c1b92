"""Diagram ↔ JSON, in a versioned form: what another program needs to draw, compare or search a graph."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from minigrad.errors import DataError
from viz.graph.model import Box, Diagram, Edge

SCHEMA = "minigrad.drawing/1"
"""Name and version. A reader of version 1 may rely on: `title`, `notes`, `outputs` (ids), `boxes` and `edges`, with the
fields of model.py, defaults left out; `options` of the drawing; `color` and `values` (id to number or "nan", "inf")."""


def write_record(diagram: Diagram, options: Mapping[str, object], color: str, values: Mapping[str, float]) -> str:
    """The diagram and how it is shown, as JSON."""
    record = {
        "schema": SCHEMA,
        "title": diagram.title,
        "notes": diagram.notes,
        "outputs": diagram.outputs,
        "boxes": [without_defaults(box) for box in diagram.boxes],
        "edges": [without_defaults(edge) for edge in diagram.edges],
        "options": options,
        "color": color,
        "values": {key: value if math.isfinite(value) else str(value) for key, value in values.items()},
    }
    return json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def without_defaults(item: Box | Edge) -> dict[str, Any]:
    """The fields that differ from what they are when left out."""
    defaults = {field.name: field.default for field in fields(item)}
    return {name: value for name, value in asdict(item).items() if value != defaults[name]}


def read_record(text: str) -> tuple[Diagram, dict[str, Any], str, dict[str, float]]:
    """The diagram, options, color and values that `write_record` wrote.

    Raises DataError for what is no drawing, or one of another version.
    """
    try:
        record = json.loads(text)
        schema = record["schema"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"this is no drawing in JSON ({error}); one begins with a schema such as {SCHEMA!r}") from None
    if schema != SCHEMA:
        raise DataError(f"the drawing has schema {schema!r}, and this version reads {SCHEMA!r}; write it again")
    try:
        boxes = tuple(box_from(item) for item in record["boxes"])
        edges = tuple(Edge(**item) for item in record["edges"])
        diagram = Diagram(boxes, edges, record["title"], tuple(record["notes"]), tuple(record["outputs"]))
        values = {key: float(value) for key, value in record["values"].items()}
        return checked(diagram), dict(record["options"]), str(record["color"]), values
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"a drawing in JSON lacks something or has it in another form: {error!r}") from None


def box_from(item: Mapping[str, Any]) -> Box:
    """A box, whose lists become tuples again."""
    shape, members = tuple(item.get("shape", ())), tuple(item.get("members", ()))
    facts = tuple((str(name), str(text)) for name, text in item.get("facts", ()))
    return Box(**{**item, "shape": shape, "members": members, "facts": facts})


def checked(diagram: Diagram) -> Diagram:
    """The diagram, whose edges must connect its boxes."""
    ids = {box.id for box in diagram.boxes}
    for edge in diagram.edges:
        if not {edge.source, edge.target} <= ids:
            raise ValueError(f"the edge {edge.source} → {edge.target} has an end that is no box")
    return diagram
