"""Where built data is kept between runs, so that the scenes are drawn once (and again when the program changes).

Imports `models.data.scenes`; the command line uses it.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from minigrad.errors import MissingFileError
from models.data import scenes
from models.data.progress import Progress


def scenes_folder(seed: int = 0, progress: Progress | None = None) -> Path:
    """The folder of the scenes of a seed; builds it first if it does not exist (165 MB, half a minute)."""
    found = find_scenes(seed)
    if found is not None:
        return found
    folder = writable_root() / scenes_name(seed)
    try:
        return scenes.build(folder, seed, progress=progress)
    except OSError:
        if folder.is_dir():  # another process was quicker; folders appear only when whole
            return folder
        raise


def find_scenes(seed: int = 0) -> Path | None:
    """The folder of the scenes of a seed, or None if they have not been built."""
    places = (root / scenes_name(seed) for root in roots())
    return next((place for place in places if place.is_dir()), None)


def scenes_name(seed: int) -> str:
    """A folder name that changes with the program that draws the scenes, so that outdated data is never reused."""
    sources = sorted(Path(scenes.__file__).parent.glob("*.py"))
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources if source.name != "recipe.py"))
    return f"scenes-{seed}-{digest.hexdigest()[:8]}"


def roots() -> Iterator[Path]:
    """The places where data may be kept, best first: MINIGRAD_CACHE, the user's cache, `runs` in the current folder."""
    if "MINIGRAD_CACHE" in os.environ:
        yield Path(os.environ["MINIGRAD_CACHE"])
    with suppress(RuntimeError):  # there may be no home
        yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "minigrad"
    yield Path("runs").absolute()


def fetched(folder: str, names: Iterable[str], what: str, command: str) -> Path:
    """Where the files of these names are kept, all of them; MissingFileError with the command that fetches them."""
    wanted, places = list(names), [root / folder for root in roots()]
    for place in places:
        if all((place / name).is_file() for name in wanted):
            return place
    raise MissingFileError(f"{what} is not here yet (looked in {places[0]}): {command}")


def writable_root() -> Path:
    """The first place that can be written to. The last is returned unchecked, so that its own error is reported."""
    *others, last = roots()
    return next((root for root in others if writable(root)), last)


def writable(folder: Path) -> bool:
    """Whether a file can be created in `folder`, which is made if necessary."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
