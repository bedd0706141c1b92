"""Finds everything that is wrong with a folder in the course's schema, where `open_data` stops at the first fault.

The checks themselves are those of `coco`, which this imports; the command line imports this.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from minigrad.errors import DataError, MinigradError
from models.data.coco import (
    CaptionData,
    addresses,
    existing,
    feature_name,
    feature_names,
    integers,
    open_data,
)
from models.data.features import FeatureTable
from models.data.hdf5 import PATIENCE, open_hdf5
from models.data.split import Split
from models.data.vocabulary import Vocabulary, read_vocabulary

SPLITS = ("train", "val")


@dataclass(frozen=True)
class Checked:
    """What was found: faults, which make the data unusable, and remarks on what is odd but usable."""

    faults: tuple[str, ...]
    remarks: tuple[str, ...]
    data: CaptionData | None
    """The data, if nothing is wrong with it."""


def check(folder: str | Path, features: str | None = None, patience: float = PATIENCE) -> Checked:
    """Checks all files of a folder, with the features called `features` or all that it has."""
    folder, found = Path(folder), _Faults()
    names = found.of(_names, folder, features) or []
    vocabulary = found.of(_vocabulary, folder) if folder.is_dir() else None
    tables = {(name, split): found.of(_table, folder, name, split, patience) for name in names for split in SPLITS}
    if folder.is_dir():
        _check_captions(folder, found, tables, vocabulary, patience)
    for name in names:
        found.of(_refuse_unlike, tables[name, "train"], tables[name, "val"])
    if found.faults:
        return Checked(tuple(dict.fromkeys(found.faults)), (), None)
    data = found.of(open_data, folder, features)  # nothing that it finds is known here before
    return Checked(tuple(found.faults), tuple(_remarks(data)) if data else (), data)


class _Faults:
    """Collects the errors of several checks, so that one failure does not stop the others."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def of(self, f: Callable[..., Any], *arguments: Any) -> Any:
        """The result of f, or None if it fails, in which case the error is collected."""
        with self.kept():
            return f(*arguments)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """A context that collects an error raised inside it."""
        try:
            yield
        except MinigradError as error:
            self.faults.append(str(error))


def _names(folder: Path, wanted: str | None) -> list[str]:
    """The names of the features to check, including those that only one split has."""
    if wanted is None and folder.is_dir():
        return sorted({*feature_names(folder), *feature_names(folder, "val")}) or [feature_name(folder, None)]
    return [feature_name(folder, wanted)]


def _vocabulary(folder: Path) -> Vocabulary:
    return read_vocabulary(existing(folder / "coco2014_vocab.json", "the words and their ids"))


def _table(folder: Path, name: str, split: str, patience: float) -> FeatureTable:
    path = existing(folder / f"{split}2014_{name}.h5", f"the features of the {split} images")
    return FeatureTable(path, patience)


def _check_captions(
    folder: Path,
    found: _Faults,
    tables: dict[tuple[str, str], FeatureTable | None],
    vocabulary: Vocabulary | None,
    patience: float,
) -> None:
    """Checks the captions and addresses of both splits against those words and images that could be read."""
    lengths: list[int] = []
    counts = {s: [len(t) for (_, of), t in tables.items() if of == s and t is not None] for s in SPLITS}
    with found.kept():
        captions = existing(folder / "coco2014_captions.h5", "the encoded captions")
        with open_hdf5(captions, patience) as file:
            for split in SPLITS:
                lengths += _check_split(file, found, split, counts[split], vocabulary)
    for split in SPLITS:
        found.of(_addresses, folder, split, counts[split])
    if len(set(lengths)) > 1:
        found.faults.append(f"train_captions are {lengths[0]} tokens long, val_captions {lengths[1]}: pad both alike")


def _addresses(folder: Path, split: str, images: list[int]) -> None:
    path = existing(folder / f"{split}2014_urls.txt", "an address a line, for each image")
    addresses(path, images[0] if images else None)


def _check_split(
    file: h5py.File, found: _Faults, split: str, images: list[int], vocabulary: Vocabulary | None
) -> list[int]:
    """Checks a split's two arrays, and the length of its captions if they could be read."""
    words = (len(vocabulary), "the vocabulary") if vocabulary else (None, "ids")
    captions = found.of(integers, file, f"{split}_captions", "N T", *words)
    limit = (min(images), f"the {split} images") if images else (None, "rows")
    rows = found.of(integers, file, f"{split}_image_idxs", "N", *limit)
    if captions is not None and rows is not None and len(captions) != len(rows):
        counts = f"'{split}_captions' has {len(captions)} captions and '{split}_image_idxs' {len(rows)} images"
        found.faults.append(f"{file.filename}: {counts}: each caption needs one")
    return [] if captions is None else [captions.shape[1]]


def _refuse_unlike(train: FeatureTable | None, val: FeatureTable | None) -> None:
    if train is not None and val is not None and train.shape[1:] != val.shape[1:]:
        raise DataError(f"{train.path} has features {train.shape[1:]} for each image and {val.path} {val.shape[1:]}")


def _remarks(data: CaptionData) -> Iterator[str]:
    """What is odd but usable: captions without start or end, images without captions, photographs in both splits."""
    words = data.vocabulary
    for name, split in (("train", data.train), ("val", data.val)):
        begun = split.captions[:, 0] == words.start
        ended = (split.captions == words.end).any(axis=1)
        bare = len(split.urls) - len(np.unique(split.image_idxs))
        yield from _counted(int((~begun).sum()), f"{name} captions do not begin with <START>")
        yield from _counted(int((~ended).sum()), f"{name} captions have no <END>")
        yield from _counted(bare, f"{name} images have no caption")
    yield from _counted(len(_shared(data.train, data.val)), "addresses are in both splits")


def _shared(train: Split, val: Split) -> set[str]:
    return set(train.urls) & set(val.urls)


def _counted(count: int, what: str) -> list[str]:
    return [f"{count:,} {what}"] if count else []
