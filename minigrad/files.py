"""Files written whole or not at all: at any instant a path holds what was there before, or all of the new content.

Anyone may import this; it needs the standard library alone.
"""

import os
import re
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, content: bytes | str) -> None:
    """Writes beside the path and renames, the only instant at which the path changes; text as UTF-8.

    OSError when it cannot be written, such as on a full disk: what was there before is intact.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    _sync_folder(path.parent)


def remove_parts(folder: Path) -> None:
    """Removes what `write_whole` left in a folder where it was killed; no other program may be writing there."""
    for path in folder.iterdir():
        if is_part(path):
            with suppress(OSError):
                path.unlink()


def is_part(path: Path) -> bool:
    """Whether a file is one that `write_whole` writes beside another."""
    return re.fullmatch(r"\..*\.\d+\.part", path.name) is not None


def _sync_folder(folder: Path) -> None:
    """Makes a rename in a folder survive a power cut; Windows has no such call."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
