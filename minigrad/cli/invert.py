"""`minigrad invert`: reconstructs pictures from the features of a network's layer."""

import argparse
from pathlib import Path
from typing import Any

from minigrad.cli import console
from minigrad.cli.seeing import Studio, add_common, count, pictures, seed, strength
from models.data.imagenet import deprocess, framed, preprocess
from models.data.images import Pixels
from models.image_synthesis import Inversion, feature_inversion
from viz.picture_report import Shown, loss_panel


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command."""
    how = Inversion()
    parser = subparsers.add_parser(
        "invert",
        help="a picture from a layer's features",
        description="Seeks from noise a picture of which a layer makes the same as of the one given: what can be seen "
        "in it is what the layer still knows. Deeper layers know less of places and colours.",
    )
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="pictures")
    parser.add_argument("--layer", action="append", metavar="NAME", help=f"repeatable ({how.layer})")
    parser.add_argument("--steps", type=count, default=how.steps, metavar="N", help=f"({how.steps})")
    parser.add_argument("--lr", type=strength, default=how.lr, metavar="X", help=f"Adam's rate ({how.lr:g})")
    tv = f"weight of total variation ({how.tv_weight:g})"
    parser.add_argument("--tv-weight", type=strength, default=how.tv_weight, metavar="X", help=tv)
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="of the noise (0)")
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Makes the pictures."""
    named = pictures(arguments.images)
    studio = Studio.open(arguments, "invert")
    layers = list(dict.fromkeys(arguments.layer or [Inversion().layer]))
    studio.network.require(layers)  # before minutes are spent on those before it
    shown, results = [], []
    for name, image in named:
        found = [inverted(studio, name, framed(image), layer) for layer in layers]
        results += [result for result, _, _ in found]
        views = [("original", framed(image)), *((caption(result), made) for result, made, _ in found)]
        panels = [
            loss_panel(log, ("loss", "features", "variation"), f"Loss, {result['layer']}") for result, _, log in found
        ]
        shown.append(Shown(name, "What each layer still knows.", views, panels))
    if not arguments.json:
        console.say("\n".join(f"{r['file']}: features differ by {100 * r['error']:.1f} %" for r in results))
    studio.finish("Feature inversion", shown, results)
    return 0


def caption(result: dict[str, Any]) -> str:
    """`features.6: features differ by 12.3 %`."""
    return f"{result['layer']}: features differ by {100 * result['error']:.1f} %"


def inverted(studio: Studio, name: str, image: Pixels, layer: str) -> tuple[dict[str, Any], Pixels, Any]:
    """One picture from one layer: its numbers, its pixels, and the log of the descent."""
    arguments = studio.arguments
    how = Inversion(layer, arguments.tv_weight, arguments.steps, arguments.lr)
    with studio.progress(f"{name} from {layer}", arguments.steps) as watched:
        x = feature_inversion(studio.network, preprocess(image), how, arguments.seed, watched, arguments.eager)
    made = deprocess(x)[0]
    result = {
        "picture": name,
        "layer": layer,
        "error": watched.log[-1]["features"],
        "loss_fell_by": watched.fallen,
        "file": str(studio.save(f"{name}-{layer}", made)),
    }
    return result, made, watched.log
