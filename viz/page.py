"""Pages that are one file and need no network: sections of text, numbers, tables, pictures and drawings.

write_page("style.html", "Starry night", kind="Style transfer", sections=[
    Section("Result", "The content, the style, and the result.", [figures([image_figure(image, "content")])]),
])

Only the script that comes with a page runs in it, and all of the page works without that script too.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from minigrad.files import write_whole
from viz.head import asset, head
from viz.inline_svg import inline_svg
from viz.markup import Html, element, joined
from viz.theme import DARK, LIGHT, as_variables

if TYPE_CHECKING:
    from viz.image_grid import Image

_ZOOMS = {"fit": "Fit", "50": "50 %", "100": "100 %", "200": "200 %"}


@dataclass(frozen=True)
class Section:
    """A part of a page under a heading: an introduction (`lead`), then blocks, made by the functions of this file."""

    title: str
    lead: str = ""
    blocks: Sequence[Html] = ()

    @property
    def anchor(self) -> str:
        """The section's id in the page."""
        return re.sub(r"\W+", "-", self.title.lower()).strip("-") or "section"


@dataclass(frozen=True)
class Number:
    """A headline number: what was measured, and the result; a share from 0 to 1 is also shown as a bar."""

    label: str
    value: str
    share: float | None = None


def write_page(
    path: str | Path,
    title: str,
    *,
    kind: str,
    lead: str = "",
    numbers: Sequence[Number] = (),
    sections: Sequence[Section] = (),
    parts: Sequence[str] = (),
    remote_images: bool = False,
) -> Path:
    """Writes a page: its kind, title and introduction, its headline numbers, its sections. Returns its path.

    `parts` names further files of this package, NAME.js and NAME.css, that the page needs. With `remote_images` the
    browser may load pictures from their addresses, but nothing else.
    """
    path, script = Path(path), "\n".join(asset(f"{name}.js") for name in ("page", *parts))
    content = [
        _header(kind, title, lead),
        _numbers(numbers),
        _contents(sections),
        element("main", *(_section(section) for section in sections)),
        element("footer", "Written by minigrad. This file holds all that it shows."),
        element("script", Html(script)),
    ]
    beginning = head(title, script, _style(parts), remote_images)
    page = element("html", beginning, element("body", joined(content, "\n")), lang="en")
    write_whole(path, f"<!doctype html>\n{page}\n")
    return path


def image_figure(image: "Image", caption: object = "", alt: str = "") -> Html:
    """A picture above its caption, which also describes it for screen readers unless `alt` does."""
    return figure(image_element(image, alt or str(caption)), caption)


def image_element(image: "Image", alt: str, longest: int = 720) -> Html:
    """A picture in the page: a small one enlarged with square pixels, a photograph of at most `longest` pixels."""
    from viz.image_grid import data_uri, is_small  # needs Pillow, which pages without pictures do without

    height, width = image.shape[:2]
    look = "pixels" if is_small(image) else None
    return element("img", src=data_uri(image, longest), alt=alt, width=width, height=height, class_=look)


def address_link(text: str) -> Html:
    """A link named by the last part of a web address; nothing if the text is not a web address."""
    if not text.startswith(("http://", "https://")):
        return Html()
    return element("a", text.rstrip("/").rsplit("/", 1)[-1], href=text, rel="noreferrer")


def drawing_figure(svg: str, prefix: str, title: object, label: str) -> Html:
    """A drawing as wide as its place, below its title; `prefix` is its id in the page, `label` describes it."""
    return element("figure", element("figcaption", title, class_="title"), inline_svg(svg, prefix, label))


def zoomable(svg: str, prefix: str, label: str) -> Html:
    """A drawing in a frame that scrolls, with a choice of sizes.

    The script adds dragging and zooming with the wheel.
    """
    sizes = choice(f"{prefix}-size", "Size", _ZOOMS)
    frame = element("div", inline_svg(svg, prefix, label), class_="frame", tabindex=0, role="region", aria_label=label)
    return element("div", sizes, frame, class_="zoomable")


def figure(content: Html, caption: object = "") -> Html:
    """Any content above its caption."""
    return element("figure", content, element("figcaption", caption) if caption else "")


def figures(items: Iterable[Html], least: int = 320) -> Html:
    """Figures side by side, as many as there is room for, each at least `least` pixels wide."""
    return element("div", *items, class_="figures", style=f"--least: {least}px")


def table(rows: Iterable[Sequence[object]], header: Sequence[object] = ()) -> Html:
    """A table whose first column holds the names of the rows."""
    head = element("thead", element("tr", *(element("th", name, scope="col") for name in header))) if header else ""
    return element("div", element("table", head, element("tbody", *(_row(row) for row in rows))), class_="table")


def command_line(text: str) -> Html:
    """A command to be copied."""
    return element("pre", element("code", text), class_="command", tabindex=0)


def choice(name: str, legend: str, options: dict[str, str]) -> Html:
    """Radio buttons in a row, the first one chosen; style sheets react to `:has(:checked)`, so no script is needed."""
    buttons = [
        element("label", element("input", type="radio", name=name, value=value, checked=number == 0), text)
        for number, (value, text) in enumerate(options.items())
    ]
    return element("fieldset", element("legend", legend), *buttons, class_="choice")


def _row(row: Sequence[object]) -> Html:
    first, *others = row
    return element("tr", element("th", first, scope="row"), *(element("td", cell) for cell in others))


def _header(kind: str, title: str, lead: str) -> Html:
    return element("header", element("p", kind, class_="kind"), element("h1", title), _lead(lead))


def _lead(lead: str) -> Html:
    return element("p", lead, class_="lead") if lead else Html()


def _numbers(numbers: Sequence[Number]) -> Html:
    """The headline numbers as a description list."""
    return element("dl", *(_number(number) for number in numbers), class_="numbers") if numbers else Html()


def _number(number: Number) -> Html:
    label = element("dt", number.label)
    if number.share is None:
        return element("div", label, element("dd", number.value))
    bar = element("span", class_="bar", style=f"--share: {number.share:.4f}")
    return element("div", label, element("dd", number.value, bar), class_="share")


def _contents(sections: Sequence[Section]) -> Html:
    """Links to the sections, if there are several."""
    links = [element("a", section.title, href=f"#{section.anchor}") for section in sections]
    return element("nav", *links, aria_label="Sections") if len(links) > 1 else Html()


def _section(section: Section) -> Html:
    title = element("h2", section.title, id=f"{section.anchor}-title")
    content = joined((title, _lead(section.lead), *section.blocks), "\n")
    return element("section", content, id=section.anchor, aria_labelledby=f"{section.anchor}-title")


def _style(parts: Sequence[str]) -> Html:
    light, dark = as_variables(LIGHT), as_variables(DARK)
    themes = f":root {{ {light} }}\n@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
    return Html(themes + "\n".join(asset(f"{name}.css") for name in ("page", *parts)))
