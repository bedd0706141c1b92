"""Curves over the steps of a run: loss, learning rate, accuracy; one run or several, as SVG or PNG, without a display.

draw_curves(log, "curves.svg")
draw_curves({"LSTM": lstm_log, "RNN": rnn_log}, "compared.png")

Needs matplotlib, and uses its objects only: there is no global figure, and equal logs give equal bytes.
"""

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from minigrad.errors import UsageError
from minigrad.files import write_whole
from viz.theme import LIGHT, with_variables

Record = Mapping[str, Any]
Log = Sequence[Record]
Vector = npt.NDArray[np.float64]

_GROUPS = {"right": "all", "right_seen": "seen", "right_never_seen": "never seen"}
_MARGIN = 0.14
"""Inches around the panels of a file that stands alone; in a page the panels are on cards."""
_STYLE = {
    "svg.hashsalt": "minigrad",
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "text.parse_math": False,
    "text.color": LIGHT["ink"],
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": LIGHT["muted"],
    "axes.labelcolor": LIGHT["muted"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": LIGHT["rule"],
    "xtick.color": LIGHT["muted"],
    "ytick.color": LIGHT["muted"],
    "ytick.left": False,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "legend.labelcolor": LIGHT["ink"],
    "path.simplify_threshold": 0.15,
}
_PNG_DPI = 160
_LOGARITHMIC_FROM = 30.0
"""A loss that falls by more than this factor is drawn on a logarithmic axis."""
_ROOM_FOR_FIVES = 300
"""There, up to this factor 1, 2 and 5 of each decade are marked; over more the labels would touch."""
_WIDEST_REACH = 250
_MARKED_UP_TO = 40
"""Points of a line that are marked one by one; a single point is seen only by its mark."""


@dataclass(frozen=True)
class Look:
    """How a line looks: a colour of the theme, a dash pattern, a marker; distinguishable without colour too."""

    colour: str = "blue"
    dash: str = "-"
    mark: str = "o"


LOOKS = (Look(), Look("vermilion", "--", "s"), Look("green", ":", "^"), Look("purple", "-.", "D"))


@dataclass(frozen=True)
class Line:
    """Values over steps, with gaps at NaN. `smoothed` draws a running mean, and the values faintly behind it."""

    label: str
    steps: Vector
    values: Vector
    look: Look = LOOKS[0]
    smoothed: bool = False

    @classmethod
    def of(cls, log: Log, key: str, label: str, look: Look = LOOKS[0], smoothed: bool = False) -> "Line":
        """The records of a log that hold `key`, as a line; None and infinities count as NaN."""
        found = [(record["step"], record[key]) for record in log if key in record]
        steps, values = np.array(found, np.float64).reshape(-1, 2).T
        return cls(label, steps, np.where(np.isfinite(values), values, np.nan), look, smoothed)

    @property
    def strong(self) -> Vector:
        """The values drawn strongly: all of them, or their running mean."""
        return running_mean(self.values) if self.smoothed else self.values

    @property
    def ends(self) -> tuple[float, float]:
        """The first and last value drawn strongly, of which there must be one."""
        finite = self.strong[np.isfinite(self.strong)]
        return float(finite[0]), float(finite[-1])


@dataclass(frozen=True)
class Panel:
    """Lines over a common axis of steps. `share` shows values in per cent, `falling` allows a logarithmic axis.

    `doublings` makes both axes powers of two.
    """

    title: str
    lines: tuple[Line, ...]
    share: bool = False
    falling: bool = False
    axis: str = "step"
    doublings: bool = False

    @property
    def drawn(self) -> tuple[Line, ...]:
        """The lines that have at least one finite value."""
        return tuple(line for line in self.lines if np.isfinite(line.values).any())


def draw_curves(log: Log | Mapping[str, Log], path: str | Path) -> Path:
    """Draws a run's log, or several logs by name over one another, as .svg or .png; returns the path."""
    return draw_panels(training_panels(log), path)


def draw_speed_ups(lines: Mapping[str, Sequence[tuple[int, float]]], path: str | Path) -> Path:
    """Draws speed-ups over the number of workers, a line for each name; returns the path."""
    drawn = []
    for (name, points), look in zip(lines.items(), cycle(LOOKS), strict=False):
        workers, values = np.array(points, np.float64).T
        drawn.append(Line(name, workers, values, look))
    return draw_panels([Panel("Speed-up, predicted", tuple(drawn), axis="ranks", doublings=True)], path)


def training_panels(log: Log | Mapping[str, Log]) -> tuple[Panel, ...]:
    """Panels for loss, right captions and learning rate, of one run or of several by name; only those with a value."""
    losses, accuracies, rates = _compared(log) if isinstance(log, Mapping) else _alone(log)
    panels = (
        Panel("Loss, nats a word", tuple(losses), falling=True),
        Panel("Right captions, held out", tuple(accuracies), share=True),
        Panel("Learning rate", tuple(rates)),
    )
    return tuple(panel for panel in panels if panel.drawn)


Lines = list[Line]


def _alone(log: Log) -> tuple[Lines, Lines, Lines]:
    """The losses, accuracies (by group) and learning rates of one run."""
    losses = [
        Line.of(log, "loss", "training", smoothed=True),
        Line.of(log, "val_loss", "held out", LOOKS[1]),
    ]
    accuracies = [Line.of(log, key, label, look) for (key, label), look in zip(_GROUPS.items(), LOOKS, strict=False)]
    return losses, accuracies, [Line.of(log, "lr", "learning rate")]


def _compared(runs: Mapping[str, Log]) -> tuple[Lines, Lines, Lines]:
    """The losses, accuracies and learning rates of several runs, each in a look of its own."""
    losses, accuracies, rates = [], [], []
    for (name, log), look in zip(runs.items(), cycle(LOOKS), strict=False):
        losses.append(Line.of(log, "loss", f"{name} training", Look(look.colour), smoothed=True))
        losses.append(Line.of(log, "val_loss", f"{name} held out", Look(look.colour, "--", look.mark)))
        accuracies.append(Line.of(log, "right", name, look))
        rates.append(Line.of(log, "lr", name, look))
    return losses, accuracies, rates


def draw_panels(panels: Sequence[Panel], path: str | Path) -> Path:
    """Draws the first panel large and the others beside it, as .svg or .png; returns the path."""
    path = Path(path)
    form = path.suffix.lower().removeprefix(".")
    if form not in ("svg", "png"):
        raise UsageError(f"{path} does not name a form of picture: end it with .svg or .png")
    write_whole(path, _rendered(panels, form, titles=True, transparent=False))
    return path


def panel_svg(panel: Panel) -> str:
    """One panel as SVG without title or background, coloured by the variables of the page around it."""
    return with_variables(_rendered([panel], "svg", titles=False, transparent=True).decode())


def _rendered(panels: Sequence[Panel], form: str, *, titles: bool, transparent: bool) -> bytes:
    """The bytes of a picture of those panels that have a value."""
    buffer = io.BytesIO()
    metadata = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
    with matplotlib.style.context(["default", _STYLE]):
        figure = _figure([panel for panel in panels if panel.drawn], titles)
        figure.savefig(buffer, format=form, dpi=_PNG_DPI, transparent=transparent, metadata=metadata)
    return buffer.getvalue()


def _figure(panels: Sequence[Panel], titles: bool) -> Figure:
    """The first panel, with the others to the right of it, one above another."""
    beside = len(panels) - 1
    margin = _MARGIN if titles else None
    layout = ConstrainedLayoutEngine(w_pad=margin, h_pad=margin)
    figure = Figure(figsize=(9.2 if beside > 0 else 4.0, 2.15 * max(beside, 1.2)), layout=layout)
    grid = figure.add_gridspec(max(beside, 1), 2 if beside > 0 else 1)
    places = [grid[:, 0], *(grid[row, 1] for row in range(beside))]
    for panel, place in zip(panels, places, strict=False):
        _draw(panel, figure.add_subplot(place), titles)
    if not panels:
        figure.text(0.5, 0.5, "nothing recorded yet", ha="center", va="center", color=LIGHT["muted"])
    return figure


def _draw(panel: Panel, axes: Axes, titled: bool) -> None:
    for line in panel.drawn:
        _draw_line(line, axes)
    _scale(panel, axes)
    axes.set_xlabel(panel.axis)
    rows = _legend(axes, len(panel.drawn)) if len(panel.drawn) > 1 else 0
    if titled:
        axes.set_title(panel.title, pad=6 + 14 * rows)


def _legend(axes: Axes, entries: int) -> int:
    """Adds a legend above the plot; returns its number of rows."""
    columns = 3 if entries == 3 else 2
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), borderaxespad=0.1, ncols=columns, columnspacing=1.4)
    return math.ceil(entries / columns)


