"""Writes HDF5 files, with checksums on their metadata too. Everything that writes HDF5 imports this.

HDF5 crashes the process when it closes a file that it could not write completely, as on a full disk. It is therefore
given a file object that accepts everything; the disk's error is raised once HDF5 has finished.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import h5py


@contextmanager
def new_hdf5(path: Path) -> Iterator[h5py.File]:
    """A new file, to be filled in a `with`. OSError is raised at its end if the disk did not take everything."""
    with path.open("w+b", buffering=0) as stream, new_hdf5_in(stream) as file:
        yield file


@contextmanager
def new_hdf5_in(stream: IO[bytes]) -> Iterator[h5py.File]:
    """The same, written into an open stream. Equal arrays give equal bytes, whenever they are written."""
    patient = _Patient(stream)
    with _file_in(patient) as file:
        yield file
    patient.settle()


def _file_in(patient: "_Patient") -> h5py.File:
    """A new HDF5 file in a `_Patient` stream."""
    # HDF5 crashes when it frees property lists after Python has ended; here no error's traceback keeps them.
    access, creation = h5py.h5p.create(h5py.h5p.FILE_ACCESS), h5py.h5p.create(h5py.h5p.FILE_CREATE)
    access.set_fileobj_driver(h5py.h5fd.fileobj_driver, patient)
    access.set_libver_bounds(h5py.h5f.LIBVER_V110, h5py.h5f.LIBVER_V110)  # the first with checksums everywhere
    creation.set_obj_track_times(False)
    return h5py.File(h5py.h5f.create(b"new", h5py.h5f.ACC_TRUNC, creation, access))


class _Patient:
    """A stream that holds back its first error until `settle`; nothing is written after an error."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._error: BaseException | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, content: memoryview) -> int:
        """Writes everything, or as much as possible."""
        self._tried(self._write_all, content)
        return len(content)

    def _write_all(self, content: memoryview) -> None:
        done = 0
        while done < len(content):  # a file without buffers may take a part at a time
            done += self._stream.write(content[done:])

    def truncate(self, size: int) -> None:
        """Sets the size; an error is held back."""
        self._tried(self._stream.truncate, size)

    def flush(self) -> None:
        """Flushes; an error is held back."""
        self._tried(self._stream.flush)

    def _tried(self, call: Any, *arguments: Any) -> None:
        if self._error is None:
            try:
                call(*arguments)
            except BaseException as error:  # Ctrl-C too would leave HDF5 with a file that it cannot close
                self._error = error

    def settle(self) -> None:
        """Raises the error that was held back, if any, with the file's name."""
        if self._error is not None:
            if isinstance(self._error, OSError) and self._error.filename is None:
                self._error.filename = getattr(self._stream, "name", None)
            raise self._error
