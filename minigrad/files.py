"""Files written whole or not at all: at any instant a path holds what was there before, or all of the new content.

Anyone may import this; it needs the standard library alone.
"""

import os
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
    except OSError as error:  # whoever asked knows nothing of the part
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        part.unlink(missing_ok=True)
    _sync_folder(path.parent)


def parts(folder: Path) -> list[Path]:
    """What `write_whole` leaves in a folder where it is killed."""
    return list(folder.glob(".*.[0-9]*.part"))


def _sync_folder(folder: Path) -> None:
    """Makes a rename in a folder survive a power cut; Windows has no such call."""
    if os.name != "nt":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
