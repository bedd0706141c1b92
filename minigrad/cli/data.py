"""`minigrad data fetch mnist`: data sets that are fetched rather than drawn."""

import argparse
from typing import Any

from minigrad.cli import console
from models.data.fetching import ADDRESS, fetch_mnist


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command."""
    parser = subparsers.add_parser("data", help="fetch data", description="Gets data sets, whole and checked.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=type(parser))
    fetch = actions.add_parser("fetch", help="MNIST's four files, into the cache")
    fetch.add_argument("name", choices=("mnist",))
    fetch.add_argument("--address", default=ADDRESS, metavar="URL", help="a mirror (checksums stay the same)")
    for action in (parser, fetch):
        action.add_argument("--json", action="store_true", help="one JSON object", default=argparse.SUPPRESS)
    parser.set_defaults(json=False)


def run(arguments: argparse.Namespace) -> int:
    """Fetches what is not there yet."""
    with console.Stages(show=not arguments.json) as report:
        paths = fetch_mnist(lambda name, have, whole: report(name, have, whole or have), arguments.address)
    if arguments.json:
        console.say_json({"written": list(map(str, paths))})
    else:
        console.say("\n".join(map(str, paths)))
    return 0
