"""Arrays and words that are not what the schema says: each is one clear error that names the key and what was found."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from coco_folder import (
    CAPTIONS,
    CAPTIONS_FILE,
    IMAGES,
    LENGTH,
    WIDTH,
    WORDS,
    refused,
    write_array,
    write_features,
    write_folder,
    write_vocabulary,
)

FEATURES_FILE = "train2014_plain.h5"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "data")


# 4. dtype and shape


@pytest.mark.parametrize(
    ("key", "array", "pattern"),
    [
        (
            "train_captions",
            np.zeros((23, LENGTH), "f4"),
            r"should hold integers, and holds floating-point .*\(float32\)",
        ),
        ("train_captions", np.zeros(23, "i4"), r"should have the shape \(N, T\), and has \(23,\)"),
        ("train_captions", np.zeros((0, LENGTH), "i4"), r"is empty: its shape \(N, T\) is \(0, 8\)"),
        ("train_captions", np.zeros((22, LENGTH), "i4"), "22 captions and 'train_image_idxs' 23"),
        ("train_captions", np.zeros((23, LENGTH + 1), "i4"), "train_captions are 9 tokens long, val_captions 8"),
        ("train_captions", np.array([b"a dog"] * 23), "should hold integers, and holds something else"),
        ("val_image_idxs", np.zeros((7, 1), "i4"), r"'val_image_idxs' should have the shape \(N\), and has \(7, 1\)"),
        ("val_image_idxs", np.zeros(7, "f8"), "'val_image_idxs' should hold integers"),
    ],
)
@pytest.mark.fault(number=4)
def test_arrays_of_another_form(folder: Path, key: str, array: np.ndarray, pattern: str) -> None:
    write_array(folder / CAPTIONS_FILE, key, array)
    refused(folder, pattern)


@pytest.mark.fault(number=4)
def test_ragged_captions(folder: Path) -> None:
    with h5py.File(folder / CAPTIONS_FILE, "a") as file:
        del file["train_captions"]
        ragged = file.create_dataset("train_captions", (2,), h5py.vlen_dtype(np.int32))
        ragged[0], ragged[1] = [1, 4, 2], [1, 2]
    refused(folder, "should hold integers, and holds lists of varying length")


@pytest.mark.fault(number=4)
def test_captions_of_a_single_token(folder: Path) -> None:
    for split, count in CAPTIONS.items():
        write_array(folder / CAPTIONS_FILE, f"{split}_captions", np.ones((count, 1), "i4"))
    refused(folder, "captions are 1 token long")


@pytest.mark.parametrize(
    ("features", "pattern"),
    [
        (np.zeros((9, WIDTH), "i4"), "should hold floating-point numbers, and holds integers"),
        (np.zeros((9, WIDTH, 1, 1), "f4"), r"should have the shape \(N, D\) or \(N, P, C\), and has \(9, 5, 1, 1\)"),
        (np.zeros((9, WIDTH + 1), "f4"), "train2014_plain.h5 has 6 features for each image and .*val2014_plain.h5 5"),
        (np.zeros((9, WIDTH, 2), "f4"), "train2014_plain.h5 has 5 × 2 features for each image and .*plain.h5 5 feat"),
        (h5py.Empty("f4"), r"should have the shape \(N, D\) or \(N, P, C\), and has \(\)"),
    ],
)
@pytest.mark.fault(number=4)
def test_features_of_another_form(folder: Path, features: np.ndarray, pattern: str) -> None:
    write_features(folder, "train", features)
    refused(folder, pattern)


@pytest.mark.fault(number=4)
def test_a_group_in_place_of_an_array(folder: Path) -> None:
    with h5py.File(folder / FEATURES_FILE, "w") as file:
        file.create_group("features")
    refused(folder, "'features' is a group, not an array")


@pytest.mark.fault(number=4)
def test_addresses_that_do_not_fit_the_images(folder: Path) -> None:
    path = folder / "train2014_urls.txt"
    path.write_text("<html>\n")
    refused(folder, "train2014_urls.txt has 1 addresses for 9 images")
    path.write_bytes(b"\xff" * 9)
    refused(folder, "train2014_urls.txt is no list of addresses")


# 5 and 6. ids out of range


def set_value(folder: Path, key: str, place: tuple[int, ...], value: int) -> None:
    with h5py.File(folder / CAPTIONS_FILE, "a") as file:
        values = file[key][...].astype(np.int64)
        values[place] = value
        del file[key]
        file[key] = values


@pytest.mark.parametrize("value", [-1, IMAGES["train"], 2**40])
@pytest.mark.fault(number=5)
def test_an_image_outside_the_features(folder: Path, value: int) -> None:
    set_value(folder, "train_image_idxs", (3,), value)
    refused(folder, rf"1 of 'train_image_idxs' are outside 0 to 8, .*plain.h5; the first is {value} at \[3\]")


@pytest.mark.parametrize("value", [-1, len(WORDS), 2**32 + 1])
@pytest.mark.fault(number=6)
def test_a_token_that_is_no_word(folder: Path, value: int) -> None:
    set_value(folder, "val_captions", (5, 1), value)
    set_value(folder, "val_captions", (2, 6), value)
    refused(folder, rf"2 of 'val_captions' are outside 0 to 9, .*vocabulary; the first is {value} at \[2, 6\]")


# 7. the vocabulary


@pytest.mark.parametrize(
    ("words", "mapped", "pattern"),
    [
        ((*WORDS[:2], "end", *WORDS[3:]), None, "the vocabulary lacks '<END>'"),
        ((), {}, "the vocabulary lacks '<NULL>', '<START>', '<END>', '<UNK>'"),
        ((*WORDS, "dog"), None, "the vocabulary has 'dog' more than once"),
        (WORDS, {w: i for i, w in enumerate((*WORDS[:8], "cats", "two"))}, "disagree about 2 .*'two' is 8 and 9"),
        (WORDS, {w: i for i, w in enumerate(WORDS[:9])}, "disagree about 1 .*'cats' is 9 and None"),
        (WORDS, {w: str(i) for i, w in enumerate(WORDS)}, "'word_to_idx' should give each word its id"),
        ((*WORDS, 7), None, "'idx_to_word' should be a list of words"),
    ],
)
@pytest.mark.fault(number=7)
def test_a_vocabulary_that_is_wrong(
    folder: Path, words: tuple[object, ...], mapped: dict[str, object] | None, pattern: str
) -> None:
    write_vocabulary(folder, words, mapped)
    refused(folder, f"vocab.json: .*{pattern}")
