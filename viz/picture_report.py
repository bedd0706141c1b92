"""The report of work on pictures: the resulting pictures, what was measured, and curves, on one page.

write_picture_report("report.html", kind="Style transfer", title="Tübingen by night", shown=[
    Shown("tubingen", "in the style of starry_night", [("content", image), ("result", result)], panels),
])
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from viz.curve_figures import curve_figures
from viz.curves import LOOKS, Line, Log, Panel
from viz.image_grid import Image
from viz.markup import Html
from viz.page import Number, Section, command_line, figures, image_figure, table, write_page

_MOST_PICTURES, _MOST_CURVES = 4, 3
"""How many stand side by side on a page of full width."""
_WIDTH = 1000
"""The pixels that such a row of figures needs; on a narrower page fewer stand side by side."""


@dataclass(frozen=True, eq=False)
class Shown:
    """A section of the report: pictures with captions, curves, and facts as names and values."""

    title: str
    lead: str
    pictures: Sequence[tuple[str, Image]]
    panels: Sequence[Panel] = ()
    facts: Sequence[Sequence[str]] = ()
    header: Sequence[str] = ()


def write_picture_report(
    path: str | Path,
    *,
    kind: str,
    title: str,
    shown: Sequence[Shown],
    lead: str = "",
    numbers: Sequence[Number] = (),
    command: str | None = None,
) -> Path:
    """Writes the page and returns its path; `command` is the command that made it."""
    sections = [_section(part, number) for number, part in enumerate(shown)]
    if command:
        again = "On the same machine, with the same versions, this command gives the same pictures again."
        sections.append(Section("Reproduce", again, [command_line(command)]))
    return write_page(path, title, kind=kind, lead=lead, numbers=numbers, sections=sections)


FIRST_AND_LAST = ("", "at first", "at the end")
"""The header of `loss_facts`."""


def loss_facts(log: Log, terms: Sequence[str]) -> list[tuple[str, ...]]:
    """The terms of a loss before the first step and after the last one."""
    return [(term, *(f"{record[term]:.3g}" for record in (log[0], log[-1]))) for term in terms]


def loss_panel(log: Log, terms: Sequence[str] = ("loss",), title: str = "Loss") -> Panel:
    """The terms of a loss over the iterations, one line for each."""
    lines = [Line.of(log, term, term, look) for term, look in zip(terms, LOOKS, strict=False)]
    return Panel(title, tuple(lines), falling=True)


def _section(part: Shown, number: int) -> Section:
    """Pictures, curves and facts in rows, or beside each other where a row would be left nearly empty."""
    pictures = [image_figure(image, caption) for caption, image in part.pictures]
    drawings = curve_figures([panel for panel in part.panels if panel.drawn], f"curve-{number}")
    facts = [table(part.facts, part.header)] if part.facts else []
    if len(pictures) + len(drawings) <= _MOST_CURVES:
        pictures, drawings = [*pictures, *drawings], []
    elif len(drawings) == 1:
        drawings, facts = [*drawings, *facts], []
    rows = [in_rows(pictures, _MOST_PICTURES), *([in_rows(drawings, _MOST_CURVES)] if drawings else [])]
    return Section(part.title, part.lead, [*rows, *facts])


def in_rows(items: Sequence[Html], most: int) -> Html:
    """Figures in rows of about equal length, of which none has more than `most`."""
    columns = ceil(len(items) / ceil(len(items) / most))
    return figures(items, _WIDTH // columns)