def _draw_line(line: Line, axes: Axes) -> None:
    colour = LIGHT[line.look.colour]
    if line.smoothed:
        axes.plot(line.steps, line.values, color=colour, alpha=0.28, linewidth=0.8)
    marker = line.look.mark if len(line.values) <= _MARKED_UP_TO else None
    (strong,) = axes.plot(line.steps, line.strong, line.look.dash, color=colour, marker=marker, label=line.label)
    strong.set(linewidth=1.7, markersize=3.6, clip_on=False)


def _scale(panel: Panel, axes: Axes) -> None:
    """Steps from 0, tick labels as plain numbers, and a logarithmic axis for values that fall by a large factor."""
    if panel.doublings:
        axes.set_xscale("log", base=2)
        axes.set_yscale("log", base=2)
        for side in (axes.xaxis, axes.yaxis):
            side.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        return
    axes.set_xlim(0, max(1.0, *(line.steps.max() for line in panel.drawn)))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
    low, high = _range(panel.drawn)
    if panel.share:
        axes.set_ylim(max(0.0, low - 0.04), min(1.0, high + 0.04))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.0f} %"))
        return
    if panel.falling and low > 0 and high > _LOGARITHMIC_FROM * low:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < _ROOM_FOR_FIVES * low else (1,)))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _range(lines: Iterable[Line]) -> tuple[float, float]:
    """The smallest and largest value drawn strongly."""
    values = np.concatenate([line.strong for line in lines])
    return float(np.nanmin(values)), float(np.nanmax(values))


def running_mean(values: Vector) -> Vector:
    """The mean of each value and its neighbours in a smooth window; NaNs stay NaN and are left out of the means.

    The window is about a twentieth of the curve wide.
    """
    if not np.isfinite(values).any():
        return values
    reach = min(len(values) // 40, _WIDEST_REACH)
    window = np.hanning(2 * reach + 3)[1:-1]
    finite = np.isfinite(values)
    sums = np.convolve(np.pad(np.where(finite, values, 0.0), reach), window, "valid")
    weights = np.convolve(np.pad(np.where(finite, 1.0, 0.0), reach), window, "valid")
    return np.where(finite, sums / np.where(finite, weights, 1.0), np.nan)
