"""`minigrad data`: photographs made into data to train on, data that is checked, and data sets that are fetched."""

import argparse
from typing import Any

from minigrad.cli import checking, console, preparing
from models.data.fetching import ADDRESS, fetch_mnist


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command."""
    parser = subparsers.add_parser(
        "data",
        help="prepare, check and fetch data",
        description="Makes data to train on of photographs and their captions, checks what others made, and gets data "
        "sets, whole and checked.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=type(parser))
    fetch = actions.add_parser("fetch", help="MNIST's four files, into the cache")
    fetch.add_argument("name", choices=("mnist",))
    fetch.add_argument("--address", default=ADDRESS, metavar="URL", help="a mirror (checksums stay the same)")
    prepare, check = preparing.add_parser(actions), checking.add_parser(actions)
    for action in (parser, fetch, prepare, check):
        action.add_argument("--json", action="store_true", help="one JSON object", default=argparse.SUPPRESS)
    parser.set_defaults(json=False)


def run(arguments: argparse.Namespace) -> int:
    """Does what was asked for."""
    return {"fetch": fetched, "prepare": preparing.run, "check": checking.run}[arguments.action](arguments)


def fetched(arguments: argparse.Namespace) -> int:
    """Fetches what is not there yet."""
    with console.Stages(show=not arguments.json) as report:
        paths = fetch_mnist(lambda name, have, whole: report(name, have, whole or have), arguments.address)
    if arguments.json:
        console.say_json({"written": list(map(str, paths))})
    else:
        console.say("\n".join(map(str, paths)))
    return 0
