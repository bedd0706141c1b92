"""`minigrad data`: makes data for training out of photographs, checks data, and fetches data sets."""

import argparse
from pathlib import Path
from typing import Any

from minigrad.cli import checking, console, preparing
from minigrad.errors import UsageError
from models.data.fetching import COCO, MNIST, PARTS, Progress, fetch_coco, fetch_mnist


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command."""
    parser = subparsers.add_parser(
        "data",
        help="prepare, check and fetch data",
        description="Makes data to train on of photographs and their captions, checks what others made, and gets data "
        "sets, whole and checked.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=type(parser))
    fetch = actions.add_parser(
        "fetch",
        help="MNIST, or COCO 2014 with its captions, into the cache",
        description="Gets MNIST (12 MB) or COCO 2014 with its captions (19 GB) into the cache, and checks every file. "
        "What an interruption leaves of COCO is gone on with.",
    )
    fetch.add_argument("name", choices=("mnist", "coco"), help="which")
    fetch.add_argument("--part", action="append", choices=tuple(PARTS), help="of COCO; repeatable (all)")
    fetch.add_argument("--address", metavar="URL", help="a mirror (checksums stay the same)")
    prepare, check = preparing.add_parser(actions), checking.add_parser(actions)
    for action in (parser, fetch, prepare, check):
        action.add_argument("--json", action="store_true", help="one JSON object", default=argparse.SUPPRESS)
    parser.set_defaults(json=False)


def run(arguments: argparse.Namespace) -> int:
    """Runs the chosen action."""
    return {"fetch": fetched, "prepare": preparing.run, "check": checking.run}[arguments.action](arguments)


def fetched(arguments: argparse.Namespace) -> int:
    """Fetches the files that are not there yet."""
    if arguments.part and arguments.name != "coco":
        raise UsageError("--part is one of COCO's")
    with console.Stages(show=not arguments.json) as report:
        paths = fetched_paths(arguments, lambda name, have, whole: report(name, have, whole or have))
    if arguments.json:
        console.say_json({"written": list(map(str, paths))})
    else:
        console.say("\n".join(map(str, paths)))
    return 0


def fetched_paths(arguments: argparse.Namespace, progress: Progress) -> list[Path]:
    """The files or folders of a data set, after fetching them."""
    if arguments.name == "mnist":
        return fetch_mnist(progress, arguments.address or MNIST)
    return fetch_coco(arguments.part or PARTS, progress, arguments.address or COCO)
