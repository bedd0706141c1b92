"""`minigrad saliency`: on which pixels of a picture the score of a class depends."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.cli import console
from minigrad.cli.seeing import TOO_LARGE, Studio, add_common, pictures
from minigrad.errors import NotFiniteError
from minigrad.op import Array
from models.data.imagenet import framed, preprocess
from models.data.images import Pixels
from models.image_gradients import (
    ImageGradient,
    integrated_gradients,
    probabilities,
    saliency,
    smooth_grad,
    strength,
)
from viz.heat import heat, overlay
from viz.picture_report import Shown

METHODS = {
    "gradient": "|∂score/∂pixel|, the largest of its colours",
    "smooth": "SmoothGrad: the gradient's mean over noisy copies",
    "integrated": "integrated gradients: they add up to the score less that of the mean colour alone",
}


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command."""
    parser = subparsers.add_parser(
        "saliency",
        help="where a network looks",
        description="Draws for each picture a map of the pixels that the score of a class depends on, and the map over "
        "the picture. Pictures are scaled and cropped to the network's size, unless they have it.",
    )
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="pictures")
    parser.add_argument("--class", dest="label", metavar="CLASS", help="a number or name (the most likely)")
    methods = "; ".join(f"{name}: {what}" for name, what in METHODS.items())
    parser.add_argument("--method", choices=tuple(METHODS), default="gradient", help=methods)
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Draws the maps."""
    named = pictures(arguments.images)
    studio = Studio.open(arguments, "saliency")
    gradient = ImageGradient(studio.network, arguments.eager)
    shown, results = [], []
    with console.Progress("saliency", len(named), show=not arguments.json) as progress, np.errstate(all="ignore"):
        for number, (name, image) in enumerate(named, 1):
            result, part = mapped(studio, gradient, name, framed(image))
            results.append(result)
            shown.append(part)
            progress.at(number, name)
    if not arguments.json:
        console.say("\n".join(in_words(result) for result in results))
    studio.finish("Saliency", shown, results)
    return 0


def mapped(studio: Studio, gradient: ImageGradient, name: str, image: Pixels) -> tuple[dict[str, Any], Shown]:
    """The map of one picture: its files, its numbers, and its part of the report."""
    x = preprocess(image)
    likely = probabilities(gradient(x, [0])[0])[0]
    if not np.isfinite(likely).all():  # what overflows is found here, in words of ours
        raise NotFiniteError(f"{name}: the network's scores are not finite: {studio.arguments.weights} {TOO_LARGE}")
    asked = studio.arguments.label
    label = int(likely.argmax()) if asked is None else studio.class_number(asked)
    values, gap = attributed(gradient, x, label, studio.arguments.method)
    views = {"picture": image, "map": heat(values), "overlay": overlay(image, values)}
    captions = (
        "as the network sees it",
        "bright: the score depends on it much",
        "the same, smoothed, over the picture",
    )
    files = {kind: str(studio.save(f"{name}-{kind}", view)) for kind, view in views.items()}
    result = {
        "picture": name,
        "class": label,
        "label": studio.label(label),
        "probability": float(likely[label]),
        "method": studio.arguments.method,
        **({} if gap is None else {"completeness_gap": gap}),
        "files": files,
    }
    top = [(studio.label(int(k)), f"{100 * likely[k]:.1f} %") for k in likely.argsort()[::-1][:5]]
    method = METHODS[studio.arguments.method]
    lead = f"The score of {studio.label(label)}. {method[0].upper()}{method[1:]}."
    shown = list(zip(captions, views.values(), strict=True))
    return result, Shown(name, lead, shown, facts=top, header=("taken for", "probability"))


def attributed(gradient: ImageGradient, x: Array, label: int, method: str) -> tuple[Array, float | None]:
    """The map (H, W) by the chosen method, and for integrated gradients the relative error of their sum."""
    if method == "smooth":
        return strength(smooth_grad(gradient, x, label))[0], None
    if method == "integrated":
        found = integrated_gradients(gradient, x, label)
        return strength(found.values)[0], found.gap
    return saliency(gradient, x, [label])[0], None


def in_words(result: dict[str, Any]) -> str:
    """`cat: Egyptian cat 77.8 %; runs/saliency-1/cat-overlay.png`."""
    gap = f", parts add up within {100 * result['completeness_gap']:.2g} %" if "completeness_gap" in result else ""
    sure = f"{result['label']} {100 * result['probability']:.1f} %"
    return f"{result['picture']}: {sure}{gap}; {result['files']['overlay']}"
