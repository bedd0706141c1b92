"""A run's folder: where its description, its log and its checkpoints are. All of `models.training` may import it."""

from dataclasses import dataclass
from pathlib import Path

from minigrad.errors import UsageError
from minigrad.files import parts
from minigrad.store import Checkpoints


@dataclass(frozen=True)
class RunFolder:
    """Holds config.json, log.jsonl and checkpoints; subclasses say what is in the first."""

    folder: Path

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


def make_empty(folder: Path) -> None:
    """Makes the folder; UsageError where it holds more than parts of files, as making it leaves when it is killed."""
    if folder.exists() and (not folder.is_dir() or set(folder.iterdir()) > set(parts(folder))):
        raise UsageError(f"{folder} is not empty: --resume continues a run that was stopped, --out names another")
    folder.mkdir(parents=True, exist_ok=True)
    for part in parts(folder):
        part.unlink()
