"""What a scene is, and how scenes are drawn at random. Imports NumPy only.

All of `models.data.scenes` may import it.
"""

from dataclasses import dataclass

import numpy as np

COLOURS = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")
SHAPES = ("circle", "square", "triangle", "diamond", "star", "cross")
SIZES = ("small", "big")
PLACES = (
    ("in the top left corner", "at the top", "in the top right corner"),
    ("on the left", "in the centre", "on the right"),
    ("in the bottom left corner", "at the bottom", "in the bottom right corner"),
)
ROLES = {
    "single": ("only",),
    "left-right": ("left", "right"),
    "above-below": ("top", "bottom"),
    "inside": ("inner", "outer"),
    "row": ("left", "middle", "right"),
    "column": ("top", "middle", "bottom"),
}
SHARES = {"single": 0.16, "left-right": 0.20, "above-below": 0.20, "inside": 0.18, "row": 0.13, "column": 0.13}
SIZED = ("single", "left-right", "above-below")
HELD_OUT_ROLES = ("left", "right", "top", "bottom", "inner", "outer")
HELD_OUT_PER_ROLE = 3

Triple = tuple[str, str, str]
"""A role, a colour and a shape: ("left", "red", "star")."""


@dataclass(frozen=True)
class Thing:
    """One object: its colour, its shape, and its size ("" where sizes play no part)."""

    colour: str
    shape: str
    size: str = ""


@dataclass(frozen=True)
class Scene:
    """What a picture shows: its kind (a key of `ROLES`), its things by role in that order, a lone thing's place."""

    kind: str
    things: tuple[Thing, ...]
    place: str = ""

    @property
    def triples(self) -> frozenset[Triple]:
        """The combinations of role, colour and shape in the scene."""
        return frozenset((r, t.colour, t.shape) for r, t in zip(ROLES[self.kind], self.things, strict=True))


def random_scene(rng: np.random.Generator) -> Scene:
    """A random scene: colours differ within it, shapes may repeat."""
    kind = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    colours = rng.permutation(COLOURS)[: len(ROLES[kind])]
    sizes = SIZES if kind in SIZED else ("",)
    things = tuple(Thing(str(colour), _any(SHAPES, rng), _any(sizes, rng)) for colour in colours)
    return Scene(kind, things, _any(sum(PLACES, ()), rng) if kind == "single" else "")


def random_held_out_triples(rng: np.random.Generator) -> frozenset[Triple]:
    """Three pairs of colour and shape for each of six roles, all eighteen pairs different."""
    pairs = [(colour, shape) for colour in COLOURS for shape in SHAPES]
    roles = HELD_OUT_ROLES * HELD_OUT_PER_ROLE
    chosen = rng.permutation(len(pairs))[: len(roles)]
    return frozenset((role, *pairs[index]) for role, index in zip(roles, chosen, strict=True))


def training_scenes(count: int, held_out: frozenset[Triple], rng: np.random.Generator) -> list[Scene]:
    """`count` scenes without any of the held-out triples."""
    scenes: list[Scene] = []
    while len(scenes) < count:
        scene = random_scene(rng)
        if not scene.triples & held_out:
            scenes.append(scene)
    return scenes


def held_out_scenes(
    count: int, held_out: frozenset[Triple], seen: frozenset[Triple], rng: np.random.Generator
) -> list[Scene]:
    """`count` scenes: those in even rows use only triples in `seen`, those in odd rows at least one held-out triple."""
    scenes: list[Scene] = []
    while len(scenes) < count:
        scene = random_scene(rng)
        never_seen = len(scenes) % 2 == 1
        if scene.triples & held_out if never_seen else scene.triples <= seen:
            scenes.append(scene)
    return scenes


def _any(choices: tuple[str, ...], rng: np.random.Generator) -> str:
    return choices[rng.integers(len(choices))]
