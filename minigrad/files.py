"""Files written whole or not at all: at any instant a path holds what was there before, or all of the new content.

Anyone may import this; it needs the standard library alone.
"""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes | str) -> None:
    """Writes content beside the path, then renames it, the only instant at which the path changes. Text is UTF-8.

    OSError when it cannot be written, such as on a full disk; what was there before is then intact.
    """
    part = path.absolute().parent / f".{path.name}.{os.getpid()}.part"
    try:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
        put(part, path.absolute())
    except OSError as error:  # whoever asked knows nothing of the part
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        if part.exists():  # a disk that takes nothing would refuse to remove it even where it is not
            part.unlink()


def put(part: Path, path: Path) -> None:
    """Renames a file, or a folder whose files are on the disk, once it is: a power cut leaves the old or the new."""
    sync(part)
    os.replace(part, path)
    sync(path.parent)


def parts(folder: Path) -> list[Path]:
    """The temporary files that a killed `write_whole` has left in a folder."""
    return list(folder.glob(".*.[0-9]*.part"))


def sync(path: Path) -> None:
    """Waits until a file's content, or the names in a folder, are on the disk (Windows cannot do that for folders)."""
    if os.name != "nt" or path.is_file():
        descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
