"""Gets MNIST's four files, and says where they are kept. The command line imports this."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from minigrad.errors import DataError, MissingFileError
from models.data.cache import roots, writable_root
from models.data.mnist import CHECKSUMS, uncompressed
from models.weights.download import Remote, fetch

ADDRESS = "https://ossci-datasets.s3.amazonaws.com/mnist/"
"""Where PyTorch gets them."""

Progress = Callable[[str, int, int | None], None]
"""Called with a file's name, the bytes that are there, and of how many, where the server says that."""


def fetch_mnist(progress: Progress | None = None, address: str = ADDRESS) -> list[Path]:
    """The paths of the four gzipped files in the cache, fetched where they are not there.

    Each is checked by the SHA-256 of its uncompressed content: DataError, and the file is not kept, where it differs.
    """
    folder = writable_root() / "mnist"
    return [fetch_one(f"{name}.gz", digest, folder, progress, address) for name, digest in CHECKSUMS.items()]


def fetch_one(name: str, digest: str, folder: Path, progress: Progress | None, address: str) -> Path:
    """One of them."""
    remote = Remote(f"{address.rstrip('/')}/{name}", name)
    path = fetch(remote, folder, (lambda have, whole: progress(name, have, whole)) if progress else None)
    try:
        refuse_other(path, digest)
    except DataError:
        path.unlink()
        raise
    return path


def refuse_other(path: Path, digest: str) -> None:
    """DataError for content with another checksum."""
    found = hashlib.sha256(uncompressed(path)).hexdigest()
    if found != digest:
        raise DataError(f"{path} has content with the SHA-256 {found}, and MNIST's is {digest}: it is not kept")


def find_mnist() -> Path:
    """The folder of the fetched files; MissingFileError with the command that fetches them."""
    places = [root / "mnist" for root in roots()]
    for place in places:
        if all((place / f"{name}.gz").is_file() for name in CHECKSUMS):
            return place
    raise MissingFileError(f"MNIST is not here yet (looked for {places[0]}): minigrad data fetch mnist")
