"""Checkpoints on disk: arrays and a state in one safetensors file, written whole or not at all, checked when read.

    save("model.safetensors", {"cell.Wx": weights}, {"step": 100})
    arrays, state = load("model.safetensors")

Each array has a checksum over its bytes, dtype and shape, and so has the state, so that any change on the disk is
found. Imports safetensors, so `import minigrad` does not import this; models and the command line do.
"""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.errors import CheckpointError, DTypeError, MissingFileError, MissingPackageError, UsageError
from minigrad.files import parts, write_whole
from minigrad.op import Array

try:
    from safetensors import SafetensorError, safe_open
    from safetensors.numpy import save as serialized
except ModuleNotFoundError:
    raise MissingPackageError("checkpoints need safetensors: python -m pip install 'minigrad[all]'") from None

State = dict[str, Any]
"""Anything that JSON can hold."""

_DTYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64"),
)
_METADATA = "__metadata__"
_LONGEST_HEADER = 2**20
"""The most bytes in a header; a longer one is refused when saving, and when loading before it is parsed."""


def save(path: str | Path, arrays: Mapping[str, Array], state: State) -> None:
    """Writes a checkpoint. At any instant the path holds what was there before, or all of the new checkpoint.

    OSError when it cannot be written, such as on a full disk; what was there before is then intact.
    """
    path, own = Path(path), {name: _plain(name, array) for name, array in arrays.items()}
    try:
        text = json.dumps(state)
        content = serialized(own, {"state": text, "checksums": json.dumps(_checksums(own, text))})
    except (TypeError, ValueError, RecursionError, SafetensorError) as error:
        raise UsageError(f"{path} cannot hold this state and these names: {error}") from None
    if int.from_bytes(content[:8], "little") > _LONGEST_HEADER:
        raise UsageError(f"{path} cannot hold a state and names of over {_LONGEST_HEADER:,} bytes")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)


def load(path: str | Path) -> tuple[dict[str, Array], State]:
    """The arrays and the state of a checkpoint, exactly as saved; MissingFileError or CheckpointError if impossible."""
    try:
        metadata = _metadata(Path(path))
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        state, checksums = json.loads(metadata["state"]), dict(json.loads(metadata["checksums"]))
    except (FileNotFoundError, NotADirectoryError):
        raise MissingFileError(f"there is no checkpoint {path}: `minigrad train` writes them into its runs") from None
    except IsADirectoryError:
        raise CheckpointError(f"{path} is a folder, not a checkpoint") from None
    except (SafetensorError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged, or no checkpoint of minigrad: {error}") from None
    _compare(path, checksums, _checksums(arrays, metadata["state"]))
    return arrays, state


def _plain(name: str, array: Array) -> Array:
    """The array as the file holds it: contiguous, since safetensors writes other layouts wrongly without a word."""
    if name == _METADATA:
        raise UsageError(f"no array may be called {name!r}: safetensors keeps that name for itself")
    if array.dtype.name not in _DTYPES:
        raise DTypeError(f"array {name!r} is {array.dtype}, and a checkpoint holds only {', '.join(sorted(_DTYPES))}")
    return np.asarray(array, array.dtype.newbyteorder("<"), order="C")


def _checksums(arrays: Mapping[str, Array], state: str) -> dict[str, str]:
    """SHA-256 of each array, by name, and of the state's text."""
    of_state = hashlib.sha256(state.encode()).hexdigest()
    return {name: _checksum(array) for name, array in arrays.items()} | {_METADATA: of_state}


def _checksum(array: Array) -> str:
    digest = hashlib.sha256(f"{array.dtype.name}{array.shape}".encode())
    digest.update(array.reshape(-1).view(np.uint8).data)  # some packages teach NumPy dtypes that have no buffer
    return digest.hexdigest()


def _compare(path: str | Path, saved: dict[str, str], found: dict[str, str]) -> None:
    """CheckpointError that names the arrays whose checksum is not the saved one."""
    changed = [name for name in {**saved, **found} if saved.get(name) != found.get(name)]
    if changed:
        what = ", ".join("the state" if name == _METADATA else f"array {name!r}" for name in changed[:4])
        raise CheckpointError(f"{path} has changed on the disk: the checksum of {what} differs")


def _metadata(path: Path) -> dict[str, str]:
    """The texts in a file's header; ValueError where those of a checkpoint are missing."""
    metadata = read_header(path).get(_METADATA)
    if not isinstance(metadata, dict) or not {"state", "checksums"} <= set(metadata):
        raise ValueError("it has no state or no checksums")
    return metadata


def read_header(path: Path) -> dict[str, Any]:
    """A safetensors file's header. Read by ourselves, since safetensors silently takes the last of several equal names.

    ValueError where it is longer than the file or than we ever write, is no JSON object, or has equal names.
    """
    with path.open("rb") as file:
        size, length = os.fstat(file.fileno()).st_size, int.from_bytes(file.read(8), "little")
        if length > min(size - 8, _LONGEST_HEADER):
            raise ValueError(f"a header of {length:,} bytes in a file of {size:,}")
        header = json.loads(file.read(length), object_pairs_hook=_distinct)
    if not isinstance(header, dict):
        raise ValueError(f"its header is a {type(header).__name__}")
    return header


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object's members; ValueError when two have the same name."""
    members = dict(pairs)
    if len(members) < len(pairs):
        name, times = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"{name!r} comes {times} times")
    return members


class Checkpoints:
    """The last `keep` checkpoints of a run, in a folder that one program at a time writes to."""

    def __init__(self, folder: str | Path, keep: int = 2) -> None:
        if keep < 1:
            raise UsageError(f"keep is {keep}; at least 1 checkpoint must be kept")
        self.folder, self.keep = Path(folder), keep
        self._damaged: set[int] = set()

    def save(self, step: int, arrays: Mapping[str, Array], state: State) -> None:
        """Saves the state after a step, then deletes old checkpoints, damaged ones, and those of later steps."""
        save(self._path(step), arrays, state)
        self._damaged.discard(step)
        steps = self.steps()
        kept = [s for s in steps if s <= step and s not in self._damaged][-self.keep :]
        for path in (*(self._path(s) for s in steps if s not in kept), *parts(self.folder)):
            with suppress(OSError):
                path.unlink()

    def latest(self, warn: Callable[[str], None]) -> tuple[dict[str, Array], State, Path] | None:
        """The newest checkpoint that can be read, and its file; None if there is none at all.

        `warn` is told of each damaged one that is passed over; CheckpointError when all are damaged.
        """
        steps = self.steps()
        for step in reversed(steps):
            try:
                return *load(self._path(step)), self._path(step)
            except (CheckpointError, OSError) as error:
                self._damaged.add(step)
                warn(f"{error}; this checkpoint is passed over")
        if steps:
            raise CheckpointError(f"none of the {len(steps)} checkpoints in {self.folder} can be read: train again")
        return None

    def steps(self) -> list[int]:
        """The steps of which there are checkpoints, in ascending order."""
        numbers = (path.stem.removeprefix("step-") for path in self.folder.glob("step-*.safetensors"))
        return sorted(int(number) for number in numbers if number.isdecimal())

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}.safetensors"
