"""The course's four-file schema: `open_data` reads a folder of it, and nothing that is wrong in it gets past.

    coco2014_captions.h5         {split}_captions (N, T), {split}_image_idxs (N)
    coco2014_vocab.json          idx_to_word, word_to_idx
    {split}2014_NAME.h5          features (images, D) or (images, P, C), NAME such as vgg16_fc7_pca
    {split}2014_urls.txt         an address a line, for each image

with train and val for the split. COCO itself, subsets of it and the scenes come in it. Imports the rest of the schema's
files; `models.training` and the command line import it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from minigrad.errors import DataError, MissingFileError
from minigrad.op import Array
from models.data.features import FeatureTable
from models.data.hdf5 import PATIENCE, dataset, open_hdf5, reading
from models.data.spelling import choices
from models.data.split import Batch, Split, at_least_one
from models.data.vocabulary import Vocabulary, read_vocabulary

__all__ = ["Batch", "CaptionData", "Split", "Vocabulary", "open_data"]

PREFERRED = ("vgg16_fc7_pca", "scenes_pca", "vgg16_fc7", "squeezenet_fire9")
"""The features to take if none are named, best first; if a folder has none of these, the first by name."""
_REMEDY = (
    "get_datasets.sh in the course's datasets folder fetches it, `minigrad data prepare` makes it of photographs, and "
    "`minigrad train` without --data makes scenes, which need no download"
)


@dataclass(frozen=True)
class CaptionData:
    """An opened folder: the captions are in memory, the features are read from disk row by row."""

    folder: Path
    feature_name: str
    vocabulary: Vocabulary
    train: Split
    val: Split

    @property
    def counted(self) -> dict[str, int]:
        """How many non-finite feature values were replaced in each split."""
        return {"train": self.train.table.replaced, "val": self.val.table.replaced}


def open_data(
    folder: str | Path,
    features: str | None = None,
    *,
    max_train: int | None = None,
    rng: np.random.Generator | None = None,
    replace_nonfinite: bool = False,
    patience: float = PATIENCE,
    counted: Mapping[str, int] | None = None,
) -> CaptionData:
    """Opens and validates a folder in the course's schema.

    `features` is the NAME in {split}2014_NAME.h5. `max_train` keeps that many training captions, drawn with
    replacement as in the course, by `rng` or by a generator of seed 0. Raises MissingFileError or DataError; waits up
    to `patience` seconds for a file that is being written. `counted` is that of the same data where another process has
    opened it: the features are then not looked through again.
    """
    folder = Path(folder)
    name = feature_name(folder, features)
    vocabulary = read_vocabulary(existing(folder / "coco2014_vocab.json", "the words and their ids"))
    tables = {
        split: FeatureTable(
            existing(folder / f"{split}2014_{name}.h5", f"the features of the {split} images"),
            patience,
            replace_nonfinite,
            None if counted is None else counted[split],
        )
        for split in ("train", "val")
    }
    captions = existing(folder / "coco2014_captions.h5", "the encoded captions")
    with open_hdf5(captions, patience) as file:
        train, val = (_split(folder, file, split, tables[split], vocabulary) for split in ("train", "val"))
    refuse_unlike(train, val)
    if max_train is not None:
        rng = rng or np.random.default_rng(0)
        train = train.take(rng.integers(len(train), size=at_least_one("max_train", max_train)))
    return CaptionData(folder, name, vocabulary, train, val)


def existing(path: Path, holds: str) -> Path:
    """The path itself. Raises MissingFileError, saying what it should hold, if there is no file."""
    if not path.is_file():
        raise MissingFileError(f"there is no {path}, which holds {holds}: {_REMEDY}")
    return path


def feature_name(folder: Path, wanted: str | None) -> str:
    """The wanted features' name, or the best available. Raises MissingFileError listing the names there are."""
    if not folder.is_dir():
        raise MissingFileError(f"there is no folder {folder}, which holds the data: {_REMEDY}")
    names = feature_names(folder)
    if wanted is None and names:
        return next((name for name in PREFERRED if name in names), names[0])
    if wanted not in names:
        path = folder / f"train2014_{wanted or 'NAME'}.h5"
        hint = f"{choices(wanted or '', names)}; name the features you want" if names else _REMEDY
        raise MissingFileError(f"there is no {path}, which holds the features of the images: {hint}")
    return wanted


def feature_names(folder: Path, split: str = "train") -> list[str]:
    """The names of the features in a folder, in order. Files of pictures, which scenes have, do not count."""
    names = (path.stem.removeprefix(f"{split}2014_") for path in folder.glob(f"{split}2014_*.h5"))
    return sorted(name for name in names if name != "images")


def _split(folder: Path, file: h5py.File, split: str, table: FeatureTable, vocabulary: Vocabulary) -> Split:
    """A split, after checking that every token is a word's id and every caption has an image."""
    captions = integers(file, f"{split}_captions", "N T", len(vocabulary), "the vocabulary")
    rows = integers(file, f"{split}_image_idxs", "N", len(table), str(table.path))
    if len(captions) != len(rows):
        raise DataError(
            f"{file.filename}: '{split}_captions' has {len(captions)} captions and '{split}_image_idxs' {len(rows)} "
            "images: each caption needs one"
        )
    urls = addresses(existing(folder / f"{split}2014_urls.txt", "an address a line, for each image"), len(table))
    return Split(captions, rows, table, urls, vocabulary.null)


def integers(file: h5py.File, key: str, axes: str, limit: int | None, of: str) -> Array:
    """An array of ids from 0 to below `limit`, as int32.

    Raises DataError with the number of ids outside that range and the place of the first.
    """
    found = dataset(file, key, "iu", axes)
    with reading(file.filename, key):
        values: Array = found[...]
    limit = np.iinfo(np.int32).max if limit is None else limit
    if values.min() < 0 or values.max() >= limit:
        outside = np.argwhere((values < 0) | (values >= limit))
        raise DataError(
            f"{file.filename}: {len(outside):,} of {key!r} are outside 0 to {limit - 1}, the range of {of}; the first "
            f"is {values[tuple(outside[0])]} at {outside[0].tolist()}"
        )
    return values.astype(np.int32, copy=False)


def addresses(path: Path, images: int | None = None) -> tuple[str, ...]:
    """The lines of a file. Raises DataError unless there is one for each image, if the number of images is known."""
    try:
        lines = tuple(path.read_text(encoding="utf-8").splitlines())
    except (ValueError, OSError) as error:
        raise DataError(f"{path} is no list of addresses ({error}): fetch or make it again") from None
    if images is not None and len(lines) != images:
        raise DataError(f"{path} has {len(lines)} addresses for {images} images: there should be one a line")
    return lines


def refuse_unlike(train: Split, val: Split) -> None:
    """Raises DataError if the two splits' features differ in size, so that no model could read both."""
    length = train.captions.shape[1]
    if val.captions.shape[1] != length:
        raise DataError(
            f"train_captions are {length} tokens long, val_captions {val.captions.shape[1]}: pad both alike"
        )
    if val.feature_shape != train.feature_shape:
        raise DataError(
            f"{train.table.path} has {_size(train)} for each image and {val.table.path} {_size(val)}: make both alike"
        )
    if length < 2:
        raise DataError(f"captions are {length} token long: there should be a start and a word at least")


def _size(split: Split) -> str:
    """The size of an image's features in words, such as `512 features` or `49 × 512 features`."""
    return f"{' × '.join(map(str, split.feature_shape))} features"
