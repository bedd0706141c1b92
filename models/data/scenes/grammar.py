"""The sentences that are true of a scene: templates, the words in them, and the strict judge.

The opening words of a sentence determine which thing is named first: the leftmost or topmost, unless a cue such as
"inside a" comes before. Whoever writes from left to right therefore never has to guess. May be imported by all of
`models.data.scenes`.
"""

import numpy as np

from models.data.scenes.world import COLOURS, PLACES, SHAPES, SIZES, Scene, Thing

TEMPLATES = {
    "single": (
        "{A} {place}",
        "{A} sits {place}",
        "there is {A} {place}",
        "we see {A} {place}",
        "the picture shows {A} {place}",
        "{place} is {A}",
        "{place} there is {A}",
        "{place} we see {A}",
    ),
    "left-right": (
        "{a} is left of {b}",
        "{a} on the left and {b} on the right",
        "{A} stands left of {B}",
        "there is {a} left of {b}",
        "we see {A} left of {B}",
        "the picture shows {a} left of {b}",
        "on the left {a} and on the right {b}",
        "right of {a} is {b}",
        "left of {b} is {a}",
    ),
    "above-below": (
        "{a} is above {b}",
        "{a} at the top and {b} at the bottom",
        "{A} hangs over {B}",
        "there is {a} above {b}",
        "we see {A} above {B}",
        "the picture shows {a} over {b}",
        "at the top {a} and at the bottom {b}",
        "below {a} is {b}",
        "above {b} is {a}",
    ),
    "inside": (
        "{b} is around {a}",
        "{b} contains {a}",
        "{b} with {a} inside",
        "there is {b} around {a}",
        "we see {b} around {a}",
        "the picture shows {b} with {a} inside",
        "inside {b} is {a}",
        "around {a} is {b}",
    ),
    "row": (
        "from left to right {a} {b} and {c}",
        "from right to left {c} {b} and {a}",
        "a row of {a} {b} and {c}",
        "in a row {a} {b} and {c}",
        "side by side {a} {b} and {c}",
        "{a} {b} and {c} in a row",
        "{a} then {b} then {c} in a row",
        "{a} left of {b} left of {c}",
    ),
    "column": (
        "from top to bottom {a} {b} and {c}",
        "from bottom to top {c} {b} and {a}",
        "a column of {a} {b} and {c}",
        "in a column {a} {b} and {c}",
        "{a} {b} and {c} in a column",
        "{a} then {b} then {c} in a column",
        "{a} above {b} above {c}",
        "{a} over {b} over {c}",
    ),
}
"""For each kind of scene its sentences. {a}, {b}, {c}: its things in the order of roles; {A}, {B}: with their sizes."""

CAPTIONS_PER_SCENE = 5


def sentences(scene: Scene) -> tuple[str, ...]:
    """Every sentence that the grammar can produce for the scene."""
    plain = dict(zip("abc", map(_phrase, scene.things), strict=False))
    sized = dict(zip("ABC", map(_sized_phrase, scene.things), strict=False))
    return tuple(template.format(**plain, **sized, place=scene.place) for template in TEMPLATES[scene.kind])


def captions(scene: Scene, rng: np.random.Generator) -> list[str]:
    """Five sentences about the scene, each from a different template."""
    return [str(sentence) for sentence in rng.permutation(sentences(scene))[:CAPTIONS_PER_SCENE]]


def is_true(caption: str, scene: Scene) -> bool:
    """Whether the caption is, word for word, a sentence that the grammar can produce for the scene."""
    return caption in sentences(scene)


def words() -> list[str]:
    """Every word the grammar can use, in alphabetical order."""
    frames = (template.format(**_GAPS) for templates in TEMPLATES.values() for template in templates)
    phrases = ("a", "an", *COLOURS, *SHAPES, *SIZES, *sum(PLACES, ()))
    return sorted({word for text in (*frames, *phrases) for word in text.split()})


_GAPS = dict.fromkeys((*"abcABC", "place"), "")
_VOWELS = tuple("aeiou")


def _phrase(thing: Thing) -> str:
    """The noun phrase without the size: "an orange star"."""
    return _with_article(f"{thing.colour} {thing.shape}")


def _sized_phrase(thing: Thing) -> str:
    """The noun phrase with the size: "a small orange star"."""
    return _with_article(f"{thing.size} {thing.colour} {thing.shape}")


def _with_article(noun: str) -> str:
    return f"an {noun}" if noun.startswith(_VOWELS) else f"a {noun}"
