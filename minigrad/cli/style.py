"""`minigrad style`: photographs in the style of a painting, and textures."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from minigrad.cli import console
from minigrad.cli.seeing import Studio, add_common, count, pictures, seed, strength
from minigrad.errors import UsageError
from models.data.imagenet import deprocess, preprocess
from models.data.images import Pixels, resize_shorter
from models.image_optimisation import Descent
from models.style_transfer import Style, style_transfer, texture
from viz.page import Number
from viz.picture_report import FIRST_AND_LAST, Shown, loss_facts, loss_panel

LARGEST, MOST_PIXELS = 1024, 2 * 1024**2
"""Limits on the shorter side and on all pixels: more would not fit into the memory of most machines."""


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command."""
    descent = Descent()
    parser = subparsers.add_parser(
        "style",
        help="a photograph in the style of a painting",
        description="Draws photographs in the style of the last picture named: the deep features of what is drawn are "
        "those of the photograph, their Gram matrices those of the painting. With --texture each picture is a "
        "painting, and what is drawn has its style alone.",
    )
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="photographs, then a painting")
    parser.add_argument("--texture", action="store_true", help="textures of paintings, without a photograph")
    parser.add_argument("--side", type=count, default=256, metavar="N", help="shorter side of the result (256)")
    parser.add_argument("--painting-side", type=count, metavar="N", help="shorter side of the painting (as --side)")
    style = Style()
    for option, value in (("content", style.content_weight), ("style", 1.0), ("tv", style.tv_weight)):
        parser.add_argument(f"--{option}-weight", type=strength, default=value, metavar="X", help=f"({value:g})")
    parser.add_argument("--steps", type=count, default=descent.steps, metavar="N", help=f"({descent.steps})")
    parser.add_argument("--lr", type=strength, default=descent.lr, metavar="X", help=f"Adam's rate ({descent.lr:g})")
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="of the noise that textures come from (0)")
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Makes the pictures."""
    if not arguments.texture and len(arguments.images) < 2:
        raise UsageError("a style needs a photograph and a painting, in this order; --texture needs paintings alone")
    painting_side = arguments.painting_side or arguments.side
    if not 16 <= min(arguments.side, painting_side) <= max(arguments.side, painting_side) <= LARGEST:
        raise UsageError(f"sides of {arguments.side} and {painting_side} pixels: they should be from 16 to {LARGEST}")
    named = pictures(arguments.images)
    studio = Studio.open(arguments, "style")
    paintings = named if arguments.texture else named[-1:]
    painted = [(name, scaled(name, image, painting_side)) for name, image in paintings]
    if arguments.texture:
        found = [textured(studio, *painting) for painting in painted]
    else:
        contents = [(name, scaled(name, image, arguments.side)) for name, image in named[:-1]]
        found = [styled(studio, *content, *painted[-1]) for content in contents]
    results = [result for result, _ in found]
    if not arguments.json:
        console.say("\n".join(f"{r['file']}: {in_words(r)}" for r in results))
    numbers = [number("" if len(found) == 1 else f", {part.title}", result) for result, part in found]
    studio.finish("Textures" if arguments.texture else "Style transfer", [part for _, part in found], results, numbers)
    return 0


def scaled(name: str, image: Pixels, side: int) -> Pixels:
    """The picture scaled to a shorter side; UsageError if its longer side makes it too large."""
    height, width = image.shape[:2]
    size = side**2 * max(height, width) // min(height, width)
    if size > MOST_PIXELS:
        raise UsageError(
            f"{name} would have {size:,} pixels with a shorter side of {side}, and at most {MOST_PIXELS:,} fit into "
            "memory: choose a smaller side"
        )
    return resize_shorter(image, side)


def in_words(result: dict[str, Any]) -> str:
    """`the loss fell by 87.1 %, from 2.31 to 0.298`."""
    first, last = result["first"]["loss"], result["last"]["loss"]
    if last > first:
        return f"THE LOSS ROSE, from {first:.3g} to {last:.3g}: more --steps or a smaller --lr may help"
    share = result["loss_fell_by"] or 0.0
    return f"the loss fell by {100 * share:.1f} %, from {first:.3g} to {last:.3g}"


def number(which: str, result: dict[str, Any]) -> Number:
    """The headline number of a result: the fraction by which its loss fell, or that it rose."""
    first, last, share = result["first"]["loss"], result["last"]["loss"], result["loss_fell_by"] or 0.0
    if last > first:
        return Number(f"rise of the loss{which}", f"{first:.3g} → {last:.3g}")
    return Number(f"fall of the loss{which}", f"{100 * share:.1f} %", share)


def settings(arguments: argparse.Namespace) -> tuple[Style, Descent]:
    """The settings that the options ask for; the course's schedule is stretched over the steps."""
    style, descent, steps = Style(), Descent(), arguments.steps
    weights = tuple(arguments.style_weight * weight for weight in style.style_weights)
    style = replace(
        style, content_weight=arguments.content_weight, style_weights=weights, tv_weight=arguments.tv_weight
    )
    decay_at, free_at = (round(at * steps / descent.steps) for at in (descent.decay_at, descent.free_at))
    return style, replace(descent, steps=steps, lr=arguments.lr, decay_at=decay_at, free_at=free_at)


def styled(
    studio: Studio, name: str, content: Pixels, painting_name: str, painting: Pixels
) -> tuple[dict[str, Any], Shown]:
    """A photograph in the style of a painting: its numbers and its part of the report."""
    style, descent = settings(studio.arguments)
    title = f"{name} as {painting_name}"
    with studio.progress(title, descent.steps) as watched:
        x = style_transfer(
            studio.network, preprocess(content), preprocess(painting), style, descent,
            progress=watched, eager=studio.arguments.eager,
        )  # fmt: skip
    image = deprocess(x)[0]
    views = [("content", content), ("style", painting), ("result", image)]
    terms = ("loss", "content", "style", "variation")
    panels, facts = [loss_panel(watched.log, terms)], loss_facts(watched.log, terms)
    result = {"content": name, "style": painting_name, **losses(studio, title, image, watched)}
    return result, Shown(title, "", views, panels, facts, FIRST_AND_LAST)


def textured(studio: Studio, name: str, painting: Pixels) -> tuple[dict[str, Any], Shown]:
    """A square texture in the style of a painting: its numbers and its part of the report."""
    style, descent = settings(studio.arguments)
    side, title = studio.arguments.side, f"{name} texture"
    with studio.progress(title, descent.steps) as watched:
        x = texture(
            studio.network, preprocess(painting), (side, side), style, descent,
            studio.arguments.seed, watched, studio.arguments.eager,
        )  # fmt: skip
    image = deprocess(x)[0]
    terms = ("loss", "style", "variation")
    panels, facts = [loss_panel(watched.log, terms)], loss_facts(watched.log, terms)
    views = [("painting", painting), ("texture", image)]
    result = {"style": name, **losses(studio, title, image, watched)}
    return result, Shown(title, "", views, panels, facts, FIRST_AND_LAST)


def losses(studio: Studio, title: str, image: Pixels, watched: Any) -> dict[str, Any]:
    """The file of a result, and how its losses fell."""
    return {
        "file": str(studio.save(title, image)),
        "loss_fell_by": watched.fallen,
        "first": watched.log[0],
        "last": watched.log[-1],
    }
