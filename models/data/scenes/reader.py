"""Reads a folder of scenes: pictures, what they show, the extractor of their features; and judges captions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from minigrad.errors import DataError, MissingFileError, UsageError
from models.data.hdf5 import dataset, open_hdf5, reading
from models.data.scenes.extractor import Extractor
from models.data.scenes.grammar import is_true
from models.data.scenes.picture import Image
from models.data.scenes.world import ROLES, Scene, Thing, Triple


@dataclass(frozen=True)
class Scenes:
    """An opened folder of scenes: what each row of "train" and "val" shows, and the triples held out of training."""

    folder: Path
    scenes: dict[str, tuple[Scene, ...]]
    held_out: frozenset[Triple]

    @cached_property
    def extractor(self) -> Extractor:
        """The extractor that made the features, ready for new pictures."""
        return Extractor.load(self.folder / "extractor.npz")

    def images(self, split: str, rows: Sequence[int]) -> Image:
        """The pictures (N, 64, 64, 3), uint8, of some rows of "train" or "val"."""
        path = self.folder / f"{split}2014_images.h5"
        if not path.is_file():
            raise MissingFileError(f"no pictures at {path}: build the scenes again")
        for row in rows:
            self.shown(split, row)
        with open_hdf5(path) as file, reading(path, "images"):
            stored = dataset(file, "images", "u", "N Y X C")
            return np.stack([stored[row] for row in rows])

    def shown(self, split: str, row: int) -> Scene:
        """What the picture of a row of "train" or "val" shows. Raises UsageError if the row does not exist."""
        scenes = self.scenes[split]
        if not 0 <= row < len(scenes):
            raise UsageError(f"there is no row {row} in {split}: it has rows 0 to {len(scenes) - 1}")
        return scenes[row]

    def never_seen(self, row: int) -> bool:
        """Whether a held-out scene has a combination of role, colour and shape that never occurs in training."""
        return bool(self.shown("val", row).triples & self.held_out)

    def judge(self, captions: Mapping[int, str]) -> dict[str, float]:
        """The shares of strictly true captions among the held-out rows: "seen", "never_seen" combinations, and "all".

        A group is left out if none of its rows has a caption.
        """
        if not captions:
            raise UsageError("no captions to judge: give at least one, by its held-out row")
        true = {row: is_true(caption, self.shown("val", row)) for row, caption in captions.items()}
        groups = {
            "seen": [right for row, right in true.items() if not self.never_seen(row)],
            "never_seen": [right for row, right in true.items() if self.never_seen(row)],
            "all": list(true.values()),
        }
        return {name: sum(group) / len(group) for name, group in groups.items() if group}


def open_scenes(folder: str | Path) -> Scenes:
    """Opens a folder that `build` wrote."""
    path = Path(folder) / "scenes.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        scenes = {split: tuple(_scene(**entry) for entry in content[split]) for split in ("train", "val")}
        held_out = frozenset((role, colour, shape) for role, colour, shape in content["held_out"])
    except (FileNotFoundError, NotADirectoryError):
        raise MissingFileError(f"no scenes at {path}: models.data.scenes.build({str(folder)!r}) makes them") from None
    except (KeyError, TypeError, ValueError, RecursionError, OSError) as error:
        raise DataError(f"{path} does not describe scenes ({error!r}): build them again") from None
    return Scenes(Path(folder), scenes, held_out)


def _scene(kind: str, things: list[dict[str, str]], place: str) -> Scene:
    if len(things) != len(ROLES[kind]):
        raise ValueError(f"{kind} of {len(things)}")
    return Scene(kind, tuple(Thing(**thing) for thing in things), place)
