"""Diagram ↔ JSON in a versioned format, for other programs that draw, compare or search graphs."""

import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from typing import Any, TypeVar

from minigrad.errors import DataError
from viz.graph.model import Box, Diagram, Edge

SCHEMA = "minigrad.drawing/1"
"""Name and version. A reader of version 1 may rely on: `title`, `notes`, `outputs` (ids), `boxes` and `edges`, with the
fields of model.py, defaults left out; `options` of the drawing; `color` and `values` (id to number or "nan", "inf")."""
T = TypeVar("T", Box, Edge)


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
    """The fields whose values differ from their defaults."""
    defaults = {field.name: field.default for field in fields(item)}
    return {name: value for name, value in asdict(item).items() if value != defaults[name]}


def read_record(text: str) -> tuple[Diagram, dict[str, Any], str, dict[str, float]]:
    """The diagram, options, color and values that `write_record` wrote.

    DataError if the text is no drawing, or one of another version.
    """
    try:
        record = json.loads(text)
        schema = record["schema"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"this is no drawing in JSON ({error}); one begins with a schema such as {SCHEMA!r}") from None
    if schema != SCHEMA:
        raise DataError(f"the drawing has schema {schema!r}, and this version reads {SCHEMA!r}; write it again")
    try:
        boxes = tuple(box_from(item) for item in record["boxes"])
        edges = tuple(of_its_kinds(Edge(**item)) for item in record["edges"])
        notes, outputs = tuple(map(str, record["notes"])), tuple(map(str, record["outputs"]))
        diagram = Diagram(boxes, edges, str(record["title"]), notes, outputs)
        values = {key: float(value) for key, value in record["values"].items()}
        return checked(diagram), dict(record["options"]), str(record["color"]), values
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DataError(f"a drawing in JSON lacks something or has it in another form: {error!r}") from None


def box_from(item: Mapping[str, Any]) -> Box:
    """A box, with JSON's lists as tuples."""
    shape, members = tuple(item.get("shape", ())), tuple(item.get("members", ()))
    facts = tuple((str(name), str(text)) for name, text in item.get("facts", ()))
    return of_its_kinds(Box(**{**item, "shape": shape, "members": members, "facts": facts}))


def of_its_kinds(item: T) -> T:
    """A box or an edge; TypeError if a field does not have the type of its default, or is no text if it has none."""
    for field in fields(item):
        value, usual = getattr(item, field.name), "" if field.default is MISSING else field.default
        if type(value) is not type(usual) and not (usual is None and type(value) is int):
            raise TypeError(f"{field.name} is {value!r:.60}")
    return item


def checked(diagram: Diagram) -> Diagram:
    """The diagram; ValueError if an edge does not connect two of its boxes."""
    ids = {box.id for box in diagram.boxes}
    for edge in diagram.edges:
        if not {edge.source, edge.target} <= ids:
            raise ValueError(f"the edge {edge.source} → {edge.target} has an end that is no box")
    return diagram
