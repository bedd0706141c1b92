"""Reads arrays from HDF5 files, groups included, and writes them. `models.weights.files` imports this."""

import io
from collections.abc import Mapping
from pathlib import Path

from minigrad.op import Array
from models.data.hdf5 import datasets, open_hdf5, reading
from models.data.hdf5_writing import new_hdf5_in


def read_hdf5(path: Path) -> dict[str, Array]:
    """The arrays by path, with points instead of slashes. Raises DataError for a damaged or inconsistent file."""
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
    """An HDF5 file holding these arrays, each with a checksum except scalars, for which HDF5 has none."""
    buffer = io.BytesIO()
    with new_hdf5_in(buffer) as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, fletcher32=bool(array.size and array.ndim) or None)
    return buffer.getvalue()
