"""The trained networks that can be downloaded (PyTorch's own files from its own addresses) and where they are kept.

The command line imports this.
"""

import difflib
from dataclasses import replace
from pathlib import Path

from minigrad.errors import UsageError
from models.data.cache import fetched, roots, writable_root
from models.weights.download import Progress, Remote, fetch

_FOLDER = "weights"
"""The name of the folder in the cache."""
_ADDRESS = "https://download.pytorch.org/models/"
ZOO = {
    "squeezenet1_1": Remote(f"{_ADDRESS}squeezenet1_1-b8a52dc0.pth", "squeezenet1_1-b8a52dc0.pth", "b8a52dc0"),
    "vgg16": Remote(f"{_ADDRESS}vgg16-397923af.pth", "vgg16-397923af.pth", "397923af"),
    "labels": Remote(
        "https://raw.githubusercontent.com/pytorch/hub/master/imagenet_classes.txt", "imagenet_classes.txt"
    ),
}
"""The files by name. PyTorch's file names contain the first digits of their SHA-256; the class names' file has none."""


def fetch_into_cache(name: str, progress: Progress | None = None, address: str | None = None) -> Path:
    """The path of one of the zoo's files, downloaded if it is not kept yet; `address` replaces the file's own."""
    remote = known(name)
    if address is not None:
        remote = replace(remote, address=address)
    return fetch(remote, writable_root() / _FOLDER, progress)


def find(name: str) -> Path:
    """The path of a downloaded file. Raises MissingFileError naming the command that downloads it."""
    file = known(name).name
    return fetched(_FOLDER, [file], name, f"minigrad weights fetch {name}") / file


def places(name: str) -> list[Path]:
    """Where a file of the zoo may be kept, the likeliest first."""
    return [root / _FOLDER / known(name).name for root in roots()]


def known(name: str) -> Remote:
    """The file with this name. Raises UsageError suggesting the nearest name."""
    if name not in ZOO:
        near = difflib.get_close_matches(name, ZOO, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(ZOO)}"
        raise UsageError(f"nothing to fetch is called {name!r}: {hint}")
    return ZOO[name]
