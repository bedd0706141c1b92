"""A small folder in the course's schema, for tests to read and to damage."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt
import pytest

from minigrad.errors import DataError
from models.data.coco import open_data

WORDS = ("<NULL>", "<START>", "<END>", "<UNK>", "a", "dog", "on", "grass", "two", "cats")
LENGTH, WIDTH = 8, 5
CAPTIONS = {"train": 23, "val": 7}
IMAGES = {"train": 9, "val": 4}
NAME = "plain"
CAPTIONS_FILE, VOCABULARY_FILE = "coco2014_captions.h5", "coco2014_vocab.json"


def write_folder(folder: Path, name: str = NAME) -> Path:
    """Writes the four files: random captions of 1 to 6 words, random features."""
    rng = np.random.default_rng(0)
    folder.mkdir(exist_ok=True)
    write_vocabulary(folder)
    for split, images in IMAGES.items():
        captions = np.array([random_caption(rng) for _ in range(CAPTIONS[split])], np.int32)
        write_array(folder / CAPTIONS_FILE, f"{split}_captions", captions)
        write_array(
            folder / CAPTIONS_FILE, f"{split}_image_idxs", rng.integers(images, size=len(captions)).astype("i4")
        )
        write_features(folder, split, rng.standard_normal((images, WIDTH)).astype(np.float32), name)
        addresses = "".join(f"http://example.org/{split}/{row}.jpg\n" for row in range(images))
        (folder / f"{split}2014_urls.txt").write_text(addresses)
    return folder


def random_caption(rng: np.random.Generator) -> list[int]:
    """Start, some words, end, padding."""
    words = rng.integers(3, len(WORDS), size=rng.integers(1, LENGTH - 1)).tolist()
    return [1, *words, 2, *[0] * (LENGTH - 2 - len(words))]


def write_array(path: Path, key: str, array: npt.ArrayLike) -> None:
    """Puts an array into an HDF5 file in place of the one there."""
    with h5py.File(path, "a") as file:
        if key in file:
            del file[key]
        file[key] = array


def write_features(folder: Path, split: str, features: npt.ArrayLike, name: str = NAME) -> Path:
    """Puts features into their file."""
    path = folder / f"{split}2014_{name}.h5"
    write_array(path, "features", features)
    return path


def write_vocabulary(
    folder: Path, idx_to_word: Sequence[object] = WORDS, word_to_idx: Mapping[str, object] | None = None
) -> None:
    """Writes the vocabulary; the map follows from the list unless it is given."""
    mapped = {str(word): index for index, word in enumerate(idx_to_word)} if word_to_idx is None else word_to_idx
    content = {"idx_to_word": list(idx_to_word), "word_to_idx": mapped}
    (folder / VOCABULARY_FILE).write_text(json.dumps(content))


def refused(folder: Path, pattern: str, error: type[Exception] = DataError) -> None:
    """Asserts that opening fails with a message of one line that has the pattern."""
    with pytest.raises(error, match=pattern) as caught:
        open_data(folder, patience=0)
    assert "\n" not in str(caught.value)
