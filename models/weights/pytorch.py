"""Reads the tensors in a file written by `torch.save`, without PyTorch and without running anything named in it.

Such a file is a zip archive or, before 2020, a series of pickles followed by raw data. It holds pickled containers, in
which a tensor is a view (offset, shape, strides) of a storage, and the storages' bytes. `models.weights.files` imports
this.
"""

import math
import mmap
import os
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, Literal, cast

import numpy as np

from minigrad.op import Array
from models.weights.bfloat16 import BFLOAT16
from models.weights.npz import entries_of
from models.weights.unpickling import Vocabulary, fill, unpickled

MAGIC = 0x1950A86A20F9469CFC6C
"""The first pickle in a file from before 2020."""
MOST_SIDES = 64
"""The most dimensions that a NumPy array can have."""
MOST_VALUES, DEEPEST = 100_000, 16
"""Limits for the containers in a file, since a few bytes can describe endless ones."""

Order = Literal["<", ">"]
"""The byte order of numbers: little- or big-endian."""

_STORAGES: dict[str, np.dtype[Any]] = {
    "Double": np.dtype("<f8"), "Float": np.dtype("<f4"), "Half": np.dtype("<f2"), "BFloat16": BFLOAT16,
    "Long": np.dtype("<i8"), "Int": np.dtype("<i4"), "Short": np.dtype("<i2"), "Char": np.dtype("i1"),
    "Byte": np.dtype("u1"), "Bool": np.dtype("?"), "ComplexFloat": np.dtype("<c8"),
    "ComplexDouble": np.dtype("<c16"),
}  # fmt: skip
_DTYPES = {f"torch.{name}Storage": dtype for name, dtype in _STORAGES.items()}


@dataclass(frozen=True)
class Storage:
    """Consecutive numbers: `size` of them from `start` on, out of the `whole` that the file stores under a key."""

    key: str
    dtype: np.dtype[Any]
    whole: int
    start: int
    size: int

    def __post_init__(self) -> None:
        """Raises ValueError if the part is not inside the whole."""
        numbers = (self.whole, self.start, self.size)
        if not counts(numbers) or self.start + self.size > self.whole:
            raise ValueError(f"storage {self.key!r} is {self.size} numbers from {self.start}, of {self.whole}")

    @property
    def nbytes(self) -> int:
        """The size of the whole in bytes."""
        return self.whole * self.dtype.itemsize

    def of(self, content: bytes, order: Order) -> Array:
        """The numbers, from the bytes of the whole.

        Raises ValueError if there are fewer or more bytes than expected.
        """
        if len(content) != self.nbytes:
            raise ValueError(f"storage {self.key!r} has {len(content):,} bytes, and should have {self.nbytes:,}")
        numbers = np.frombuffer(content, self.dtype.newbyteorder(order))
        return numbers[self.start : self.start + self.size]


