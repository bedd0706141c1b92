"""Opens HDF5 files that may be damaged or still being written, and checks an array before anything of it is read.

Imports h5py, the errors and `spelling`; `models.data.features`, `models.data.coco` and `models.weights` import it.
"""

import math
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from minigrad.errors import DataError, MinigradError
from models.data.spelling import choices

PATIENCE = 5.0
"""Seconds to wait for a file that another program is writing."""
_PAUSE = 0.05
_MOST_COMPRESSED = 200
"""A compressed array may be at most this many times larger than its bytes on disk, unless it is small."""
_SMALL = 16 * 2**20
"""Compressed arrays of up to this many bytes are harmless, and long runs of one value compress very well."""
_CHECKSUM = 4
"""The bytes of HDF5's checksum of a chunk."""
_DEEPEST = 16
"""The most groups within groups: a group can contain itself and then has no end."""
_KINDS = {"i": "integers", "u": "integers", "f": "floating-point numbers", "O": "lists of varying length or objects"}


def open_hdf5(path: Path, patience: float = PATIENCE) -> h5py.File:
    """Opens a file for reading.

    Raises DataError if it is incomplete, or still being written after `patience` seconds.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            return h5py.File(path, "r")
        except OSError as error:
            if not _being_written(error):
                raise DataError(_incomplete(path, error)) from None
            if time.monotonic() > deadline:
                raise DataError(
                    f"{path} is locked by a program that writes it, or that died writing it, and still was after "
                    f"{patience:g} s: try again when that is done, or make the file again"
                ) from None
        time.sleep(_PAUSE)


def _being_written(error: OSError) -> bool:
    return isinstance(error, BlockingIOError) or "already open for write" in str(error)


def _incomplete(path: Path, error: OSError) -> str:
    """Says why a file does not open, with its size and, if the file states one, the size it should have."""
    size = path.stat().st_size
    stored = re.search(r"stored_eof = (\d+)", str(error))
    if stored:
        reason = f"{size:,} of {int(stored[1]):,} bytes"
    elif _begins_like_a_page(path):
        reason = f"{size:,} bytes of an HTML page"
    else:
        reason = f"{size:,} bytes; {error}"
    return f"{path} is not a complete HDF5 file ({reason}): fetch or make it again"


def _begins_like_a_page(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(64).lstrip().startswith(b"<")
    except OSError:
        return False


@contextmanager
def reading(path: str | Path, key: str) -> Iterator[None]:
    """Turns any exception that h5py raises on damaged bytes into a DataError."""
    try:
        yield
    except MinigradError:
        raise
    except (OSError, RuntimeError, LookupError, ValueError, TypeError) as error:
        reason = error.args[0] if error.args else error
        raise DataError(f"{path}: {key!r} is damaged ({reason}): fetch or make the file again") from None


def dataset(file: h5py.File, key: str, kinds: str, axes: str) -> h5py.Dataset:
    """The array of a key, checked but not read: its kind of number ("iu", "f") and its axes ("N T|N T D" allows two).

    Raises DataError if it is missing, of another kind or shape, stored outside the file, or shorter than declared.
    """
    here = f"{file.filename}: {key!r}"
    with reading(file.filename, key):
        found = _own_array(here, file, key)
        _refuse_outside_data(here, found)
        _refuse_other_form(here, found, kinds, axes)
        _refuse_hollow(here, found)
        return found


def datasets(file: h5py.File) -> Iterator[tuple[str, h5py.Dataset]]:
    """Every numeric array by path (`features/0/weight`), including those in groups; checked but not read."""
    groups: list[tuple[str, h5py.Group]] = [("", file)]
    while groups:
        above, group = groups.pop()
        if above.count("/") > _DEEPEST:
            raise DataError(f"{file.filename} has groups that hold themselves, or over {_DEEPEST} within each other")
        for name in group:
            path = f"{above}{name}"
            with reading(file.filename, path):
                found = _member(f"{file.filename}: {path!r}", group, name)
            if isinstance(found, h5py.Group):
                groups.append((f"{path}/", found))
            else:
                yield path, _array(file, path, found)


def _array(file: h5py.File, path: str, found: h5py.Dataset) -> h5py.Dataset:
    """The array, where it holds numbers or truth values and all that it declares is in the file."""
    here = f"{file.filename}: {path!r}"
    with reading(file.filename, path):
        if found.shape is None or found.dtype.kind not in "biufc":
            raise DataError(f"{here} should hold numbers, and holds {_KINDS.get(found.dtype.kind, found.dtype)}")
        _refuse_outside_data(here, found)
        _refuse_hollow(here, found)
        return found


def _own_array(here: str, file: h5py.File, key: str) -> h5py.Dataset:
    names = [str(name) for name in file]
    if key not in names:
        raise DataError(f"{file.filename} has no {key!r}: {choices(key, names)}")
    found = _member(here, file, key)
    if not isinstance(found, h5py.Dataset):
        raise DataError(f"{here} is a {type(found).__name__.lower()}, not an array")
    return found


def _member(here: str, group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset:
    if group.id.links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
        raise DataError(f"{here} is a soft or external link, and links are not followed: store the array itself")
    return group[name]


def _refuse_outside_data(here: str, found: h5py.Dataset) -> None:
    if found.is_virtual:
        raise DataError(f"{here} is a virtual dataset, made of other files, and these are not read: store the array")
    if found.external:
        raise DataError(f"{here} has external storage, outside its file, and that is not read: store the array itself")


def _refuse_other_form(here: str, found: h5py.Dataset, kinds: str, axes: str) -> None:
    shape, wanted = found.shape or (), " or ".join(f"({form.replace(' ', ', ')})" for form in axes.split("|"))
    if found.dtype.kind not in kinds:
        is_of = f"{_KINDS.get(found.dtype.kind, 'something else')} ({found.dtype})"
        raise DataError(f"{here} should hold {_KINDS[kinds[0]]}, and holds {is_of}")
    if len(shape) not in [len(form.split()) for form in axes.split("|")]:
        raise DataError(f"{here} should have the shape {wanted}, and has {shape}")
    if 0 in shape:
        raise DataError(f"{here} is empty: its shape {wanted} is {shape}")


def _refuse_hollow(here: str, found: h5py.Dataset) -> None:
    """DataError when the file holds too little of what it declares: never written whole, or a lie about its size."""
    declared = math.prod(found.shape) * found.dtype.itemsize
    stored = min(found.id.get_storage_size(), found.file.id.get_filesize())
    most = max(_SMALL, _MOST_COMPRESSED * stored) if _is_filtered(found) else stored
    absent = _absent_chunks(found) if found.chunks else 0
    if declared > most or absent:
        raise DataError(
            f"{here} declares {found.shape}, {declared:,} bytes, out of proportion to the {stored:,} in the file"
            f"{f' ({absent:,} chunks are absent)' if absent else ''}: nothing is read; make the file again"
        )


def _absent_chunks(found: h5py.Dataset) -> int:
    """How many of a dataset's chunks were never written, which HDF5 reads as zeros, or are too short to be one.

    Checking the checksum of a chunk shorter than it crashes HDF5.
    """
    whole: int = math.prod(-(-side // chunk) for side, chunk in zip(found.shape, found.chunks, strict=True))
    least = _CHECKSUM + 1 if _is_filtered(found) else 1
    sizes: list[int] = []
    found.id.chunk_iter(lambda chunk: sizes.append(chunk.size))
    return whole - sum(size >= least for size in sizes)


def _is_filtered(found: h5py.Dataset) -> bool:
    """Whether chunks are compressed or have checksums."""
    return bool(found.id.get_create_plist().get_nfilters())
