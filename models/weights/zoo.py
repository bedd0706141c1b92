"""The trained networks that can be fetched: PyTorch's own files, at its own addresses; and where they are kept.

The command line imports this.
"""

import difflib
from dataclasses import replace
from pathlib import Path

from minigrad.errors import MissingFileError, UsageError
from models.data.cache import roots, writable_root
from models.weights.download import Progress, Remote, fetch

_ADDRESS = "https://download.pytorch.org/models/"
ZOO = {
    "squeezenet1_1": Remote(f"{_ADDRESS}squeezenet1_1-b8a52dc0.pth", "squeezenet1_1-b8a52dc0.pth", "b8a52dc0"),
    "vgg16": Remote(f"{_ADDRESS}vgg16-397923af.pth", "vgg16-397923af.pth", "397923af"),
    "labels": Remote(
        "https://raw.githubusercontent.com/pytorch/hub/master/imagenet_classes.txt", "imagenet_classes.txt"
    ),
}
"""By name. PyTorch's files have the beginning of their SHA-256 in theirs; the names of the classes have none."""


def fetch_into_cache(name: str, progress: Progress | None = None, address: str | None = None) -> Path:
    """The path of a file of the zoo, fetched where it is not kept yet, from its own address or another one."""
    remote = known(name)
    if address is not None:
        remote = replace(remote, address=address)
    return fetch(remote, folder(writable_root()), progress)


def find(name: str) -> Path:
    """The path of a file of the zoo that is kept; MissingFileError with the command that fetches it."""
    for place in places(name):
        if place.is_file():
            return place
    raise MissingFileError(f"{name} is not here yet (looked for {places(name)[0]}): minigrad weights fetch {name}")


def places(name: str) -> list[Path]:
    """Where a file of the zoo may be kept, the likeliest first."""
    remote = known(name)
    return [folder(root) / remote.name for root in roots()]


def known(name: str) -> Remote:
    """What has a name; UsageError with the nearest one."""
    if name not in ZOO:
        near = difflib.get_close_matches(name, ZOO, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(ZOO)}"
        raise UsageError(f"nothing to fetch is called {name!r}: {hint}")
    return ZOO[name]


def folder(root: Path) -> Path:
    """Where weights are kept under a root of the cache."""
    return root / "weights"
