"""Reads and writes weight files: the format is recognised by a file's first bytes, and written by its ending.

    read_weights("squeezenet1_1.pth")        {"features.0.weight": array (64, 3, 3, 3), …}
    write_weights("squeezenet.safetensors", arrays)

No code in a file is run, and no header can cause an allocation larger than the file.
"""

import errno
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from minigrad.errors import CheckpointError, DataError, MissingFileError, UsageError
from minigrad.files import write_whole
from minigrad.module import Module
from minigrad.op import Array
from minigrad.store import save
from models.weights.bfloat16 import widened
from models.weights.hdf5 import hdf5_bytes, read_hdf5
from models.weights.npz import DAMAGE, npz_bytes, read_npz
from models.weights.pytorch import read_archive, read_pickles
from models.weights.safetensors import read_safetensors

ENDINGS = (".safetensors", ".npz", ".h5", ".hdf5")
"""The endings of the formats that can be written."""
_WRAPPERS = ("state_dict.", "model.", "module.")
"""Prefixes that training programs put before a network's own names."""


def load_weights(model: Module, path: str | Path, strict: bool = True) -> list[str]:
    """Loads a file into a model; returns the differences, one line each.

    Raises CheckpointError, with a table of the missing, unexpected and wrongly shaped names, if there are any; with
    `strict=False` loads what fits instead. Also raises it for numbers that are not finite.
    """
    arrays = read_weights(path)
    try:
        with np.errstate(over="ignore"):  # what becomes infinite is found after it
            problems = model.load_state_dict(arrays, strict)
    except CheckpointError as error:
        error.args = (f"{path}: {error}",)
        raise
    refuse_not_finite(model, path)
    return problems


def refuse_not_finite(model: Module, path: str | Path) -> None:
    """Raises CheckpointError, naming the file, if a parameter holds NaN or infinite numbers."""
    for name, array in model.state_dict().items():
        if array.size and not np.isfinite([array.min(), array.max()]).all():  # without an array as large
            count = array.size - np.count_nonzero(np.isfinite(array))
            raise CheckpointError(f"{path}: {name} holds NaN or infinity, in {count:,} of its {array.size:,} numbers")


def read_weights(path: str | Path) -> dict[str, Array]:
    """The arrays of a file by name, bfloat16 as float32, without a prefix such as `state_dict.` shared by all names.

    The arrays are read-only. Raises MissingFileError, or CheckpointError that says what is wrong with the file.
    """
    return {name: widened(array) for name, array in unwrapped(read_stored(path)).items()}


def read_stored(path: str | Path) -> dict[str, Array]:
    """The arrays of a file with their stored names and dtypes (including `bfloat16.BFLOAT16`)."""
    path = Path(path)
    try:
        arrays = reader(path)(path)
    except (FileNotFoundError, NotADirectoryError):
        raise MissingFileError(f"there is no weights file {path}") from None
    except IsADirectoryError:
        raise CheckpointError(f"{path} is a folder, not a weights file") from None
    except CheckpointError as error:
        raise CheckpointError(str(error) if str(path) in str(error) else f"{path} {error}") from None
    except DataError as error:
        raise CheckpointError(str(error)) from None
    except (*DAMAGE, OverflowError, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise  # of the disk, not of the bytes, in which a place before the beginning may be sought
        raise CheckpointError(f"{path} is damaged, or no weights file: {error}") from None
    if not arrays:
        raise CheckpointError(f"{path} holds no arrays")
    return arrays


Reader = Callable[[Path], dict[str, Array]]


def reader(path: Path) -> Reader:
    """The function that reads a file, chosen by its first bytes. Raises CheckpointError for an unknown format."""
    with path.open("rb") as file:
        begin = file.read(64)
    if begin.startswith(b"PK"):
        return from_archive
    if begin.startswith(b"\x89HDF\r\n\x1a\n"):
        return read_hdf5
    if begin[8:9] == b"{" or path.suffix == ".safetensors":
        return read_safetensors
    if begin.startswith(b"\x80") or (path.suffix in (".pth", ".pt", ".pkl") and begin):
        return from_pickles
    kind = "an HTML page" if begin.lstrip().startswith(b"<") else f"{path.stat().st_size:,} bytes of something else"
    raise CheckpointError(f"is {kind}, and no weights: safetensors, PyTorch's .pth, .npz and HDF5 are read")


def from_archive(path: Path) -> dict[str, Array]:
    """Reads a zip archive, which is NumPy's or PyTorch's."""
    with path.open("rb") as file:
        with zipfile.ZipFile(file) as archive:
            of_numpy = all(name.endswith(".npy") for name in archive.namelist())
        return read_npz(file) if of_numpy else read_archive(file)


def from_pickles(path: Path) -> dict[str, Array]:
    """Reads the format that `torch.save` wrote before 2020."""
    with path.open("rb") as file:
        return read_pickles(file)


def unwrapped(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays without a prefix that all names share."""
    for wrapper in _WRAPPERS:
        if all(name.startswith(wrapper) for name in arrays):
            arrays = {name.removeprefix(wrapper): array for name, array in arrays.items()}
    return dict(arrays)


def write_weights(path: str | Path, arrays: Mapping[str, Array]) -> None:
    """Writes arrays in the format that the path's ending names; an existing file is replaced only by a complete one."""
    path = Path(path)
    if path.suffix not in ENDINGS:
        raise UsageError(f"{path} names no form that can be written: end it with {', '.join(ENDINGS)}")
    if path.suffix == ".safetensors":
        save(path, arrays, {})
    else:
        try:
            content = (npz_bytes if path.suffix == ".npz" else hdf5_bytes)(arrays)
        except (TypeError, ValueError, struct.error) as error:  # HDF5 has no "a" beside "a/b", ZIP no endless name
            raise UsageError(f"{path} cannot hold arrays of these names: {error}") from None
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
