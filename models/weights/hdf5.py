"""Arrays from HDF5 files, groups included, and into one. `models.weights.files` imports this."""

import io
from collections.abc import Mapping
from pathlib import Path

from minigrad.op import Array
from models.data.hdf5 import datasets, open_hdf5, reading
from models.data.hdf5_writing import new_hdf5_in


def read_hdf5(path: Path) -> dict[str, Array]:
    """The arrays by path, a point for each slash. DataError for a file that is damaged or lies."""
    found: dict[str, Array] = {}
    with open_hdf5(path) as file:
        for name, stored in datasets(file):
            dotted = name.replace("/", ".")
            if dotted in found:
                raise ValueError(f"{dotted!r} comes twice")
            with reading(path, name):
                found[dotted] = stored[()]
    return found


def hdf5_bytes(arrays: Mapping[str, Array]) -> bytes:
    """An HDF5 file of arrays by name, each with a checksum where HDF5 can have one, which is not for scalars."""
    buffer = io.BytesIO()
    with new_hdf5_in(buffer) as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, fletcher32=bool(array.size and array.ndim) or None)
    return buffer.getvalue()
