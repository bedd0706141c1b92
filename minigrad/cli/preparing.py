"""`minigrad data prepare`: from photographs and COCO annotations to the course's four files. Imported by `data`."""

import argparse
from pathlib import Path
from typing import Any

from minigrad.cli import console
from minigrad.cli.options import default_threads
from minigrad.cli.seeing import count, network_of
from minigrad.errors import MissingFileError
from models.data.annotations import held_out, read_annotations
from models.data.encoding import WORDS
from models.data.preparation import Part, Prepared, prepare
from models.data.vocabulary import read_vocabulary
from models.data.writing import Recipe
from models.photo_features import KINDS, PhotoFeatures
from models.weights import zoo

HELD_OUT = 0.1
"""The share of the photographs that is held out if there are no separate annotations for validation."""


def add_parser(actions: Any) -> argparse.ArgumentParser:
    """Adds the action."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "prepare",
        help="photographs and captions to data that `minigrad train --data` takes",
        description="Makes the course's four files of photographs and COCO's caption annotations: words, a vocabulary, "
        "features by a trained network, principal components. What an interruption leaves is gone on with.",
    )
    what = parser.add_argument_group("photographs")
    what.add_argument("--images", type=Path, required=True, metavar="DIR", help="the folder of the photographs")
    what.add_argument(
        "--annotations", type=Path, required=True, metavar="FILE", help="COCO's captions JSON, to train on"
    )
    held = what.add_mutually_exclusive_group()
    held.add_argument("--val", type=Path, metavar="FILE", help="the same of held-out photographs")
    held.add_argument("--held-out", type=float, metavar="SHARE", help=f"hold out so many instead ({HELD_OUT})")
    what.add_argument("--val-images", type=Path, metavar="DIR", help="where the photographs of --val are (--images)")
    what.add_argument("--skip-unreadable", action="store_true", help="leave out what is missing or cannot be read")
    what.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help="the folder to make")
    add_features(parser.add_argument_group("features"))
    add_words(parser.add_argument_group("words"))
    return parser


def add_features(group: argparse._ActionsContainer) -> None:
    """Adds the options for the network and its features."""
    group.add_argument("--features", choices=tuple(KINDS), default="squeezenet", help="of which network (squeezenet)")
    group.add_argument("--weights", metavar="FILE", help="a file, or what was fetched (the network's own)")
    group.add_argument(
        "--components", type=int, metavar="N", help="principal components, 0 for none (512; of a grid 0)"
    )
    group.add_argument("--grid", type=count, metavar="N", help="places along a side (7; for squeezenet-grid)")
    group.add_argument("--threads", type=count, metavar="N", help="parts of the work at once; last bits depend on it")


def add_words(group: argparse._ActionsContainer) -> None:
    """Adds the options for how captions are encoded."""
    usual = Recipe()
    tokens = "as captions are scored (ptb), or as the course's were made: without punctuation (plain)"
    group.add_argument("--words", choices=tuple(WORDS), default=usual.words, help=tokens)
    group.add_argument("--length", type=int, default=usual.length, metavar="N", help=f"tokens ({usual.length})")
    group.add_argument("--long", choices=("leave-out", "cut"), default="leave-out", help="captions that are longer")
    known = group.add_mutually_exclusive_group()
    known.add_argument("--vocabulary", type=Path, metavar="FILE", help="keep to the words of a coco2014_vocab.json")
    known.add_argument("--min-count", type=int, default=usual.min_count, metavar="N",
                       help=f"words that come so often in training captions ({usual.min_count})")  # fmt: skip
    group.add_argument("--most-words", type=count, metavar="N", help="the most frequent of them only")
    group.add_argument("--seed", type=int, default=0, metavar="N", help="of the choice of held-out photographs (0)")


def run(arguments: argparse.Namespace) -> int:
    """Prepares the data."""
    watch = console.Stopwatch()
    recipe = recipe_of(arguments)
    vocabulary = read_vocabulary(existing(arguments.vocabulary)) if arguments.vocabulary else None
    parts = parts_of(arguments)
    features = features_of(arguments)
    watch.lap("reading")
    with console.Stages(show=not arguments.json) as report:
        prepared = prepare(arguments.out, parts, features, recipe, vocabulary, report)
    watch.lap("preparing")
    for finding in prepared.findings:
        console.complain(finding)
    if arguments.json:
        console.say_json({**described(prepared), "seconds": watch.laps})
    else:
        console.say("\n".join(in_words(prepared)))
    return 0


def recipe_of(arguments: argparse.Namespace) -> Recipe:
    """The recipe that the arguments ask for."""
    return Recipe(
        length=arguments.length,
        words=arguments.words,
        min_count=arguments.min_count,
        most_words=arguments.most_words,
        cut=arguments.long == "cut",
        components=arguments.components,
        skip=arguments.skip_unreadable,
        threads=arguments.threads or default_threads(),
    )


def parts_of(arguments: argparse.Namespace) -> dict[str, Part]:
    """The photographs for training and those held out."""
    images = existing_folder(arguments.images)
    annotations = read_annotations(arguments.annotations)
    if arguments.val:
        train, val = annotations, read_annotations(arguments.val)
    else:
        share = HELD_OUT if arguments.held_out is None else arguments.held_out
        train, val = held_out(annotations, share, arguments.seed)
    return {"train": Part(images, train), "val": Part(existing_folder(arguments.val_images or images), val)}


def features_of(arguments: argparse.Namespace) -> PhotoFeatures:
    """The network that computes the features."""
    name = arguments.weights or KINDS[arguments.features].zoo
    path = zoo.find(name) if name in zoo.ZOO else Path(name)
    network, _ = network_of(path)
    return PhotoFeatures(arguments.features, network, arguments.grid, str(path.absolute()))


def existing(path: Path) -> Path:
    """The path; MissingFileError if there is no such file."""
    if not path.is_file():
        raise MissingFileError(f"there is no {path}, which should hold the words: a coco2014_vocab.json")
    return path


def existing_folder(folder: Path) -> Path:
    """The folder; MissingFileError if there is none."""
    if not folder.is_dir():
        raise MissingFileError(f"there is no folder {folder}, which should hold the photographs")
    return folder


def described(prepared: Prepared) -> dict[str, Any]:
    """What was made, for JSON."""
    written = prepared.captions
    return {
        "folder": str(prepared.folder),
        "images": prepared.images,
        "captions": written.counts,
        "words": len(written.vocabulary),
        "unknown": written.unknown,
        "features": prepared.name,
        "shape": prepared.shape,
        "variance_kept": prepared.projection.kept,
        "findings": prepared.findings,
        "written": sorted(map(str, prepared.folder.iterdir())),
    }


def in_words(prepared: Prepared) -> list[str]:
    """What was made, in words."""
    written, kept = prepared.captions, prepared.projection.kept
    counts = (f"{prepared.images[s]} {s} photographs with {n} captions" for s, n in written.counts.items())
    return [
        "; ".join(counts),
        f"{len(written.vocabulary)} words, {100 * written.unknown:.1f} % of the captions' words are <UNK>",
        f"{' × '.join(map(str, prepared.shape))} features a photograph, {100 * kept:.1f} % of the variance",
        f"train on it  minigrad train --data {prepared.folder}",
    ]
