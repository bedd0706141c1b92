"""`minigrad fool`: changes pictures imperceptibly so that a network classifies them as something else."""

import argparse
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.cli import console
from minigrad.cli.seeing import Studio, add_common, count, pictures, strength
from minigrad.op import Array
from models.data.imagenet import deprocess, framed, preprocess
from models.data.images import Pixels, read_image
from models.image_gradients import ImageGradient, probabilities
from models.image_synthesis import fooling_image
from viz.heat import difference
from viz.page import Number
from viz.picture_report import Shown, loss_panel

_SUREST = 3
_FACTOR = 10
"""How many times the change is enlarged to make it visible."""


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command."""
    parser = subparsers.add_parser(
        "fool",
        help="make a network see something else",
        description="Changes each picture along the gradient of a class's score until the network takes it for that "
        "class, as a file of 8-bit colours, which is read again and checked. Exits 1 when one did not fool: more "
        "--steps, or a larger --within, may do.",
    )
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="pictures")
    parser.add_argument("--class", dest="targets", action="append", required=True, metavar="CLASS",
                        help="what to be taken for: a number or name; repeatable")  # fmt: skip
    parser.add_argument("--steps", type=count, default=100, metavar="N", help="at most so many (100)")
    parser.add_argument("--lr", type=strength, default=1.0, metavar="X", help="length of a step (1)")
    parser.add_argument("--within", type=change, default=8, metavar="N",
                        help="no colour is changed by more than this, of 255 (8)")  # fmt: skip
    add_common(parser)


def change(text: str) -> int:
    """How much of 255 a colour may be changed by, as an option has it."""
    return count(text, most=255)


def run(arguments: argparse.Namespace) -> int:
    """Makes the pictures; returns 1 if one of them does not fool the network."""
    named = pictures(arguments.images)
    studio = Studio.open(arguments, "fool")
    targets = list(dict.fromkeys(studio.class_number(text) for text in arguments.targets))
    gradient = ImageGradient(studio.network, arguments.eager)
    found = [fooled(studio, gradient, name, framed(image), t) for (name, image), t in product(named, targets)]
    results = [result for result, _ in found]
    if not arguments.json:
        console.say("\n".join(in_words(result) for result in results))
    count = sum(result["fooled"] for result in results)
    share = Number("taken for the class that was asked for", f"{count} of {len(results)}", count / len(results))
    studio.finish("Fooling images", [part for _, part in found], results, [share])
    return int(count < len(results))


def fooled(
    studio: Studio, gradient: ImageGradient, name: str, image: Pixels, target: int
) -> tuple[dict[str, Any], Shown]:
    """One picture made to look like one class: its file, its numbers, and its part of the report."""
    arguments, wanted = studio.arguments, studio.label(target)
    with studio.progress(f"{name} as {wanted}", arguments.steps) as watched:
        x, most = preprocess(image), arguments.steps
        found = fooling_image(gradient, x, target, arguments.lr, most, watched, arguments.within)
    made = deprocess(found.x)[0]
    path = studio.save(f"{name}-as-{wanted}", made)
    before = probabilities(gradient(preprocess(image), [0])[0])[0]
    after = probabilities(gradient(preprocess(framed(read_image(path))), [0])[0])[0]  # as anybody will read it
    views = [
        (f"original: {top(studio, before)}", image),
        (f"fooling: {top(studio, after)}", made),
        (f"difference × {_FACTOR}", difference(image, made, _FACTOR)),
    ]
    result = {
        "picture": name,
        "target": target,
        "label": wanted,
        "was": int(before.argmax()),
        "is": int(after.argmax()),
        "is_label": studio.label(int(after.argmax())),
        "probability": float(after[target]),
        "fooled": int(after.argmax()) == target,
        "iterations": found.iterations,
        "largest_change": int(np.abs(made.astype(int) - image).max()),
        "file": str(path),
    }
    panels = [loss_panel(watched.log, title="−log of the class's probability")]
    lead = f"{outcome(result)}. No colour is changed by more than {result['largest_change']} of 255."
    header = ("taken for", "original", "fooling")
    return result, Shown(f"{name} as {wanted}", lead, views, panels, facts(studio, before, after), header)


def facts(studio: Studio, before: Array, after: Array) -> list[tuple[str, ...]]:
    """The most probable classes before and after the change, with their probabilities."""
    surest = dict.fromkeys(int(k) for likely in (before, after) for k in likely.argsort()[::-1][:_SUREST])
    return [(studio.label(k), f"{100 * before[k]:.1f} %", f"{100 * after[k]:.1f} %") for k in surest]


def top(studio: Studio, likely: Any) -> str:
    """`Egyptian cat 77.8 %`."""
    return f"{studio.label(int(likely.argmax()))} {100 * likely.max():.1f} %"


def in_words(result: dict[str, Any]) -> str:
    """`cat: Taken for pizza after 5 steps, colours changed by at most 8 of 255; runs/fool-1/cat-as-pizza.png`."""
    change = f"colours changed by at most {result['largest_change']} of 255"
    remedy = "" if result["fooled"] else ": more --steps or a larger --within may do"
    return f"{result['picture']}: {outcome(result)}, {change}; {result['file']}{remedy}"


def outcome(result: dict[str, Any]) -> str:
    """`Taken for pizza after 5 steps`, or what else for."""
    taken = "Taken for" if result["fooled"] else f"NOT taken for {result['label']}, but for"
    return f"{taken} {result['is_label']} after {result['iterations']} steps"
