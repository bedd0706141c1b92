"""The layout of graphs with time steps: a grid in pixels. Steps are columns, and what corresponds shares a row."""

from collections.abc import Iterable
from dataclasses import replace

from viz.graph.frame import Frame, frame_of
from viz.graph.geometry import Layout, Placed, Rect, Region, Text
from viz.graph.grid import Grid, grid_of
from viz.graph.look import MARGIN
from viz.graph.model import Diagram
from viz.graph.paths import wires_of
from viz.graph.wiring import plan

CHIP = 16


def lay_out_in_lanes(diagram: Diagram) -> Layout:
    """Places a diagram that has time steps."""
    grid = grid_of(diagram)
    routes = plan(grid)
    frame = frame_of(grid, routes, diagram)
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
    layout.regions = list(regions(grid, frame, layout))
    layout.texts = [*headers(grid, frame, diagram), *row_labels(grid, frame)]
    return layout


def rect_of(key: str, grid: Grid, frame: Frame) -> Rect:
    """Where a box of the grid stands."""
    row, column = grid.cells[key]
    return Rect(frame.left[column], frame.top[row], frame.widths[column], frame.height)


def chip_rect(key: str, frame: Frame) -> Rect:
    """Where a rail begins: at the right edge of the strip."""
    width = frame.chip_width(key)
    return Rect(frame.strip_right - width, frame.rail_y[key] - CHIP / 2, width, CHIP)


def regions(grid: Grid, frame: Frame, layout: Layout) -> Iterable[Region]:
    """The bands of the two passes, and in them each step."""
    rows = range(grid.rows)
    for backward in (False, True):
        band = [row for row in rows if (row >= grid.first_backward_row) == backward]
        if not band:
            continue
        top, bottom = frame.top[band[0]] - frame.above[band[0]], frame.top[band[-1]] + frame.height + 8
        for number, step in enumerate(grid.steps, 1):
            rect = Rect(frame.left[number] - 8, top, frame.widths[number] + 16, bottom - top)
            yield Region(rect, "step", key=f"t={step}")


def headers(grid: Grid, frame: Frame, diagram: Diagram) -> Iterable[Text]:
    """The time of each column, or how often it repeats."""
    for column, step in enumerate(grid.steps, 1):
        text = f"t = {step}" if not diagram.rolled else f"×{diagram.rolled}"
        if diagram.rolled and diagram.is_timed:
            text = f"t = 0 … {diagram.rolled - 1}  {text}"
        yield Text(frame.left[column] + frame.widths[column] / 2, frame.header, text, "header", "middle")


def row_labels(grid: Grid, frame: Frame) -> Iterable[Text]:
    """What the boxes of each row of the steps are."""
    for row, label in frame.labels.items():
        yield Text(frame.strip_right - 4, frame.top[row] + frame.height / 2 + 3.5, label, "row", "end")
