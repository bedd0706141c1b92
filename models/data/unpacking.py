"""Unpacks archives into folders that appear only when complete; no entry can be written outside its folder.

`models.data.fetching` imports this.
"""

import os
import shutil
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from minigrad.errors import DataError
from models.folders import alone, naming, put_folder

_SMALL, _MOST_COMPRESSED = 16 * 2**20, 200
"""Files of up to so many bytes may be compressed at will; larger ones at most so many times."""

Progress = Callable[[int, int | None], None]
"""Called with the number of files unpacked and the total."""


def unpacked(archive: Path, top: str, folder: Path, progress: Progress | None = None) -> Path:
    """The folder, filled with everything under `top` in the archive; continues where an earlier call was interrupted.

    Raises DataError for an archive that is damaged, holds nothing under `top`, or has names leading out of it.
    """
    part = folder.with_name(f"{folder.name}.part")
    part.mkdir(parents=True, exist_ok=True)
    with alone(part):
        _unpack(archive, top, part, progress)
        put_folder(part, folder)
    return folder


def _unpack(archive: Path, top: str, part: Path, progress: Progress | None) -> None:
    """Writes into a folder what is not there yet."""
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [entry for entry in opened.infolist() if not entry.is_dir()]
            places = {entry.filename: _place(archive, entry, top) for entry in entries}
            inside = [(entry, place) for entry in entries if (place := places[entry.filename])]
            if not inside:
                raise DataError(f"{archive} holds no folder {top}")
            for number, (entry, place) in enumerate(inside, 1):
                _extract(opened, entry, part / place)
                if progress:
                    progress(number, len(inside))
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise DataError(f"{archive} is no whole zip archive ({error}): remove it and fetch it again") from None


def _place(archive: Path, entry: zipfile.ZipInfo, top: str) -> PurePosixPath | None:
    """Where an entry belongs inside the folder, or None if it is not under `top`.

    Raises DataError for a name that leads out of the folder.
    """
    path = PurePosixPath(entry.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in entry.filename or ":" in entry.filename:
        raise DataError(f"{archive} holds {entry.filename!r}, which leads out of it: nothing more is unpacked")
    if entry.file_size > max(_SMALL, _MOST_COMPRESSED * entry.compress_size):
        claim = f"{entry.filename} claims {entry.file_size:,} bytes, packed to {entry.compress_size:,}"
        raise DataError(f"{archive}: {claim}: nothing more is unpacked")
    return PurePosixPath(*path.parts[1:]) if path.parts[0] == top and len(path.parts) > 1 else None


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> None:
    """Writes an entry to `path` unless a file of the right length is there; zipfile checks its CRC-32."""
    if path.is_file() and path.stat().st_size == entry.file_size:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    with naming(path), archive.open(entry) as source, beside.open("wb") as target:
        shutil.copyfileobj(source, target, 2**20)
    os.replace(beside, path)
