"""`minigrad visualize-class`: pictures that a network classifies as a given class."""

import argparse
from typing import Any

from minigrad.cli import console
from minigrad.cli.seeing import Studio, add_common, count, seed, strength
from models.data.imagenet import SIDE, deprocess
from models.image_gradients import ImageGradient
from models.image_synthesis import Visualization, class_visualization
from viz.curves import Line, Panel
from viz.picture_report import Shown, loss_panel


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command."""
    how = Visualization()
    parser = subparsers.add_parser(
        "visualize-class",
        help="what a network takes for a class",
        description="Seeks from noise a picture that the network is sure of: its score's gradient is followed, the "
        "picture is shifted and blurred a little on the way, and held between black and white.",
    )
    parser.add_argument("classes", nargs="+", metavar="CLASS", help="numbers or names")
    parser.add_argument("--steps", type=count, default=how.steps, metavar="N", help=f"({how.steps})")
    parser.add_argument("--lr", type=strength, default=how.lr, metavar="X", help=f"length of a step ({how.lr:g})")
    parser.add_argument("--l2", type=strength, default=how.l2, metavar="X", help=f"weight of Σ x² ({how.l2:g})")
    parser.add_argument("--side", type=side, default=SIDE, metavar="N", help=f"pixels ({SIDE})")
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="of the noise and the shifts (0)")
    add_common(parser)


def side(text: str) -> int:
    """Pixels on a side, as an option has them: of fewer, poolings would leave nothing."""
    return count(text, least=32, most=1024)


def run(arguments: argparse.Namespace) -> int:
    """Makes the pictures."""
    studio = Studio.open(arguments, "visualize-class")
    targets = list(dict.fromkeys(studio.class_number(text) for text in arguments.classes))
    gradient = ImageGradient(studio.network, arguments.eager)
    found = [visualized(studio, gradient, target) for target in targets]
    results = [result for result, _ in found]
    if not arguments.json:
        console.say("\n".join(f"{r['label']}: probability {r['probability']:.4f}; {r['file']}" for r in results))
    studio.finish("Class visualisation", [part for _, part in found], results)
    return 0


def visualized(studio: Studio, gradient: ImageGradient, target: int) -> tuple[dict[str, Any], Shown]:
    """One class: its file, its numbers, and its part of the report."""
    arguments, label = studio.arguments, studio.label(target)
    how = Visualization(arguments.steps, arguments.lr, arguments.l2)
    with studio.progress(label, arguments.steps) as watched:
        x = class_visualization(gradient, target, how, arguments.side, arguments.seed, watched)
    image = deprocess(x)[0]
    last = watched.log[-1]
    result = {
        "class": target,
        "label": label,
        "probability": last["probability"],
        "loss_fell_by": watched.fallen,
        "file": str(studio.save(label, image)),
    }
    lead = f"Score {watched.log[0]['score']:.1f} in the noise, {last['score']:.1f} in the picture."
    panels = [
        loss_panel(watched.log, title="−log of the class's probability"),
        Panel("Score", (Line.of(watched.log, "score", "score"),)),
    ]
    return result, Shown(label, lead, [(f"{label} {100 * last['probability']:.1f} %", image)], panels)
