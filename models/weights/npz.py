"""Reads and writes NumPy's .npz, a zip archive of .npy files, without unpickling anything.

NumPy's own reader allocates whatever a header claims; here the header is first compared with the bytes that exist.
`models.weights.files` imports this.
"""

import io
import math
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from typing import IO

import numpy as np

from minigrad.op import Array

DAMAGE = (ValueError, TypeError, LookupError, EOFError, RuntimeError, struct.error, zipfile.BadZipFile, zlib.error)
"""What reading damaged bytes raises."""
_LONGEST_END = 22 + 2**16
"""The most bytes in an archive's end record, with the longest comment."""
_SMALL, _MOST_COMPRESSED = 16 * 2**20, 200
"""An entry of up to so many bytes may be compressed at will; a larger one at most so many times."""


def read_npz(file: IO[bytes]) -> dict[str, Array]:
    """The arrays by name. Raises one of `DAMAGE` for a damaged or inconsistent file."""
    with zipfile.ZipFile(file) as archive:
        entries = entries_of(archive, file)
        names = [entry.filename.removesuffix(".npy") for entry in entries]
        if len(set(names)) < len(names):
            raise ValueError("two of its arrays have the same name")
        return {name: read_entry(archive, entry) for name, entry in zip(names, entries, strict=True)}


def entries_of(archive: zipfile.ZipFile, file: IO[bytes]) -> list[zipfile.ZipInfo]:
    """The entries of an archive.

    Raises ValueError if they claim more bytes than the file has, or if their number is not the one in the archive's end
    record. `zipfile` does not compare that number, and one flipped bit in the length of a comment hides the entry after
    it.
    """
    entries, size = archive.infolist(), file.seek(0, io.SEEK_END)
    if sum(entry.compress_size for entry in entries) > size:
        raise ValueError(f"its entries claim more than the {size:,} bytes of it")
    file.seek(max(0, size - _LONGEST_END))
    end = file.read()
    at = end.rfind(b"PK\5\6") + 10
    number = int.from_bytes(end[at : at + 2], "little")
    if number != min(len(entries), 2**16 - 1):
        raise ValueError(f"its end tells of {number} entries, and there are {len(entries)}")
    return entries


def read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Array:
    """One array, whose CRC-32 is checked."""
    if entry.file_size > max(_SMALL, _MOST_COMPRESSED * entry.compress_size):
        raise ValueError(f"{entry.filename} claims {entry.file_size:,} bytes, compressed to {entry.compress_size:,}")
    with archive.open(entry) as stream:
        version = np.lib.format.read_magic(stream)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"{entry.filename} has the version {version} of a header that no plain array needs")
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        try:
            with warnings.catch_warnings(action="ignore"):  # of what Python's parser thinks of odd texts
                shape, transposed, dtype = header(stream)
        except (SyntaxError, tokenize.TokenError) as error:
            raise ValueError(f"{entry.filename} has a header that is none ({error})") from None
        if dtype.kind not in "biufc":
            raise ValueError(f"{entry.filename} holds {dtype}: only numbers are read, and nothing that is pickled")
        content = stream.read()
    if math.prod(shape) * dtype.itemsize != len(content):
        raise ValueError(f"{entry.filename} declares {shape} of {dtype}, and has {len(content):,} bytes")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if transposed else "C")


def npz_bytes(arrays: Mapping[str, Array]) -> bytes:
    """An .npz file holding these arrays under any names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.asanyarray(array), allow_pickle=False)
    return buffer.getvalue()
