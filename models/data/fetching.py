"""Downloads data sets from where they are published into the cache. The command line imports this."""

from collections.abc import Callable, Iterable
from pathlib import Path

from models.data.cache import fetched, writable_root
from models.data.mnist import CHECKSUMS
from models.data.unpacking import unpacked
from models.weights.download import Remote, fetch

_MNIST = "mnist"
"""The name of MNIST's folder in the cache."""
MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
"""The address from which PyTorch downloads MNIST."""
COCO = "http://images.cocodataset.org/"
PARTS = {
    "annotations": ("annotations/annotations_trainval2014.zip", "0a379cfc70b0e71301e0f377548639bd"),
    "train2014": ("zips/train2014.zip", "0da8c0bd3d6becc4dcb32757491aca88"),
    "val2014": ("zips/val2014.zip", "a3d79f5ed8d289b7a7554ce06a5782b3"),
}
"""COCO 2014, by the folder that each archive holds: its address there, and its MD5; 0.2, 13 and 6 GB."""

Progress = Callable[[str, int, int | None], None]
"""Called with a file's name, the bytes or files received, and the total if the server states it."""


def fetch_mnist(progress: Progress | None = None, address: str = MNIST) -> list[Path]:
    """The paths of MNIST's four gzipped files in the cache, downloaded if they are missing.

    The uncompressed content of each is checked by SHA-256; on a difference the file is dropped and DataError raised.
    """
    folder = writable_root() / _MNIST
    remotes = [
        Remote(f"{address.rstrip('/')}/{name}.gz", f"{name}.gz", digest, "SHA-256 unzipped")
        for name, digest in CHECKSUMS.items()
    ]
    return [fetch(remote, folder, told(progress, remote.name)) for remote in remotes]


def fetch_coco(parts: Iterable[str] = PARTS, progress: Progress | None = None, address: str = COCO) -> list[Path]:
    """The folders of parts of COCO 2014 in the cache, downloaded and unpacked if they are missing.

    What was downloaded or unpacked before an interruption is kept. Archives are checked by MD5, the only checksum
    published, and removed once unpacked.
    """
    folder = writable_root() / "coco2014"
    return [fetch_part(folder, part, progress, address) for part in parts]


def fetch_part(folder: Path, part: str, progress: Progress | None, address: str) -> Path:
    """The folder of one part of COCO 2014, downloaded and unpacked if it is missing."""
    if (folder / part).is_dir():
        return folder / part
    there, digest = PARTS[part]
    remote = Remote(f"{address.rstrip('/')}/{there}", there.rsplit("/", 1)[-1], digest, "MD5")
    archive = fetch(remote, folder, told(progress, remote.name))
    found = unpacked(archive, part, folder / part, told(progress, f"unpacking {remote.name}"))
    archive.unlink()
    return found


def told(progress: Progress | None, name: str) -> Callable[[int, int | None], None] | None:
    """A progress function for one file, labelled with its name."""
    return (lambda have, whole: progress(name, have, whole)) if progress else None


def find_mnist() -> Path:
    """The folder of the downloaded files. Raises MissingFileError naming the command that downloads them."""
    return fetched(_MNIST, (f"{name}.gz" for name in CHECKSUMS), "MNIST", "minigrad data fetch mnist")
