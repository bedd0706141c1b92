"""The report of a training run: one HTML file with its numbers, captions, curves, graph and configuration.

Other reports are built the same way from `viz.page`: sections of text, tables, pictures and drawings.
"""

import json
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

from viz.caption_cards import caption_cards
from viz.caption_sheet import Sample
from viz.curve_figures import curve_figures
from viz.curves import Log, training_panels
from viz.page import Number, Section, command_line, figures, table, write_page, zoomable

__all__ = ["Sample", "write_report"]


def write_report(
    path: str | Path,
    *,
    title: str,
    summary: Mapping[str, object],
    config: Mapping[str, object],
    log: Log,
    samples: Sequence[Sample] = (),
    graph_svg: str | None = None,
    command: str | None = None,
) -> Path:
    """Writes the report and returns its path; parts for which nothing is given are left out.

    The headline numbers come from the log's last records (right, right_seen, right_never_seen as shares; val_loss,
    loss, words_per_second, seconds); `summary` changes them and adds others. `command` is the command that started the
    run.
    """
    sections = (
        _captions(samples),
        _curves(log),
        _graph(graph_svg),
        Section("Configuration", "Every setting of the run.", [table(_rows(config))] if config else []),
        _reproduction(command),
    )
    return write_page(
        path,
        title,
        kind="Training report",
        lead=_lead(log),
        numbers=[_number(name, value) for name, value in _results(log, summary).items()],
        sections=[section for section in sections if section.blocks],
    )


def _captions(samples: Sequence[Sample]) -> Section:
    """The samples, and how many of their captions are wrong."""
    lead = f"What the model wrote for {len(samples)} pictures."
    wrong = sum(sample.right is False for sample in samples)
    if wrong:
        lead += f" {wrong} of the captions {'is' if wrong == 1 else 'are'} wrong: where one differs from the true "
        lead += "caption most like it, the words are underlined."
    if any(sample.label == "never seen" for sample in samples):
        lead += " Never seen: a colour, shape and place that come together in no picture of the training."
    return Section("Captions", lead, [caption_cards(samples)] if samples else [])


def _curves(log: Log) -> Section:
    """A figure for each panel that has a value."""
    drawings = curve_figures(training_panels(log))
    return Section("Curves", "Over the steps of the run; pale: each batch.", [figures(drawings)] if drawings else [])


def _graph(graph_svg: str | None) -> Section:
    lead = "The loss of one held-out caption, as the engine recorded it."
    return Section("Graph", lead, [zoomable(graph_svg, "model-graph", "The model's graph")] if graph_svg else [])


def _reproduction(command: str | None) -> Section:
    lead = "On the same machine, with the same versions and threads, this command gives the same bits again."
    return Section("Reproduce", lead, [command_line(command)] if command else [])


def _lead(log: Log) -> str:
    """The length of the run, in words."""
    last = _latest(log)
    if "step" not in last:
        return "Nothing was recorded."
    epochs = f" in {_counted(last['epoch'], 'epoch')}" if "epoch" in last else ""
    return f"{_counted(last['step'], 'step')}{epochs}."


def _latest(log: Log) -> dict[str, Any]:
    """The last value of each key in the log."""
    return {key: value for record in log for key, value in record.items() if value is not None}


def _results(log: Log, summary: Mapping[str, object]) -> dict[str, object]:
    """The headline values: known ones in a fixed order, then whatever else the summary holds."""
    found = {**_latest(log), **summary}
    speeds = [record["words_per_second"] for record in log if record.get("words_per_second") is not None]
    if speeds and "words_per_second" not in summary:
        found["words_per_second"] = statistics.median(speeds)
    names = dict.fromkeys((*_SHARES, *_MEASURES, *summary))
    return {name: found[name] for name in names if found.get(name) is not None}


def _number(name: str, value: object) -> Number:
    """A headline number in the form that suits its name."""
    if name in _SHARES and isinstance(value, Real):
        return Number(_SHARES[name], _per_cent(float(value)), float(value))
    if name in _MEASURES and isinstance(value, Real):
        label, form = _MEASURES[name]
        return Number(label, form(float(value)))
    return Number(name.replace("_", " "), _plain(value))


def _per_cent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _duration(seconds: float) -> str:
    """A duration in its two largest units: 52 s, 3 min 2 s, 1 h 4 min."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{seconds:.3g} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _counted(number: Any, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _rows(config: Mapping[str, object], above: str = "") -> Iterator[tuple[str, str]]:
    """Names and values; values in a nested mapping are named after it: optimiser.lr."""
    for name, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from _rows(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", _plain(value)


def _plain(value: object) -> str:
    """Text as it is, other values as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


_SHARES = {
    "right": "right captions, held out",
    "right_seen": "right, combinations seen in training",
    "right_never_seen": "right, combinations never seen",
}
"""The headline numbers that are shown with a bar."""
_MEASURES: dict[str, tuple[str, Callable[[float], str]]] = {
    "right_with_shuffled_features": ("right with another picture's features", _per_cent),
    "val_loss": ("held-out loss, nats a word", "{:.3f}".format),
    "loss": ("loss of the last batch", "{:.3f}".format),
    "words_per_second": ("words per second", "{:,.0f}".format),
    "parameters": ("parameters", "{:,.0f}".format),
    "seconds": ("training time", _duration),
}
"""The other headline numbers, and how each is written."""
