"""A page that tells what the compiler did: `step.explain()` with a picture of the graph before and after each pass."""

from pathlib import Path

from minigrad.measure import MEASURES, Change, Cost, Explanation, Version, duration
from viz.comparing import diff
from viz.markup import Html, element
from viz.page import Number, Section, table, write_page, zoomable

_COLUMNS = ("", *MEASURES, "MB held", "buffers", "predicted", "measured")


def story(explanation: Explanation, path: str | Path, title: str = "From the loop to the program") -> Path:
    """Writes the page, one file that needs no network; returns its path."""
    changes = [change for change in explanation.changes if change.story]
    first, last = explanation.changes[0].old, explanation.changes[-1].new
    sections = [
        Section("Pass by pass", _READING, [_versions(first, changes), *_idle(explanation)]),
        *(Section(change.name.capitalize(), change.why, _pictured(change)) for change in changes),
        Section("Memory", f"{explanation.about_memory}."),
        Section("Time", f"{explanation.about_time}.", [_costs(explanation)]),
    ]
    return write_page(
        path, title, kind="Compiler", lead=_LEAD, numbers=_numbers(first, last, explanation), sections=sections
    )


_LEAD = """The program was traced as it was written, and rewritten pass by pass into one that computes the same.
Each pass is shown with what it found: red is what it took away, blue what it put in, yellow what it changed."""
_READING = """Products are of matrices, and convolutions; GFLOP are the operations in them. Computed is what all
operations write; held is the memory that they write it to, which is used again and again, and that of results.
Predicted and measured are a run of the whole."""


def _numbers(first: Version, last: Version, explanation: Explanation) -> list[Number]:
    counts = {unit: (_plain(measure(first.graph)), _plain(measure(last.graph))) for unit, measure in MEASURES.items()}
    numbers = [Number(unit, " → ".join(dict.fromkeys(values))) for unit, values in counts.items()]
    return [*numbers, Number("a run", f"{duration(first.measured)} → {duration(last.measured)}")]


def _versions(first: Version, changes: list[Change]) -> Html:
    rows = [("as it was traced", first), *((change.name, change.new) for change in changes)]
    return table(((name, *_cells(version)) for name, version in rows), _COLUMNS)


def _cells(version: Version) -> list[str]:
    counts = [_plain(measure(version.graph)) for measure in MEASURES.values()]
    times = [duration(version.predicted), duration(version.measured)]
    return [*counts, _plain(version.held / 1e6), str(version.buffers), *times]


def _plain(value: float) -> str:
    """A count as it is, and a measure with three digits."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value >= 0.001 else "<\u00a00.001"


def _idle(explanation: Explanation) -> list[Html]:
    names = ", ".join(change.name for change in explanation.changes if not change.story)
    return [element("p", f"Found nothing to do: {names}.")] if names else []


def _pictured(change: Change) -> list[Html]:
    found = diff(change.before, change.after, title=change.name)
    sentences = element("ul", *(element("li", sentence) for sentence in change.story))
    name = "-".join(change.name.split())
    return [sentences, zoomable(found.svg, name, f"before and after {change.name}: {found.counts}")]


def _costs(explanation: Explanation) -> Html:
    rows = (
        (c.kind, c.count, duration(c.predicted), duration(c.measured), *_rate(c, explanation))
        for c in explanation.costs
    )
    return table(rows, ("calls of one worker", "number", "predicted", "measured", "share", "GFLOP/s"))


def _rate(cost: Cost, explanation: Explanation) -> tuple[str, str]:
    return (
        f"{cost.measured / explanation.measured:.1%}",
        f"{cost.flops / cost.measured / 1e9:.0f}" if cost.flops else "",
    )
