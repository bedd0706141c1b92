"""Writes the files of the course's schema: features with checksums, the vocabulary, encoded captions.

Imports `encoding`, `measuring` and `projection`; `models.data.preparation` imports this.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.errors import DataError, UsageError
from minigrad.op import Array
from models.data.encoding import WORDS, encoded, vocabulary_of
from models.data.hdf5_writing import new_hdf5
from models.data.measuring import Measured
from models.data.projection import Projection
from models.data.vocabulary import Vocabulary


@dataclass(frozen=True)
class Recipe:
    """How captions are encoded and features made."""

    length: int = 17
    """The tokens of an encoded caption, with <START> and <END>."""
    words: str = "ptb"
    """How captions are split into words: a name in `encoding.WORDS`."""
    min_count: int = 5
    """A word that occurs less often than this in the training captions becomes <UNK>."""
    most_words: int | None = None
    """The most words in the vocabulary, with the four special ones; None for no limit."""
    cut: bool = False
    """Whether a caption that is too long is cut; otherwise it is left out, as in the course."""
    components: int | None = None
    """The number of principal components; 0 only centres the features; None means 512, and 0 for a grid."""
    skip: bool = False
    """Whether photographs that are missing or unreadable are left out; otherwise they stop the preparation."""
    threads: int = 1
    """The parts into which the network's work is divided; the last bits depend on it."""

    def __post_init__(self) -> None:
        if self.words not in WORDS:
            raise UsageError(f"words are made by {self.words!r}: choose one of {', '.join(WORDS)}")
        if self.length < 3:
            raise UsageError(f"captions of {self.length} tokens have no room for a word between <START> and <END>")
        if self.min_count < 1 or self.threads < 1 or (self.components or 0) < 0:
            raise UsageError("min_count and threads are at least 1, components at least 0")

    @property
    def room(self) -> int:
        """The number of words that fit into an encoded caption."""
        return self.length - 2


def write_features(path: Path, measured: Measured, projection: Projection) -> tuple[int, ...]:
    """Writes the projected features of each image, a block at a time, with a checksum on each chunk."""
    table, start = None, 0
    with new_hdf5(path) as file:
        for block in measured.blocks():
            rows = projection(block).astype(np.float32)
            if table is None:
                shape = (measured.count, *rows.shape[1:])
                chunk = min(shape[0], max(1, 2**17 // max(rows[0].nbytes, 1)))
                table = file.create_dataset("features", shape, "f4", chunks=(chunk, *shape[1:]), fletcher32=True)
            table[start : start + len(rows)] = rows
            start += len(rows)
        if table is None:
            raise DataError("no photograph of a split is left: both need one at least")
        return tuple(table.shape[1:])


@dataclass(frozen=True)
class WrittenCaptions:
    """The vocabulary, the number of captions in each split, and a line for each kind of thing left out."""

    vocabulary: Vocabulary
    counts: Mapping[str, int]
    unknown: float
    """The share of the captions' words that became <UNK>."""
    left_out: tuple[str, ...]


Said = Mapping[str, Sequence[Sequence[str]]]
"""The captions of each photograph of a split; a caption is a text or a list of words."""


def write_captions(folder: Path, said: Said, recipe: Recipe, vocabulary: Vocabulary | None) -> WrittenCaptions:
    """Writes the encoded captions and the vocabulary, which is made from the training captions unless it is given."""
    make = WORDS[recipe.words]
    words = {split: [[make(caption) for caption in photo] for photo in photos] for split, photos in said.items()}
    if vocabulary is None:
        vocabulary = vocabulary_of((c for photo in words["train"] for c in photo), recipe.min_count, recipe.most_words)
    maps = {"idx_to_word": list(vocabulary.idx_to_word), "word_to_idx": vocabulary.word_to_idx}
    write_json(folder / "coco2014_vocab.json", maps)
    encoded = {split: _rows(photos, recipe, vocabulary) for split, photos in words.items()}
    with new_hdf5(folder / "coco2014_captions.h5") as file:
        for split, (rows, captions) in encoded.items():
            _refuse_none(split, captions, recipe)
            for key, array in ((f"{split}_captions", captions), (f"{split}_image_idxs", rows)):
                file.create_dataset(key, data=array, chunks=array.shape, fletcher32=True)
    left_out = {s: sum(map(len, photos)) - len(encoded[s][1]) for s, photos in words.items()}
    return WrittenCaptions(
        vocabulary,
        {split: len(captions) for split, (_, captions) in encoded.items()},
        _unknown([captions for _, captions in encoded.values()], vocabulary),
        tuple(f"{n} {s} captions are left out: no word, or over {recipe.room}" for s, n in left_out.items() if n),
    )


def _refuse_none(split: str, captions: Array, recipe: Recipe) -> None:
    """Raises DataError if a split has no captions left."""
    if not len(captions):
        raise DataError(f"no {split} caption has at most {recipe.room} words: give a greater --length, or --long cut")


def _unknown(captions: Iterable[Array], vocabulary: Vocabulary) -> float:
    """The share of words that became <UNK>."""
    ids = np.concatenate([c.ravel() for c in captions])
    words = ~np.isin(ids, [vocabulary.null, vocabulary.start, vocabulary.end])
    return float((ids == vocabulary.unk).sum() / max(1, words.sum()))


def _rows(
    photographs: Iterable[Sequence[Sequence[str]]], recipe: Recipe, vocabulary: Vocabulary
) -> tuple[Array, Array]:
    """The image row (N) and the encoded caption (N, T) of each caption; those too long are left out or cut."""
    fitting = [
        (row, encoded(words, vocabulary, recipe.length))
        for row, captions in enumerate(photographs)
        for words in captions
        if words and (recipe.cut or len(words) <= recipe.room)
    ]
    return np.array([row for row, _ in fitting], np.int32), np.array([ids for _, ids in fitting], np.int32)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes JSON on one line."""
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
