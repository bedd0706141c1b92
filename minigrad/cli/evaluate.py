"""`minigrad evaluate`: how good a run is on held-out data."""

import argparse
from math import exp
from pathlib import Path
from typing import Any

from minigrad.cli import console
from minigrad.cli.seeing import count
from minigrad.cli.sources import Opened, elsewhere, open_source
from minigrad.cli.written import add_writing, together, written
from models.captioner import Captioner
from models.data.told import told
from models.decode import Captioner as Writer
from models.scores import SCORES, write_results
from models.training import Run, Validation
from models.training.evaluation import loss_per_word
from models.training.scoring import Scoring

RESULTS = "results.json"


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command."""
    parser = subparsers.add_parser(
        "evaluate",
        help="how good a run is on held-out data",
        description="Writes a caption for every held-out image, scores them by BLEU, ROUGE-L and CIDEr-D beside the "
        "captions of the nearest training images and people's own, each against the others, and leaves them in COCO's "
        "results format. Before that the held-out loss a word and the perplexity; for scenes also the shares of greedy "
        "captions that are sentences the grammar can produce for the scene, among combinations seen and never seen in "
        "training, and the share that is right when every scene is given another one's features.",
    )
    add_writing(parser, beams=1)
    parser.add_argument("--annotations", type=Path, metavar="FILE", help="COCO's captions, to score against as written")
    parser.add_argument("--images", type=count, metavar="N", help="score the first N held-out images only")
    parser.add_argument("--results", type=Path, metavar="FILE", help="where the captions go (RUN/results.json)")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Prints the loss, the perplexity, the shares judged right, and the table of scores."""
    run = Run.open(arguments.run)
    opened = open_source(elsewhere(run.source, arguments.data))
    captioner, show = together(run, arguments.others), not arguments.json
    scoring = Scoring(opened.data, told(opened.data, arguments.annotations), arguments.images)
    beams = written(captioner, opened.data, scoring.rows, arguments.beams, show)
    captions = {row: best[0][0] for row, best in beams.items()}
    found = {
        "run": str(run.folder),
        "with": arguments.others,
        **measured(captioner, opened),
        "writing": how(arguments),
        "scores": compared(scoring, captions),
        "neighbours": scoring.number,
        "images": len(captions),
    }
    numbered = {scoring.said.numbers[row]: caption for row, caption in captions.items()}
    found["results"] = str(write_results(arguments.results or run.folder / RESULTS, numbered))
    if arguments.json:
        console.say_json(found)
    else:
        console.say("\n".join([*in_words(found), *score_table(found), "", f"captions  {found['results']}"]))
    return 0


def how(arguments: argparse.Namespace) -> str:
    """By how many runs, and how, the captions were written."""
    who = f"{1 + len(arguments.others)} runs" if arguments.others else "this run"
    return f"{who}, {arguments.beams} beams" if arguments.beams > 1 else f"{who}, greedy"


def measured(captioner: Writer, opened: Opened) -> dict[str, float]:
    """The held-out loss per word (of a single run), and for scenes the shares judged right."""
    validation = Validation(opened.data, opened.scenes)
    shares = validation.shares(captioner)
    shuffled = validation.right(captioner, shuffled=True)
    others = {"right_with_shuffled_features": shuffled["all"]} if shuffled else {}
    if not isinstance(captioner, Captioner):
        return {**shares, **others}
    loss = loss_per_word(captioner, opened.data.val)
    return {"val_loss": loss, "perplexity": exp(loss), **shares, **others}


def compared(scoring: Scoring, captions: dict[int, str]) -> dict[str, dict[str, float]]:
    """The scores of the run, of the nearest neighbours and, if images have several captions, of people."""
    own = scoring.of([caption.split() for caption in captions.values()])
    return {"run": own, "neighbours": scoring.neighbours(), **scoring.people()}


def score_table(found: dict[str, Any]) -> list[str]:
    """A table with a line for each rival, under the names of the scores."""
    k = found["neighbours"]
    labels = {
        "run": found["writing"],
        "neighbours": f"nearest image's caption of {k}" if k > 1 else "nearest image's caption",
        "people": "people",
        "people_in_known_words": "people, words of its vocabulary",
    }
    heading = f"{found['images']} held-out images"
    lines = [f"{heading:32}" + "".join(f"{name:>9}" for name in SCORES)]
    for rival, scores in found["scores"].items():
        lines.append(f"{labels[rival]:32}" + "".join(f"{scores[name]:9.3f}" for name in SCORES))
    return lines


LABELS = {
    "right": "captions right",
    "right_seen": "  of combinations seen",
    "right_never_seen": "  of combinations never seen",
    "right_with_shuffled_features": "  with another scene's features",
}


def in_words(result: dict[str, Any]) -> list[str]:
    """A line for each number, then an empty line."""
    losses = {"val_loss": "loss, nats a word", "perplexity": "perplexity"}
    lines = [f"{label:32}{result[key]:6.3f}" for key, label in losses.items() if key in result]
    lines += [f"{label:32}{100 * result[key]:6.1f} %" for key, label in LABELS.items() if key in result]
    return [*lines, ""] if lines else []
