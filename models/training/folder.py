"""A run's folder: where its description, its log and its checkpoints are. All of `models.training` may import it."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

from minigrad.errors import CheckpointError, MissingFileError, UsageError
from minigrad.files import parts
from minigrad.op import Array
from minigrad.store import Checkpoints
from models.training.log import Warn


class Stateful(Protocol):
    """A Module or an optimiser: what a checkpoint keeps."""

    def state_dict(self) -> dict[str, Array]:
        """Its arrays by name."""
        ...

    def load_state_dict(self, state: Mapping[str, Any], /) -> Any:
        """Takes them over."""
        ...


@dataclass(frozen=True)
class RunFolder(ABC):
    """Holds config.json, log.jsonl and checkpoints; subclasses say what is in the first."""

    command: ClassVar[str]
    """What makes such runs."""
    folder: Path

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Reads what `create` wrote; MissingFileError or CheckpointError when it is not there or not that."""
        path = Path(folder) / "config.json"
        try:
            return cls.described(Path(folder), json.loads(path.read_text(encoding="utf-8")))
        except (FileNotFoundError, NotADirectoryError):
            raise MissingFileError(f"{folder} is no run: there is no {path}; `{cls.command}` makes runs") from None
        except CheckpointError:
            raise
        except IsADirectoryError:
            raise CheckpointError(f"{path} is a folder, and should be a file") from None
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError, OSError) as error:
            raise CheckpointError(f"{path} does not describe a run of `{cls.command}` ({error!r})") from None

    @classmethod
    @abstractmethod
    def described(cls, folder: Path, config: Any) -> Self:
        """The run that config.json tells of; any error where it does not."""

    def latest(self, warn: Warn) -> dict[str, Array]:
        """The arrays of the newest checkpoint that is whole; MissingFileError where there is none."""
        found = self.checkpoints.latest(warn=warn)
        if found is None:
            raise MissingFileError(f"{self.folder} has no checkpoint yet: {self.command} --resume --out {self.folder}")
        return found[0]

    @property
    def config_path(self) -> Path:
        """The file that describes the run."""
        return self.folder / "config.json"

    @property
    def log_path(self) -> Path:
        """The file of its records."""
        return self.folder / "log.jsonl"

    @property
    def checkpoints(self) -> Checkpoints:
        """The last states of its training."""
        return Checkpoints(self.folder / "checkpoints")


def take_over(trained: Stateful, arrays: Mapping[str, Array], name: str, folder: Path) -> None:
    """Loads the arrays whose names begin with `name.`; CheckpointError where they are those of another architecture."""
    own = {path.removeprefix(f"{name}."): array for path, array in arrays.items() if path.startswith(f"{name}.")}
    try:
        trained.load_state_dict(own)
    except CheckpointError as error:
        raise CheckpointError(
            f"the checkpoint in {folder} is not of what its config.json describes, so that one of them is another "
            f"run's: {error}"
        ) from None


def make_empty(folder: Path) -> None:
    """Makes the folder; UsageError where it holds more than parts of files, as making it leaves when it is killed."""
    if folder.exists() and (not folder.is_dir() or set(folder.iterdir()) > set(parts(folder))):
        raise UsageError(f"{folder} is not empty: --resume continues a run that was stopped, --out names another")
    folder.mkdir(parents=True, exist_ok=True)
    for part in parts(folder):
        part.unlink()
