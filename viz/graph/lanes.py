"""The layout of graphs with time steps: a grid in which steps are columns, and corresponding boxes share a row."""

from collections.abc import Iterable
from dataclasses import replace

from viz.graph.frame import HIGH, LABELS, LOW, Frame, frame_of
from viz.graph.geometry import Layout, Placed, Rect, Region, Text
from viz.graph.grid import Grid, grid_of
from viz.graph.look import MARGIN
from viz.graph.model import Diagram
from viz.graph.notation import shape_text
from viz.graph.paths import wires_of
from viz.graph.wiring import Plan, plan

CHIP = 16


def lay_out_in_lanes(diagram: Diagram, labels: bool = False) -> Layout:
    """The layout of a diagram with time steps; with `labels`, shapes are shown under the boxes."""
    grid = grid_of(diagram)
    routes = plan(grid)
    frame = frame_of(grid, routes, diagram, labels)
    placed = {
        key: Placed(replace(grid.boxes[key], id=key), rect_of(key, grid, frame), frame.lines[key]) for key in grid.cells
    }
    placed |= {
        key: Placed(replace(grid.boxes[key], id=key), chip_rect(key, frame), frame.lines[key], chip=True)
        for key in grid.rails
    }
    layout = Layout(engine="lanes", placed=list(placed.values()))
    layout.wires = wires_of(routes, {key: p.rect for key, p in placed.items()}, frame)
    layout.width, layout.height = frame.width + MARGIN, frame.bottom + MARGIN
    layout.regions = list(regions(grid, frame, diagram))
    layout.texts = [*headers(grid, frame, diagram), *row_labels(grid, frame)]
    if labels:
        layout.texts += labels_of(layout, routes)
    return layout


def rect_of(key: str, grid: Grid, frame: Frame) -> Rect:
    """The rectangle of a box of the grid."""
    row, column = grid.cells[key]
    height = HIGH if len(frame.lines[key]) > 1 else LOW
    y = frame.top[row] + (frame.heights[row] - height) / 2
    return Rect(frame.left[column], y, frame.widths[column], height)


def chip_rect(key: str, frame: Frame) -> Rect:
    """The small box with which a rail begins, at the right edge of the strip of labels."""
    width = frame.chip_width(key)
    return Rect(frame.strip_right - width, frame.rail_y[key] - CHIP / 2, width, CHIP)


def regions(grid: Grid, frame: Frame, diagram: Diagram) -> Iterable[Region]:
    """The columns of the steps in each of the two passes, and brackets beside the rows of modules."""
    rows = range(grid.rows)
    for backward in (False, True):
        band = [row for row in rows if (row >= grid.first_backward_row) == backward]
        if not band:
            continue
        top, bottom = frame.top[band[0]] - frame.above[band[0]], frame.end_of(band[-1]) + 8
        for number, step in enumerate(grid.steps, 1):
            rect = Rect(frame.left[number] - 8, top, frame.widths[number] + 16, bottom - top)
            yield Region(rect, "step stacked" if diagram.rolled else "step", key=f"t={step}")
    for first, last, _ in frame.modules:
        yield Region(Rect(frame.bracket - 6, frame.top[first], 2, frame.end_of(last) - frame.top[first]), "bracket")


def labels_of(layout: Layout, routes: Plan) -> Iterable[Text]:
    """The shape of each box's value: on the line straight down from it, or else under its corner."""
    down = {path.start.key for path in routes.paths if path.start is not None and path.start.side == "bottom"}
    sources = {key for wire in layout.wires if wire.kind != "saved" for key in wire.sources}
    for placed in layout.placed:
        if placed.box.id in sources and not placed.chip:
            r, text = placed.rect, shape_text(placed.box.shape)
            place = (r.cx, "middle") if placed.box.id in down else (r.right, "end")
            yield Text(place[0], r.bottom + LABELS - 3, text, "label", place[1])


def headers(grid: Grid, frame: Frame, diagram: Diagram) -> Iterable[Text]:
    """The time step of each column, or how often it repeats."""
    steps = diagram.rolled
    for column, step in enumerate(grid.steps, 1):
        text = f"t = {steps[0]} … {steps[-1]}  ×{len(steps)}" if steps else f"t = {step}"
        yield Text(frame.left[column] + frame.widths[column] / 2, frame.header, text, "header", "middle")


def row_labels(grid: Grid, frame: Frame) -> Iterable[Text]:
    """What the boxes of each row are, and which module they belong to."""
    for first, _, name in frame.modules:
        yield Text(frame.bracket - 12, frame.top[first] + frame.heights[first] / 2 + 3.5, name, "module-name", "end")
    for row, label in frame.labels.items():
        yield Text(frame.strip_right - 4, frame.top[row] + frame.heights[row] / 2 + 3.5, label, "row", "end")
