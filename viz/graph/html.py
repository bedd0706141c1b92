"""Drawings → HTML: one file that needs no network.

It holds the picture folded in several ways and a script to move between them; without the script the first is shown.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from viz.graph.look import DARK, LIGHT
from viz.graph.style import style_sheet
from viz.head import asset, head
from viz.markup import Html, element, joined

ACCENT = {"light": "#c2410c", "dark": "#ff8f61"}
KEYS = {
    "drag, arrows": "move", "wheel, + −": "zoom", "0": "fit", "/": "search; Enter and n for the next",
    "click": "a node and its neighbours", "arrows on a node": "to what it reads, to what reads it",
    "double click, u": "unfold", "f": "back to what was folded", "Esc": "nothing chosen",
}  # fmt: skip


@dataclass(frozen=True)
class View:
    """One way of folding: its name, its SVG, and for its folded boxes the views in which they are unfolded."""

    id: str
    label: str
    svg: str
    unfold: Mapping[str, str] = field(default_factory=dict)


def write_html(title: str, views: Sequence[View]) -> str:
    """The page, which shows the first view first."""
    content = {"order": [view.id for view in views], "unfold": {view.id: view.unfold for view in views}}
    parts = [
        _bar(title, views),
        element("main", Html(views[0].svg), tabindex=0, aria_label="the drawing"),
        element("aside", aria_live="polite"),
        _keys(),
        *(element("template", Html(view.svg), id=f"view-{view.id}") for view in views[1:]),
        element("script", Html(_harmless(json.dumps(content))), type="application/json", id="views"),
        element("script", Html(asset("graph.js"))),
    ]
    page = element(
        "html",
        head(title, asset("graph.js"), _variables() + style_sheet(for_page=True) + asset("graph.css")),
        element("body", joined(parts, "\n")),
        lang="en",
    )
    return f"<!doctype html>\n{page}\n"


def _bar(title: str, views: Sequence[View]) -> Html:
    options = [element("option", view.label, value=view.id) for view in views]
    return element(
        "header",
        element("h1", title),
        element("label", "Show", element("select", *options, id="view")),
        element("label", "Find", element("input", type="search", id="search", placeholder="name, Op, shape, t=3")),
        element("output", id="found", for_="search"),
        element("span", *(_button(*names) for names in BUTTONS), class_="group"),
    )


BUTTONS = (
    ("out", "−", "zoom out"), ("fit", "fit", "show all"), ("in", "+", "zoom in"), ("theme", "◐", "light or dark"),
    ("keys", "?", "keys"),
)  # fmt: skip


def _button(name: str, text: str, title: str) -> Html:
    return element("button", text, type="button", id=name, title=title, aria_label=title)


def _keys() -> Html:
    rows = [element("dt", element("kbd", key)) + element("dd", what) for key, what in KEYS.items()]
    close = element("form", element("button", "close"), method="dialog")
    return element("dialog", element("dl", *map(Html, rows)), close, aria_label="keys")


def _variables() -> str:
    """The colours of the page as CSS variables, for light and dark and for the reader's choice."""
    light, dark = (
        "".join(f"--{name}:{colour};" for name, colour in {**base, "accent": ACCENT[theme]}.items())
        for theme, base in (("light", LIGHT), ("dark", DARK))
    )
    return (
        f":root{{{light}color-scheme:light}}:root[data-theme=dark]{{{dark}color-scheme:dark}}"
        f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}color-scheme:dark}}}}"
    )


def _harmless(text: str) -> str:
    """JSON that cannot end the element it stands in."""
    return text.replace("<", "\\u003c")
