"""`minigrad weights`: shows what a file of weights contains, converts it, and fetches weights."""

import argparse
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.cli import console
from minigrad.op import Array
from models.weights import read_weights, write_weights, zoo
from models.weights.bfloat16 import dtype_name
from models.weights.download import digest
from models.weights.files import ENDINGS, read_stored

_HEADER = ("name", "shape", "dtype", "bytes", "SHA-256")


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command."""
    parser = subparsers.add_parser(
        "weights",
        help="inspect, convert and fetch weights",
        description="Reads weights from safetensors, PyTorch's .pth (without PyTorch, and without running anything in "
        "it), NumPy's .npz and HDF5.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=type(parser))
    inspect = action_parser(actions, "inspect", "names, shapes, dtypes, bytes and checksums of a file's arrays")
    inspect.add_argument("file", type=Path, metavar="FILE", help="safetensors, .pth, .npz or HDF5")
    convert = action_parser(actions, "convert", "write the same arrays in another form")
    convert.add_argument("file", type=Path, metavar="IN", help="safetensors, .pth, .npz or HDF5")
    convert.add_argument("out", type=Path, metavar="OUT", help=f"ends with {', '.join(ENDINGS)}")
    fetch = action_parser(actions, "fetch", "get trained weights from PyTorch's model zoo, or the labels of ImageNet")
    fetch.add_argument("names", nargs="+", metavar="NAME", help=", ".join(zoo.ZOO))
    fetch.add_argument("--address", metavar="URL", help="fetch from a mirror (checksums stay the same)")
    for action in (parser, inspect, convert, fetch):
        action.add_argument("--json", action="store_true", help="one JSON object", default=argparse.SUPPRESS)
    parser.set_defaults(json=False)


def action_parser(actions: Any, name: str, what: str) -> argparse.ArgumentParser:
    """A parser whose own help begins with what the list of actions says of it."""
    return actions.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}.")  # type: ignore[no-any-return]


def run(arguments: argparse.Namespace) -> int:
    """Runs the chosen action and prints its result."""
    found = {"inspect": inspected, "convert": converted, "fetch": fetched}[arguments.action](arguments)
    if arguments.json:
        console.say_json(found)
    else:
        console.say("\n".join(in_words(found)))
    return 0


def inspected(arguments: argparse.Namespace) -> dict[str, Any]:
    """The file and its arrays."""
    arrays = read_stored(arguments.file)
    return {
        "file": str(arguments.file),
        "sha256": digest(arguments.file),
        "arrays": [described(name, array) for name, array in arrays.items()],
        "numbers": sum(array.size for array in arrays.values()),
        "bytes": sum(array.nbytes for array in arrays.values()),
    }


def described(name: str, array: Array) -> dict[str, Any]:
    """An array as it is stored in the file."""
    checksum = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
    return {
        "name": name,
        "shape": list(array.shape),
        "dtype": dtype_name(array.dtype),
        "bytes": array.nbytes,
        "sha256": checksum,
    }


def converted(arguments: argparse.Namespace) -> dict[str, Any]:
    """Writes the arrays to another file."""
    arrays = read_weights(arguments.file)
    write_weights(arguments.out, arrays)
    return {"written": [str(arguments.out)], "arrays": len(arrays)}


def fetched(arguments: argparse.Namespace) -> dict[str, Any]:
    """Fetches the files that are not there yet."""
    with console.Stages(show=not arguments.json) as report:
        paths = [fetched_one(name, arguments.address, report) for name in arguments.names]
    return {"written": list(map(str, paths))}


def fetched_one(name: str, address: str | None, report: console.Reporter) -> Path:
    """Fetches one file, showing its progress."""
    return zoo.fetch_into_cache(name, lambda have, whole: report(f"fetching {name}", have, whole or have), address)


def in_words(found: dict[str, Any]) -> list[str]:
    """The result in words: a table, or where the files are."""
    if "sha256" not in found:
        return found["written"]  # type: ignore[no-any-return]
    rows = [
        (a["name"], "×".join(map(str, a["shape"])) or "()", a["dtype"], f"{a['bytes']:,}", a["sha256"][:12])
        for a in found["arrays"]
    ]
    widths = [max(map(len, column)) for column in zip(_HEADER, *rows, strict=True)]
    lines = [
        "  ".join(
            f"{cell:{'>' if number == 3 else ''}{width}}"
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (_HEADER, *rows)
    ]
    return [
        *lines,
        f"{len(rows)} arrays, {found['numbers']:,} numbers, {found['bytes']:,} bytes; file {found['sha256']}",
    ]
