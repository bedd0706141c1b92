"""The data a command works on: the scenes, which are built if necessary, or a folder of four files."""

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from minigrad.cli import console
from models.data.cache import find_scenes, scenes_folder
from models.data.coco import CaptionData
from models.data.scenes import NAME, Scenes, open_scenes
from models.parallel import Ranks
from models.training import Source

SCENES = "scenes"
"""The name that stands for the embedded scenes in place of a folder."""


@dataclass(frozen=True)
class Opened:
    """The data of a source, and its scenes if it has some."""

    data: CaptionData
    scenes: Scenes | None


def source_of(arguments: Namespace) -> Source:
    """The source that --data, --features, --max-train and --replace-nonfinite name."""
    folder = located(arguments.data or SCENES)
    shows_scenes = (folder / "scenes.json").is_file()
    features = arguments.features or (NAME if shows_scenes else None)
    return Source(str(folder), features, shows_scenes, arguments.max_train, arguments.replace_nonfinite)


def located(data: str) -> Path:
    """The absolute folder; scenes are built first if they do not exist."""
    if data != SCENES:
        return Path(data).absolute()
    found = find_scenes()
    if found is not None:
        return found
    console.complain("building the scenes: 11,000 pictures, their captions and features (once)")
    with console.Stages() as report:
        return scenes_folder(progress=report)


def open_source(source: Source, counted: Mapping[str, int] | None = None) -> Opened:
    """Opens and validates the data; features already `counted` are not validated again."""
    return Opened(source.open(counted), open_scenes(source.folder) if source.scenes else None)


def open_together(source: Source, ranks: Ranks) -> Opened:
    """Opens the data on all ranks; the first one validates the features before the others open them."""
    own: list[Opened] = []

    def looked_through() -> Mapping[str, int]:
        own.append(open_source(source))
        return own[0].data.counted

    counted = ranks.once(looked_through)
    return own[0] if own else open_source(source, counted)


def elsewhere(source: Source, data: str | None) -> Source:
    """The source with its files in another folder, if one is given."""
    return source if data is None else replace(source, folder=str(located(data)))
