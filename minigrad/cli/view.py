"""`minigrad view`: a page to look through what a run writes about held-out images."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minigrad.cli import console
from minigrad.cli.results import data_name
from minigrad.cli.sources import Opened, elsewhere, open_source
from minigrad.cli.written import written
from minigrad.errors import MinigradError, UsageError
from models.data.images import Pixels, read_image
from models.scores import CiderD
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
    parser.add_argument("run", metavar="RUN", help="the folder of a run")
    parser.add_argument("--data", metavar="DIR", help="where the run's data is now")
    parser.add_argument(
        "--photographs", type=Path, metavar="DIR", help="photographs, by the last part of their addresses"
    )
    parser.add_argument("--images", type=int, default=200, metavar="N", help="the first N held-out images (200)")
    parser.add_argument("--beams", type=int, default=5, metavar="N", help="captions to follow and show (5)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to (RUN/captions.html)")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Writes the page and says where it is."""
    if arguments.photographs is not None and not arguments.photographs.is_dir():
        raise UsageError(f"there is no folder {arguments.photographs} of photographs")
    run = Run.open(arguments.run)
    opened = open_source(elsewhere(run.source, arguments.data))
    scoring = Scoring(opened.data, images=arguments.images)
    beams = written(run.trained(console.warn), opened.data, scoring.rows, arguments.beams, not arguments.json)
    cider = CiderD(scoring.references)
    scores = cider.each(found[0][0].split() for found in beams.values())
    pictures = images(opened, scoring.rows, arguments.photographs)
    captioned = [
        Captioned(f"row {row}", beams[row], truths, float(score), image, opened.data.val.urls[row])
        for row, truths, score, image in zip(scoring.rows, scoring.captions, scores, pictures, strict=True)
    ]
    path = write_viewer(
        arguments.out or run.folder / "captions.html",
        f"{data_name(run)}: what {run.folder.name} writes",
        captioned,
        lead=f"The likeliest caption of each of {len(captioned)} held-out images, found by {arguments.beams} beams, "
        "and its CIDEr-D against people's captions.",
        numbers=[Number("CIDEr-D", f"{scores.mean():.3f}"), Number("held-out images", f"{len(captioned):,}")],
    )
    shown = sum(one.image is not None for one in captioned)
    found = {"run": str(run.folder), "page": str(path), "images": len(captioned), "photographs": shown}
    if arguments.json:
        console.say_json({**found, "CIDEr-D": float(scores.mean())})
    else:
        console.say(f"{len(captioned)} images, {shown} with their pictures, CIDEr-D {scores.mean():.3f}")
        console.say(f"look at  {path}")
    return 0


def images(opened: Opened, rows: list[int], folder: Path | None) -> Iterator[Pixels | None]:
    """Each row's picture, where there is one on this machine."""
    if opened.scenes is not None:
        yield from opened.scenes.images("val", rows)
        return
    for row in rows:
        yield photograph(opened.data.val.urls[row], opened.data.folder, folder)


def photograph(address: str, data: Path, folder: Path | None) -> Pixels | None:
    """The photograph of an address: a path, from the data's folder on, or a file of that name in a folder."""
    places = [] if "://" in address else [data / address]
    places += [folder / address.rsplit("/", 1)[-1]] if folder else []
    for place in places:
        if place.is_file():
            try:
                return read_image(place)
            except MinigradError as error:
                console.warn(str(error))
    return None
