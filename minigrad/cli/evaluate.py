"""`minigrad evaluate`: how good a run is on held-out data."""

import argparse
from math import exp
from typing import Any

from minigrad.cli import console
from minigrad.cli.sources import elsewhere, open_source
from models.training import Run, Validation


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command."""
    parser = subparsers.add_parser(
        "evaluate",
        help="how good a run is on held-out data",
        description="The held-out loss a word and the perplexity; for scenes the shares of greedy captions that are "
        "sentences the grammar can produce for the scene, among combinations seen and never seen in training, and the "
        "share that is right when every scene is given another one's features.",
    )
    parser.add_argument("run", metavar="RUN", help="the folder of a run")
    parser.add_argument("--data", metavar="DIR", help="where the run's data is now")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Prints loss, perplexity and the judge's shares."""
    run = Run.open(arguments.run)
    opened = open_source(elsewhere(run.source, arguments.data))
    captioner = run.trained(console.warn)
    validation = Validation(opened.data, opened.scenes)
    found = validation(captioner)
    result = {"val_loss": found.pop("val_loss"), **found}
    result["perplexity"] = exp(result["val_loss"])
    if opened.scenes:
        result["right_with_shuffled_features"] = validation.right(captioner, shuffled=True)["all"]
    if arguments.json:
        console.say_json({"run": str(run.folder), **result})
    else:
        console.say("\n".join(in_words(result)))
    return 0


LABELS = {
    "right": "captions right",
    "right_seen": "  of combinations seen",
    "right_never_seen": "  of combinations never seen",
    "right_with_shuffled_features": "  with another scene's features",
}


def in_words(result: dict[str, float]) -> list[str]:
    """A line for each number."""
    shares = [f"{label:32}{100 * result[key]:6.1f} %" for key, label in LABELS.items() if key in result]
    return [
        f"{'loss, nats a word':32}{result['val_loss']:6.3f}",
        f"{'perplexity':32}{result['perplexity']:6.3f}",
        *shares,
    ]
