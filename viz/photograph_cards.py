"""Photographs with the captions people wrote for them, as cards of a page.

Imports `image_grid`, `markup` and `page`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from viz.image_grid import Image
from viz.markup import Html, element
from viz.page import address_link, choice, image_element

_LONGEST = 360
"""Pixels of a photograph on a card."""


@dataclass(frozen=True, eq=False)
class Card:
    """A photograph (None if only its address is known), its captions, and its group."""

    image: Image | None
    address: str
    captions: Sequence[str]
    group: str


def photograph_cards(cards: Sequence[Card]) -> Html:
    """The photographs as a list of cards, preceded by radio buttons that choose a group."""
    groups = tuple(dict.fromkeys(card.group for card in cards))
    options = {"every": "All", **{f"group-{number}": group for number, group in enumerate(groups)}}
    items = [_item(card, number, groups) for number, card in enumerate(cards, 1)]
    buttons = [choice("group", "Show", options)] if len(groups) > 1 else []
    return element("div", *buttons, element("ul", *items, class_="cards"), class_="samples")


def _item(card: Card, number: int, groups: Sequence[str]) -> Html:
    alt = f"Photograph {number}: {card.captions[0]}" if card.captions else f"Photograph {number}"
    image = image_element(card.image, alt, _LONGEST) if card.image is not None else ""
    name = address_link(card.address) or element("span", card.address.rsplit("/", 1)[-1])
    facts = element("p", name, element("span", card.group, class_="group"), class_="facts")
    said = element("ul", *(element("li", caption, dir="auto") for caption in card.captions), class_="said")
    return element(
        "li", image, element("div", facts, said, class_="text"), class_=f"card group-{groups.index(card.group)}"
    )
