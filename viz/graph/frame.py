"""The columns and rows of a grid in pixels: as wide as the texts, as far apart as the tracks between them need."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from viz.graph.grid import Grid
from viz.graph.look import MARGIN, PADDING, SMALL, TOP, shortened, width_of
from viz.graph.model import Box, Diagram
from viz.graph.notation import shape_text
from viz.graph.starring import common
from viz.graph.tracks import Claims, in_gutter, stacked
from viz.graph.wiring import BEHIND, LEFT, RAIL, RIGHT, Plan, Track

HEADER = 30
HIGH, LOW = 34.0, 19.0
"""The heights of boxes with two lines of text and with one."""
BRACKET = 14.0
"""Room for a bracket beside the rows of a module."""
PITCH = 5.0
"""The distance between parallel lines."""
RAIL_PITCH = 18.0
"""The distance between rails, which begin with a chip."""
GAP, APART = 7.0, 26.0
"""The height of a gap without tracks, and the distance between the two passes."""
LABELS = 13.0
"""The height of the labels of edges, below the boxes."""
LARGE_STEPS = 5
"""Up to so many time steps, boxes have two lines of text."""
SMALLEST, WIDEST, WIDEST_LARGE = 36, 76, 156


Span = tuple[int, int, str]
"""From row to row, and the name of the module that makes them."""


@dataclass
class Frame:
    """Columns, rows and tracks in pixels, and the texts in boxes and of rows."""

    lines: dict[str, tuple[str, ...]]
    labels: dict[int, str]
    heights: list[float]
    widths: list[float]
    modules: list[Span] = field(default_factory=list)
    left: list[float] = field(default_factory=list)
    top: list[float] = field(default_factory=list)
    above: list[float] = field(default_factory=list)
    track: dict[Track, float] = field(default_factory=dict)
    rails: tuple[str, ...] = ()
    rail_y: dict[str, float] = field(default_factory=dict)
    strip_right: float = 0
    width: float = 0
    header: float = TOP + 14

    @property
    def bottom(self) -> float:
        """The lower edge of the last row."""
        return self.end_of(-1) if self.top else self.header

    @property
    def bracket(self) -> float:
        """The x position of the brackets of modules, to the left of the rows' labels."""
        return self.strip_right - label_width(self)

    def end_of(self, row: int) -> float:
        """The lower edge of a row."""
        return self.top[row] + self.heights[row]

    def chip_width(self, key: str) -> float:
        """The width of the small box with which a rail begins."""
        return width_of(self.lines[key][0], SMALL) + 2 * PADDING


def frame_of(grid: Grid, plan: Plan, diagram: Diagram, room_for_labels: bool = False) -> Frame:
    """The frame of a grid whose paths are planned."""
    large = len(grid.steps) <= LARGE_STEPS
    lines = {key: texts(key, box, grid, large) for key, box in grid.boxes.items()}
    labels = {} if large else dict(row_texts(grid, diagram))
    folded = {row for key, (row, _) in grid.cells.items() if grid.boxes[key].kind == "group"}
    heights = [HIGH if large or row in folded else LOW for row in range(grid.rows)]
    frame = Frame(
        lines, labels, heights, column_widths(grid, lines, large), list(modules_of(grid)), rails=tuple(grid.rails)
    )
    places = places_of(plan)
    place_columns(frame, grid, places)
    place_rows(frame, grid, places, LABELS if room_for_labels else 0.0)
    return frame


def texts(key: str, box: Box, grid: Grid, large: bool) -> tuple[str, ...]:
    """The lines in a box: two if there is room, else only the symbol; outside the time steps with its shape."""
    if large and key not in grid.rails:
        most = int((WIDEST_LARGE - 2 * PADDING) / width_of("x"))
        return shortened(title_of(box), most), shortened(shape_text(box.shape), int(most / SMALL))
    outside = grid.column(key) in (-1, 0, grid.columns - 1)
    if box.kind == "group" and not outside:
        return box.symbol, box.detail
    text = f"{box.tree_name or box.symbol} {shape_text(box.shape)}" if outside else box.symbol
    return (shortened(text, 22 if outside else int((WIDEST - 2 * PADDING) / width_of("x"))),)


def title_of(box: Box) -> str:
    """A name with what is computed, or an Op's symbol and name."""
    op = box.op.partition("(")[0]
    if box.name and op:
        return f"{box.tree_name} = {box.symbol}"
    return box.tree_name or (f"{box.symbol}  {op}" if op and op.lower() != box.symbol else box.symbol)


def row_texts(grid: Grid, diagram: Diagram) -> Iterable[tuple[int, str]]:
    """For each row of the time steps, the Op (or whose gradient it is) and the shape."""
    for key, (row, column) in reversed(grid.cells.items()):
        if 0 < column < grid.columns - 1:
            box = grid.boxes[key]
            pair = diagram.by_id.get(box.pair)
            name = f"∂ {op_text(pair)}" if pair is not None else op_text(box)
            if box.tree_name:
                name = f"{box.tree_name} = {name}" if box.op else box.tree_name
            yield row, f"{shortened(name, 20)}  {shape_text(box.shape)}"


def modules_of(grid: Grid) -> Iterable[Span]:
    """Runs of rows of the time steps made by one module, with its name below what all paths have in common."""
    paths: dict[int, list[str]] = {}
    for key, (row, column) in grid.cells.items():
        if 0 < column < grid.columns - 1 and not grid.boxes[key].is_source and grid.boxes[key].kind != "group":
            paths.setdefault(row, grid.boxes[key].path.split("."))
    shared = len(common(paths.values()))
    names = [(row, name_below(path, shared)) for row, path in sorted(paths.items())]
    for name, rows in groupby(names, key=lambda item: item[1]):
        found = [row for row, _ in rows]
        for backward in (False, True):
            own = [row for row in found if (row >= grid.first_backward_row) == backward]
            if name and own:
                yield own[0], own[-1], shortened(name, 16)


