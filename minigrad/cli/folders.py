"""Where commands write by default. All of `minigrad.cli` may import it."""

from contextlib import suppress
from itertools import count
from pathlib import Path

RUNS = Path("runs")


def next_folder(name: str) -> Path:
    """runs/scenes-lstm-1, or with the first number that is free."""
    return next(folder for n in count(1) if not (folder := RUNS / f"{name}-{n}").exists())


def new_folder(name: str) -> Path:
    """The same, made, so that no other process gets it too."""
    while True:
        folder = next_folder(name)
        with suppress(FileExistsError):
            folder.mkdir(parents=True)
            return folder
