"""`minigrad caption`: captions by a trained run, for pictures or for rows of prepared features."""

import argparse
from collections.abc import Iterable
from math import exp
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.cli import console, photographs
from minigrad.cli.seeing import count
from minigrad.cli.sources import elsewhere
from minigrad.errors import UsageError
from minigrad.op import Array
from models.data.images import Pixels, read_image, resized
from models.data.scenes import Extractor
from models.data.scenes.picture import SIDE
from models.decode import beam_search
from models.training import EXTRACTOR, Run


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command."""
    parser = subparsers.add_parser(
        "caption",
        help="write captions",
        description="Writes captions of pictures, or of held-out rows of the features that a run was trained on. The "
        "best of several beams comes first, with its log-probability; of a photograph, how sure the run is of each "
        "word, and a report of where in it each word came from.",
    )
    parser.add_argument("run", metavar="RUN", help="the folder of a run")
    parser.add_argument("images", nargs="*", type=Path, metavar="IMAGE", help="pictures, of any size")
    parser.add_argument("--row", type=int, action="append", default=[], metavar="N", help="a held-out row; repeatable")
    beams = f"how many captions to follow and show (1; of photographs {photographs.BEAMS})"
    parser.add_argument("--beams", type=count, metavar="N", help=beams)
    parser.add_argument("--data", metavar="DIR", help="where the run's data is now, for --row")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    photographs.add_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints the captions of all pictures and rows."""
    run = Run.open(arguments.run)
    if not arguments.images and not arguments.row:
        raise UsageError("nothing to caption: name pictures, or held-out rows with --row N")
    captions = []
    if arguments.images:
        of_pictures = of_scenes if run.source.scenes else photographs.captioned
        captions += of_pictures(run, arguments)
    if arguments.row:
        names = [f"row {row}" for row in arguments.row]
        captions += written(run, names, rows_of(run, arguments.row, arguments.data), arguments.beams)
    if arguments.json:
        console.say_json({"run": str(run.folder), "results": captions})
    else:
        console.say("\n".join(line for result in captions for line in in_words(result)))
    return 0


def written(run: Run, names: Iterable[str], features: Array, beams: int | None) -> list[dict[str, Any]]:
    """The captions of features (N, D), the most probable first."""
    found = beam_search(run.trained(console.warn), features, beams=1 if beams is None else beams)
    return [
        {
            "of": name,
            "captions": [{"caption": run.vocabulary.decode(ids), "log_probability": float(p)} for ids, p in best],
        }
        for name, best in zip(names, found, strict=True)
    ]


def of_scenes(run: Run, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """The captions of pictures by a run that was trained on scenes."""
    images = np.stack([picture(path) for path in arguments.images])
    features = Extractor.load(run.folder / EXTRACTOR).embed(images)
    return written(run, map(str, arguments.images), features, arguments.beams)


def picture(path: Path) -> Pixels:
    """A picture's pixels (64, 64, 3); says what had to be changed."""
    image = read_image(path, lambda what: console.complain(f"{path}: {what}"))
    height, width = image.shape[:2]
    if (height, width) == (SIDE, SIDE):
        return image
    console.complain(f"{path}: {width} × {height} pixels scaled to {SIDE} × {SIDE}")
    return resized(image, SIDE, SIDE)


def rows_of(run: Run, rows: list[int], data: str | None) -> Array:
    """The features of held-out rows; UsageError for a row that does not exist."""
    split = elsewhere(run.source, data).open().val
    images = len(split.urls)
    outside = [row for row in rows if not 0 <= row < images]
    if outside:
        raise UsageError(f"there is no held-out row {outside[0]}: rows are 0 to {images - 1}")
    return split.features(np.array(rows))


def in_words(result: dict[str, Any]) -> list[str]:
    """The result as lines: one for a single caption, otherwise a heading and a line for each, with its score."""
    captions = result["captions"]
    lines = [f"{result['of']}: {captions[0]['caption']}"]
    if len(captions) > 1:
        lines = [f"{result['of']}:", *(f"  {c['log_probability']:8.3f}  {c['caption']}" for c in captions)]
    if "words" in captions[0]:
        sure = (f"{w['word']} {100 * exp(w['log_probability']):.0f} %" for w in captions[0]["words"])
        lines.append(f"  {'  '.join(sure)}")
    return [*lines, *(f"look at  {result[key]}" for key in ("report",) if key in result)]
