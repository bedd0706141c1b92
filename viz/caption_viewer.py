"""A page to look through the captions of a model: photographs, beams, true captions, scores; with search and order.

One file that needs no network. A photograph known by its address alone is shown if the browser can load it; otherwise a
text says so in its place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from viz.image_grid import Image
from viz.markup import Html, element, joined
from viz.page import Number, Section, address_link, image_element, write_page

_LONGEST = 420
_ORDERS = {"row": "as in the data", "best": "best score first", "worst": "worst score first", "sure": "surest first"}


@dataclass(frozen=True, eq=False)
class Captioned:
    """A photograph with the captions written for it, each with its log-probability, the most probable first.

    `truths` are captions that people wrote, `score` is the CIDEr-D of the first caption against them. `image` is uint8
    (H, W, 3); without it, `address` says where the photograph may be found.
    """

    name: str
    beams: Sequence[tuple[str, float]]
    truths: Sequence[str] = ()
    score: float | None = None
    image: Image | None = None
    address: str = ""


def write_viewer(
    path: str | Path, title: str, captioned: Sequence[Captioned], *, lead: str = "", numbers: Sequence[Number] = ()
) -> Path:
    """Writes the page; returns its path."""
    cards = [_card(one, row) for row, one in enumerate(captioned)]
    listing = element("ul", *cards, class_="cards", id="captioned")
    return write_page(
        path,
        title,
        kind="Captions",
        lead=lead,
        numbers=numbers,
        sections=[Section("Images", "", [_controls(len(captioned)), listing])],
        parts=["viewer"],
        remote_images=any(one.image is None and one.address for one in captioned),
    )


def _controls(count: int) -> Html:
    """The form that the script works with; hidden where scripts do not run."""
    search = element("input", type="search", id="search", placeholder="words of captions or names", autocomplete="off")
    options = [element("option", label, value=value) for value, label in _ORDERS.items()]
    return element(
        "form",
        element("label", "Search ", search),
        element("label", "Order ", element("select", *options, id="order")),
        element("output", f"{count} of {count}", id="shown", for_="search"),
        class_="controls",
        hidden=True,
        role="search",
    )


def _card(one: Captioned, row: int) -> Html:
    texts = (_facts(one), _best(one), _beams(one), _truths(one))
    surest = one.beams[0][1] if one.beams else None
    return element(
        "li",
        _photograph(one),
        element("div", *texts, class_="text"),
        class_="card",
        data_row=row,
        data_score=None if one.score is None else f"{one.score:.6f}",
        data_sure=None if surest is None else f"{surest:.6f}",
    )


def _photograph(one: Captioned) -> Html:
    """The picture; or an image element with its address, over a text that shows if it is not loaded."""
    alt = f"{one.name}: {one.truths[0]}" if one.truths else one.name
    if one.image is not None:
        return element("div", image_element(one.image, alt, _LONGEST), class_="photograph")
    link = address_link(one.address)
    if not link:
        return element("div", element("p", "no photograph"), class_="photograph absent")
    image = element("img", src=one.address, alt="", loading="lazy", referrerpolicy="no-referrer")
    return element("div", image, element("p", "not loaded: ", link), class_="photograph remote")


def _facts(one: Captioned) -> Html:
    score = element("span", f"CIDEr-D {one.score:.2f}", class_="score") if one.score is not None else ""
    return element("p", score, element("span", one.name, class_="group", dir="auto"), class_="facts")


def _best(one: Captioned) -> Html:
    return element("p", (one.beams[0][0] if one.beams else "") or "(no words)", class_="caption", dir="auto")


def _beams(one: Captioned) -> Html:
    """All beams with their log-probabilities, in an element that opens on a click."""
    if not one.beams:
        return Html()
    rows = [element("li", element("span", f"{p:.2f}", class_="probability"), text or "(no words)", dir="auto")
            for text, p in one.beams]  # fmt: skip
    title = f"{len(rows)} beams, log-probabilities" if len(rows) > 1 else f"log-probability {one.beams[0][1]:.2f}"
    return _folded(title, joined(rows), "beams")


def _truths(one: Captioned) -> Html:
    if not one.truths:
        return Html()
    rows = joined(element("li", truth, dir="auto") for truth in one.truths)
    return _folded(f"{len(one.truths)} true captions" if len(one.truths) > 1 else "The true caption", rows, "truths")


def _folded(title: str, rows: Html, kind: str) -> Html:
    return element("details", element("summary", title), element("ul", rows), class_=kind)