def name_below(path: Sequence[str], shared: int) -> str:
    """What a path adds to what all paths share; an item of a list includes the name of the list."""
    first = shared - 1 if shared and path[shared:] and path[shared].isdigit() else shared
    return ".".join(path[first:]) if path[shared:] else ""


def label_width(frame: Frame) -> float:
    """The width needed for labels of rows and for the small boxes with which rails begin."""
    labels = (width_of(label, SMALL) + 4 for label in frame.labels.values())
    return max([*labels, *(frame.chip_width(key) for key in frame.rails)], default=0)


def op_text(box: Box) -> str:
    """`MatMul`, or the name of a leaf."""
    return box.op.partition("(")[0] or box.symbol


def column_widths(grid: Grid, lines: dict[str, tuple[str, ...]], large: bool) -> list[float]:
    """Each column as wide as its widest text; all time steps equally wide."""
    widths = [0.0] * grid.columns
    for key, (_, column) in grid.cells.items():
        text = max(width_of(line, SMALL if i else 1) for i, line in enumerate(lines[key]))
        widths[column] = max(widths[column], SMALLEST, text + 2 * PADDING)
    inner = max(widths[1:-1])
    return [widths[0], *(inner for _ in grid.steps), widths[-1]]


Places = dict[tuple[bool, int, bool], Claims]
"""The claims of each gap (across) or gutter, those behind boxes and rails (apart) separately."""


def places_of(plan: Plan) -> Places:
    """The claims, by where they are."""
    places: dict[tuple[bool, int, bool], dict[Track, tuple[float, float]]] = defaultdict(dict)
    for track, interval in plan.claims.items():
        apart = track.group == (RAIL if track.across else BEHIND)
        places[track.across, track.place, apart][track] = interval
    return dict(places)


def place_columns(frame: Frame, grid: Grid, places: Places) -> None:
    """Places the columns, with the strip of labels before the first step; gutters between steps are equally wide."""
    between = range(2, grid.columns - 1)
    common = max((in_gutter(places.get((False, gutter, False), {}))[1] for gutter in between), default=0)
    modules = [width_of(name, SMALL) + BRACKET for _, _, name in frame.modules]
    strip = max(modules, default=0) + label_width(frame)
    x = float(MARGIN)
    for column in range(grid.columns + 1):
        claims = places.get((False, column, False), {})
        if column == 1:
            x = place_strip(frame, claims, x, strip)
        elif column or claims:
            x = place_gutter(frame, claims, x, common if column in between else 0)
        if column < grid.columns:
            frame.left.append(x)
            place_behind(frame, column, places.get((False, column, True), {}))
            x += frame.widths[column]
    frame.width = x


def place_gutter(frame: Frame, claims: Claims, x: float, least: int = 0) -> float:
    """Places the tracks of a gutter that begins at x; returns where it ends."""
    numbers, width = in_gutter(claims, least)
    frame.track |= {track: x + 8 + PITCH * number for track, number in numbers.items()}
    return x + 10 + PITCH * width


def place_strip(frame: Frame, claims: Claims, x: float, strip: float) -> float:
    """Places the gutter before the first step, with the labels of rows in the middle of it."""
    x = place_gutter(frame, {t: c for t, c in claims.items() if t.group != RIGHT}, x)
    frame.strip_right = x + strip
    return place_gutter(frame, {t: c for t, c in claims.items() if t.group == RIGHT}, frame.strip_right)


def place_behind(frame: Frame, column: int, claims: Claims) -> None:
    """Places tracks that run down a column behind its boxes."""
    room = frame.widths[column] - 9
    for track, number in stacked(claims)[0].items():
        frame.track[track] = frame.left[column] + 5 + 4 * number % room


def place_rows(frame: Frame, grid: Grid, places: Places, labels: float) -> None:
    """Places the rows, with room for labels and tracks above each, and a wider gap between the passes."""
    y = TOP + HEADER
    for row in range(grid.rows + 1):
        apart = APART if row == grid.first_backward_row and 0 < row < grid.rows else 0.0
        height = labels + place_gap(frame, places, row, y + labels, apart)
        frame.above.append(height - apart)
        if row < grid.rows:
            frame.top.append(y + height)
            y = frame.end_of(row)


def place_gap(frame: Frame, places: Places, row: int, y: float, apart: float) -> float:
    """Places the tracks above a row: those of the row before, those of this row, then rails.

    Returns the gap's height.
    """
    claims = places.get((True, row, False), {})
    upper, above = stacked({track: interval for track, interval in claims.items() if track.group == LEFT})
    lower, below = stacked({track: interval for track, interval in claims.items() if track.group != LEFT})
    frame.track |= {track: y + 6 + PITCH * number for track, number in upper.items()}
    middle = y + PITCH * above + apart
    frame.track |= {track: middle + 6 + PITCH * number for track, number in lower.items()}
    rails, count = stacked(places.get((True, row, True), {}))
    for track, number in rails.items():
        frame.rail_y[track.net] = frame.track[track] = middle + PITCH * below + RAIL_PITCH * (number + 0.5)
    return GAP + PITCH * (above + below) + apart + RAIL_PITCH * count - (4 if count else 0)