@dataclass(frozen=True)
class View:
    """A tensor: its offset into its storage, its shape, and its strides in elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self) -> None:
        """Raises ValueError if the view exceeds its storage, or repeats elements to look larger than it is."""
        if not len(self.shape) == len(self.strides) <= MOST_SIDES:
            raise ValueError(f"a tensor of {len(self.shape)} sides and {len(self.strides)} strides")
        if not counts((self.offset, *self.shape, *self.strides)):
            raise ValueError(f"a tensor at {self.offset} of shape {self.shape} and strides {self.strides}")
        elements = math.prod(self.shape)
        last = self.offset + sum((n - 1) * stride for n, stride in zip(self.shape, self.strides, strict=True))
        if elements > self.storage.size or (elements and last >= self.storage.size):
            raise ValueError(f"a tensor of shape {self.shape} in a storage of {self.storage.size:,} numbers")

    def of(self, content: bytes, order: Order) -> Array:
        """The tensor as an array that shares the memory of its storage's bytes and must not be written to."""
        numbers = self.storage.of(content, order)[self.offset :]
        if 0 in self.shape:
            return np.empty(self.shape, numbers.dtype)
        strides = [stride * numbers.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(numbers, self.shape, strides, writeable=False)


def counts(numbers: tuple[Any, ...]) -> bool:
    """Whether all are non-negative integers."""
    return all(type(number) is int and number >= 0 for number in numbers)


def read_archive(file: IO[bytes]) -> dict[str, Array]:
    """The tensors of a zip archive by name.

    Raises ValueError, or what `zipfile` raises, for a damaged or inconsistent file.
    """
    with zipfile.ZipFile(file) as archive:
        entries = stored_entries(archive, file)
        folders = [name.removesuffix("data.pkl") for name in entries if re.fullmatch(r"([^/]+/)?data\.pkl", name)]
        if len(folders) != 1:
            raise ValueError(f"it is an archive with {len(folders)} files data.pkl, and torch.save writes one")
        (folder,) = folders
        vocabulary, storages = vocabulary_of_tensors()
        with archive.open(f"{folder}data.pkl") as stream:
            views = tensors_in(unpickled(stream, vocabulary))
        content = {key: archive.read(f"{folder}data/{key}") for key in storages}  # a CRC-32 of each is checked
        big = f"{folder}byteorder" in entries and archive.read(f"{folder}byteorder") == b"big"
    return {name: view.of(content[view.storage.key], ">" if big else "<") for name, view in views.items()}


def stored_entries(archive: zipfile.ZipFile, file: IO[bytes]) -> dict[str, zipfile.ZipInfo]:
    """The entries by name.

    Raises ValueError if one is compressed or occurs twice, or if together they exceed the file's size.
    """
    listed, size = entries_of(archive, file), os.fstat(file.fileno()).st_size
    entries = {entry.filename: entry for entry in listed}
    if len(entries) < len(listed):
        raise ValueError("two of its entries have the same name")
    compressed = [name for name, entry in entries.items() if entry.compress_type != zipfile.ZIP_STORED]
    if compressed:
        raise ValueError(f"its entry {compressed[0]} is compressed, and PyTorch compresses none")
    claimed = sum(entry.file_size for entry in listed)
    if claimed > size:
        raise ValueError(f"its entries claim {claimed:,} bytes, and all of it has {size:,}")
    return entries


def read_pickles(file: IO[bytes]) -> dict[str, Array]:
    """The tensors of a file from before 2020. Raises ValueError if it is damaged or inconsistent."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        stream = cast(IO[bytes], mapped)  # of which no claim can read more than there is
        if unpickled(stream, Vocabulary()) != MAGIC:
            raise ValueError("it is a pickle, but not one that torch.save wrote")
        _version, machine = unpickled(stream, Vocabulary()), unpickled(stream, Vocabulary())
        vocabulary, storages = vocabulary_of_tensors()
        views = tensors_in(unpickled(stream, vocabulary))
        keys = unpickled(stream, Vocabulary())
        content = {key: following(stream, storages[key]) for key in keys}
    order: Order = "<" if machine["little_endian"] else ">"
    return {name: view.of(content[view.storage.key], order) for name, view in views.items()}


def following(stream: IO[bytes], storage: Storage) -> bytes:
    """The bytes of a storage, which come after their number of elements."""
    elements = int.from_bytes(stream.read(8), "little")
    if elements != storage.whole:
        raise ValueError(f"storage {storage.key!r} has {elements:,} numbers, and should have {storage.whole:,}")
    return stream.read(storage.nbytes)


def vocabulary_of_tensors() -> tuple[Vocabulary, dict[str, Storage]]:
    """The names that a state's pickle may use, and the storages by key, which is filled while the pickle is read."""
    storages: dict[str, Storage] = {}

    def persistent(identity: Any) -> Storage:
        storage = storage_of(identity)
        storages[storage.key] = storage
        return storage

    return Vocabulary(_DTYPES, _FUNCTIONS, persistent), storages


def storage_of(identity: Any) -> Storage:
    """The storage of a persistent id: its kind, key and size, and for a view of a storage which part it is."""
    word, dtype, key, _, size, *part = identity
    if word != "storage" or not isinstance(dtype, np.dtype) or not isinstance(key, str):
        raise TypeError("a persistent id that is no storage")
    _, start, own = part[0] if part and part[0] is not None else (key, 0, size)
    return Storage(key, dtype, size, start, own)


def tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> View:
    """Stands for `torch._utils._rebuild_tensor_v2`."""
    if not isinstance(storage, Storage):
        raise TypeError(f"a tensor in a {type(storage).__name__}")
    return View(storage, offset, tuple(shape), tuple(strides))


def parameter(data: Any, *_: Any) -> Any:
    """Stands for `torch._utils._rebuild_parameter`: returns the parameter's tensor."""
    return data


def ordered(pairs: Any = ()) -> Any:
    """Stands for `collections.OrderedDict`."""
    return fill({}, [part for pair in pairs for part in pair])


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": ordered,
    "torch._utils._rebuild_tensor": tensor,
    "torch._utils._rebuild_tensor_v2": tensor,
    "torch._utils._rebuild_parameter": parameter,
    "torch.Size": tuple,
}


def tensors_in(value: Any) -> dict[str, View]:
    """The tensors in nested containers, each named by its path: `state_dict.features.0.weight`.

    Numbers and texts among them are left out. Raises ValueError for containers that are too many or too deep.
    """
    found: list[Any] = []
    rest: list[tuple[tuple[str, ...], Any]] = [((), value)]
    seen = 1
    while rest:
        path, here = rest.pop()
        if isinstance(here, View):
            found += [".".join(path), here]
        elif isinstance(here, dict | list | tuple):
            seen += len(here)
            if seen > MOST_VALUES or len(path) > DEEPEST:
                raise ValueError(f"containers of over {MOST_VALUES:,} values, or over {DEEPEST} deep")
            inner = here.items() if isinstance(here, dict) else enumerate(here)
            rest += reversed([((*path, str(key)), item) for key, item in inner])
    views: dict[str, View] = fill({}, found)
    return views
