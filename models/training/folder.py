"""A run's folder: where its description, log and checkpoints are. All of `models.training` may import it.

A folder is a run if it has a config.json, which is therefore written last.
"""

import hashlib
import json
import platform
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from minigrad import __version__
from minigrad.errors import CheckpointError, MissingFileError, UsageError
from minigrad.files import parts, write_whole
from minigrad.op import Array
from minigrad.store import Checkpoints
from models.folders import alone
from models.training.log import Warn

Saved = tuple[dict[str, Array], dict[str, Any], Path]
"""The arrays and the state of a checkpoint, and its file."""
CHECKSUM = "checksum"
"""The name of the SHA-256 of everything else in config.json."""
_MISFITS = (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError)
"""What reading raises when a checkpoint's content is not as expected; every `CheckpointError` is a ValueError."""


class Stateful(Protocol):
    """What can be kept in a checkpoint: a Module or an optimiser."""

    def state_dict(self) -> dict[str, Array]:
        """Its arrays by name."""
        ...

    def load_state_dict(self, state: Mapping[str, Any], /) -> Any:
        """Replaces its arrays by these."""
        ...


@dataclass(frozen=True)
class RunFolder(ABC):
    """A folder with config.json, log.jsonl and checkpoints; subclasses define the content of config.json."""

    command: ClassVar[str]
    """The command that makes such runs."""
    folder: Path

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Opens what `make` made. Raises MissingFileError if there is no run, CheckpointError if it is not valid."""
        folder = Path(folder)
        config = read_config(folder, cls.command)
        try:
            return cls.described(folder, config)
        except _MISFITS as error:
            found, own = config.get("software", {}), software()["minigrad"]
            writer = found.get("minigrad", own) if isinstance(found, dict) else own
            remedy = "name such a run, or put back a copy of it" if writer == own else f"read it with minigrad {writer}"
            raise CheckpointError(
                f"{folder / 'config.json'} does not describe a run of `{cls.command}` ({told(error)}): {remedy}"
            ) from None

    @classmethod
    @abstractmethod
    def described(cls, folder: Path, config: Mapping[str, Any]) -> Self:
        """The run that `config` describes; any exception if it does not describe one."""

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """The content of config.json for this run."""

    def make(self, copied: Collection[Path] = ()) -> Self:
        """Makes the folder, copying files into it before it becomes a run. Raises UsageError if it is not empty."""
        if self.folder.exists() and not self.folder.is_dir():
            raise UsageError(f"{self.folder} is no folder: --out names another")
        config = self.config()
        content = encoded({**config, CHECKSUM: checksum(config)})
        self.folder.mkdir(parents=True, exist_ok=True)
        with alone(self.folder):
            make_empty(self.folder, {file.name for file in copied})
            for file in copied:
                write_whole(self.folder / file.name, file.read_bytes())
            write_whole(self.config_path, content)
        return self

    def load_latest(self, trained: Mapping[str, Stateful], warn: Warn) -> None:
        """Loads the newest intact checkpoint. Raises MissingFileError if there is none."""
        found = self.checkpoints.latest(warn=warn)
        if found is None:
            go_on = f"{self.command} --resume --out {quote(str(self.folder))}"
            raise MissingFileError(f"{self.folder} has no checkpoint yet: {go_on}")
        arrays, _, path = found
        load(path, arrays, trained)

    @property
    def config_path(self) -> Path:
        """The file that describes the run."""
        return self.folder / "config.json"

    @property
    def log_path(self) -> Path:
        """The file with its log."""
        return self.folder / "log.jsonl"

    @property
    def checkpoints(self) -> Checkpoints:
        """The saved states of its training."""
        return Checkpoints(self.folder / "checkpoints")


def encoded(config: Mapping[str, Any]) -> bytes:
    """The bytes of config.json. Raises UsageError for the path of a file whose name is no text."""
    try:
        return (json.dumps(config, indent=2, ensure_ascii=False) + "\n").encode()
    except UnicodeEncodeError as error:
        part = error.object[: error.end].rsplit("\n", 1)[-1].strip()
        raise UsageError(f"a name is no UTF-8 text, and config.json cannot hold it ({part!a}): rename it") from None


def make_empty(folder: Path, names: Collection[str]) -> None:
    """Deletes partial files from a folder that holds nothing else but `names`: leftovers of an interrupted attempt.

    Raises UsageError if it holds anything else.
    """
    left = {*parts(folder), *(folder / name for name in names)}
    if not left >= set(folder.iterdir()):
        raise UsageError(f"{folder} is not empty: --resume continues a run that was stopped, --out names another")
    for part in parts(folder):
        part.unlink()


def read_config(folder: Path, command: str) -> dict[str, Any]:
    """The content of a run's config.json.

    Raises MissingFileError, naming the command that makes runs, or CheckpointError.
    """
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise ValueError(f"it holds a {type(config).__name__}")
        if config.get(CHECKSUM, checksum(config)) != checksum(config):
            raise ValueError(f"it has changed since it was written; where that was meant, take its {CHECKSUM!r} out")
    except (FileNotFoundError, NotADirectoryError):
        raise MissingFileError(f"{folder} is no run: there is no {path}; `{command}` makes runs") from None
    except IsADirectoryError:
        raise CheckpointError(f"{path} is a folder, and should be a file") from None
    except (*_MISFITS, OSError) as error:
        raise CheckpointError(
            f"{path} does not describe a run of `{command}` ({told(error)}): name such a run, or put back a copy of it"
        ) from None
    return config


def checksum(config: Mapping[str, Any]) -> str:
    """The SHA-256 of the content of config.json, without the checksum itself and independent of the layout."""
    others = {name: value for name, value in config.items() if name != CHECKSUM}
    return hashlib.sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()


def load(
    path: Path, arrays: Mapping[str, Array], trained: Mapping[str, Stateful], cause: BaseException | None = None
) -> None:
    """Loads each part's state from a checkpoint's arrays.

    Raises CheckpointError, naming the file, if one does not fit.
    """
    with fitting(path, cause):
        for name, one in trained.items():
            one.load_state_dict(part(arrays, name))


@contextmanager
def fitting(path: Path, cause: BaseException | None = None) -> Iterator[None]:
    """A context that turns an error in using a checkpoint's content into a CheckpointError that names its file."""
    try:
        yield
    except _MISFITS as error:
        raise CheckpointError(
            f"{path} is not of what the run's config.json describes, or of another version, so that one of them is "
            f"another run's: {told(error)}"
        ) from cause


def told(error: Exception) -> str:
    """An error in words (the text of a KeyError is only the key)."""
    return f"it has no {error}" if isinstance(error, KeyError) else str(error) or repr(error)


def part(arrays: Mapping[str, Array], name: str) -> dict[str, Array]:
    """The arrays whose names begin with `name.`, with that prefix removed."""
    return {path.removeprefix(f"{name}."): array for path, array in arrays.items() if path.startswith(f"{name}.")}


def software() -> dict[str, str]:
    """The versions of the software on which the last bits of a run may depend."""
    return {"python": platform.python_version(), "minigrad": __version__, "numpy": np.__version__}
