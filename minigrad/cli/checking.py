"""`minigrad data check`: everything that is wrong with a folder of data, and a page about it. Imported by `data`."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.cli import console
from minigrad.cli.folders import next_folder
from minigrad.cli.seeing import count
from models.data.checking import SPLITS, Checked, check
from models.data.coco import CaptionData
from models.data.originals import originals
from viz.page import Number, Section, table, write_page
from viz.photograph_cards import Card, photograph_cards

SHOWN = 24
"""How many images of each split the page shows."""


def add_parser(actions: Any) -> argparse.ArgumentParser:
    """Adds the action."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "check",
        help="everything that is wrong with a folder of data, and a page of what is in it",
        description="Checks every file of a folder in the course's schema and tells all faults, not only the first. "
        "Exits 1 where there are some. The page shows photographs, or their addresses, with their captions.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the folder")
    parser.add_argument("--features", metavar="NAME", help="only these of its features")
    parser.add_argument("--images", type=count, default=SHOWN, metavar="N", help=f"of each split on the page ({SHOWN})")
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", help="the page (a new folder in runs)")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Prints what was found, and writes the page if the data can be read."""
    found = check(arguments.folder, arguments.features)
    page = written(arguments, found.data, found.remarks) if found.data else None
    if arguments.json:
        facts = {} if found.data is None else dict(facts_of(found.data))
        told = {"faults": found.faults, "remarks": found.remarks, "facts": facts, "page": page}
        console.say_json({"folder": str(arguments.folder), **told})
    else:
        console.say("\n".join(in_words(found, page)))
    return int(bool(found.faults))


def in_words(found: Checked, page: Path | None) -> list[str]:
    """A line for each fault, and what the data contains."""
    numbered = [f"{number}. {fault}" for number, fault in enumerate(found.faults, 1)]
    facts = [] if found.data is None else [f"{name}: {value}" for name, value in facts_of(found.data)]
    return [
        *numbered,
        *facts,
        *(f"note: {remark}" for remark in found.remarks),
        *([f"look at  {page}"] if page else []),
    ]


def facts_of(data: CaptionData) -> list[tuple[str, str]]:
    """What the data contains, as names and values."""
    shape = " × ".join(map(str, data.train.feature_shape))
    lengths = np.concatenate([data.train.lengths, data.val.lengths])
    ids = np.concatenate([data.train.captions.ravel(), data.val.captions.ravel()])
    words = ids[~np.isin(ids, [data.vocabulary.null, data.vocabulary.start, data.vocabulary.end])]
    return [
        ("images", f"{len(data.train.urls):,} to train on, {len(data.val.urls):,} held out"),
        ("captions", f"{len(data.train):,} to train on, {len(data.val):,} held out"),
        ("words", f"{len(data.vocabulary):,}; {100 * float((words == data.vocabulary.unk).mean()):.1f} % are <UNK>"),
        ("tokens of a caption", f"{data.train.captions.shape[1]}, {lengths.mean():.1f} on average"),
        ("features", f"{data.feature_name}, {shape} an image"),
    ]


def written(arguments: argparse.Namespace, data: CaptionData, remarks: tuple[str, ...]) -> Path:
    """Writes the page and returns its path."""
    path = arguments.out or next_folder("data") / "check.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    cards = [card for split in SPLITS for card in cards_of(data, split, arguments.images)]
    facts = [*facts_of(data), *(("note", remark) for remark in remarks)]
    lead = "Some of each split, with what people said of them."
    if all(card.image is None for card in cards):
        lead += " The pictures themselves are not here, only their addresses."
    sections = [Section("Images", lead, [photograph_cards(cards)]), Section("What there is", "", [table(facts)])]
    numbers = [Number("images", f"{len(data.train.urls) + len(data.val.urls):,}"),
               Number("captions", f"{len(data.train) + len(data.val):,}"),
               Number("words", f"{len(data.vocabulary):,}")]  # fmt: skip
    return write_page(path, data.folder.absolute().name, kind="Data", numbers=numbers, sections=sections)


def cards_of(data: CaptionData, split: str, most: int) -> list[Card]:
    """Some images of a split, spread evenly over it."""
    images = len(getattr(data, split).urls)
    rows = [int(row) for row in np.linspace(0, images - 1, min(most, images))]
    group = {"train": "trained on", "val": "held out"}[split]
    return [Card(o.image, o.address, o.captions, group) for o in originals(data, split, rows)]
