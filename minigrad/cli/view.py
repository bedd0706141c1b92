"""`minigrad view`: a page to look through a run's captions of held-out images."""

import argparse
from pathlib import Path
from statistics import fmean
from typing import Any

from minigrad.cli import console
from minigrad.cli.results import data_name
from minigrad.cli.seeing import count
from minigrad.cli.sources import elsewhere, open_source
from minigrad.cli.written import Beams, add_writing, together, written
from minigrad.errors import MinigradError, UsageError
from models.data.images import Pixels, read_image
from models.data.originals import Original, originals
from models.data.told import told
from models.training import Run
from models.training.scoring import Scoring
from viz.caption_viewer import Captioned, write_viewer
from viz.page import Number


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command."""
    parser = subparsers.add_parser(
        "view",
        help="look through a run's captions",
        description="Writes one HTML file, which needs no network, with the captions of held-out images: the beams "
        "with their log-probabilities, people's captions, the score, to search and to sort. Photographs found on this "
        "machine are put into the file; others are shown from their addresses where the browser can load them.",
    )
    add_writing(parser, beams=5)
    parser.add_argument(
        "--photographs", type=Path, metavar="DIR", help="photographs, by the last part of their addresses"
    )
    parser.add_argument("--annotations", type=Path, metavar="FILE", help="COCO's captions, to show and score against")
    parser.add_argument("--images", type=count, default=200, metavar="N", help="the first N held-out images (200)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to (RUN/captions.html)")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Writes the page and prints where it is."""
    if arguments.photographs is not None and not arguments.photographs.is_dir():
        raise UsageError(f"there is no folder {arguments.photographs} of photographs")
    run = Run.open(arguments.run)
    opened = open_source(elsewhere(run.source, arguments.data))
    scoring = Scoring(opened.data, told(opened.data, arguments.annotations), arguments.images)
    captioner = together(run, arguments.others)
    beams = written(captioner, opened.data, scoring.rows, arguments.beams, not arguments.json)
    scores = scoring.each([found[0][0].split() for found in beams.values()])
    captioned = shown(scoring, beams, scores, arguments)
    path = page(run, captioned, scores, arguments)
    pictures = sum(one.image is not None for one in captioned)
    found = {"run": str(run.folder), "page": str(path), "images": len(captioned), "photographs": pictures}
    if arguments.json:
        console.say_json({**found, "CIDEr-D": fmean(scores) if scores else None})
    else:
        console.say(f"{len(captioned)} images, {pictures} with their pictures, CIDEr-D {in_words(scores)}")
        console.say(f"look at  {path}")
    return 0


def shown(
    scoring: Scoring, beams: dict[int, Beams], scores: list[float], arguments: argparse.Namespace
) -> list[Captioned]:
    """What the page shows of each image; people's captions come from the annotations, if given."""
    data, said = scoring.data, scoring.said.captions
    return [
        Captioned(
            f"{one.name}, row {row}" if one.name else f"row {row}",
            beams[row],
            [" ".join(words) for words in said[row]] if arguments.annotations else one.captions,
            scores[number] if scores else None,
            found_image(one, data.folder, arguments.photographs),
            one.address,
        )
        for number, (row, one) in enumerate(zip(scoring.rows, originals(data, "val", scoring.rows), strict=True))
    ]


def page(run: Run, captioned: list[Captioned], scores: list[float], arguments: argparse.Namespace) -> Path:
    """Writes the page."""
    return write_viewer(
        arguments.out or run.folder / "captions.html",
        f"{data_name(run)}: what {run.folder.name} writes",
        captioned,
        lead=f"The likeliest caption of each of {len(captioned)} held-out images, found by {arguments.beams} beams, "
        "and its CIDEr-D against people's captions.",
        numbers=[Number("CIDEr-D", in_words(scores)), Number("held-out images", f"{len(captioned):,}")],
    )


def in_words(scores: list[float]) -> str:
    """The mean score; a single held-out image has none."""
    return f"{fmean(scores):.3f}" if scores else "unknown"


def found_image(original: Original, data: Path, folder: Path | None) -> Pixels | None:
    """The original's picture: its own, one in the data's folder, or one of this name in `folder`."""
    if original.image is not None:
        return original.image
    places = [] if "://" in original.address else [data / original.address]
    places += [folder / original.address.rsplit("/", 1)[-1]] if folder else []
    for place in places:
        if place.is_file():
            try:
                return read_image(place)
            except MinigradError as error:
                console.warn(str(error))
    return None
