"""The course's data as a dict of arrays, its minibatches and captions in words."""

import io
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from typing import Any
from urllib.request import urlopen

import numpy as np

from minigrad.errors import UsageError
from minigrad.op import Array
from models.data.coco import open_data

BASE_DIR = "cs231n/datasets/coco_captioning"
"""Where the course's get_datasets.sh puts the data, seen from the folder of its notebooks."""


def load_coco_data(
    base_dir: str = BASE_DIR,
    max_train: int | None = None,
    pca_features: bool = True,
    features: str | None = None,
) -> dict[str, Any]:
    """All arrays of a data set: `{train,val}_{captions,image_idxs,features,urls}`, idx_to_word and word_to_idx.

    The features are the course's `vgg16_fc7_pca`, `vgg16_fc7` with `pca_features=False`, or those called `features`.
    `max_train` draws that many training captions, with replacement, from NumPy's global state.
    """
    opened = open_data(base_dir, features or ("vgg16_fc7_pca" if pca_features else "vgg16_fc7"))
    data: dict[str, Any] = {
        "idx_to_word": list(opened.vocabulary.idx_to_word),
        "word_to_idx": dict(opened.vocabulary.word_to_idx),
    }
    for name, split in (("train", opened.train), ("val", opened.val)):
        data[f"{name}_captions"] = np.asarray(split.captions)
        data[f"{name}_image_idxs"] = np.asarray(split.image_idxs)
        data[f"{name}_features"] = split.features(np.arange(len(split.urls)))
        data[f"{name}_urls"] = np.asarray(split.urls)
    if max_train is not None:
        drawn = np.random.randint(len(data["train_captions"]), size=max_train)  # noqa: NPY002 (the course's)
        for key in ("train_captions", "train_image_idxs"):
            data[key] = data[key][drawn]
    return data


def sample_coco_minibatch(
    data: Mapping[str, Any], batch_size: int = 100, split: str = "train"
) -> tuple[Array, Array, Array]:
    """Captions (N, T), features (N, D) and addresses of a batch drawn with replacement from "train" or "val"."""
    if f"{split}_captions" not in data:
        raise UsageError(f"there is no split {split!r}: choose 'train' or 'val'")
    captions = data[f"{split}_captions"]
    chosen = np.random.choice(len(captions), batch_size)  # noqa: NPY002 (the course's global state)
    rows = data[f"{split}_image_idxs"][chosen]
    return captions[chosen], data[f"{split}_features"][rows], data[f"{split}_urls"][rows]


def decode_captions(captions: Array, idx_to_word: Sequence[str]) -> Any:
    """Ids (N, T) as N sentences, or (T,) as one: up to and including <END>, without <NULL>."""
    if captions.ndim == 1:
        return sentence(captions, idx_to_word)
    return [sentence(caption, idx_to_word) for caption in captions]


def sentence(caption: Array, idx_to_word: Sequence[str]) -> str:
    """One caption in words."""
    words = []
    for index in caption:
        word = idx_to_word[index]
        if word != "<NULL>":
            words.append(word)
        if word == "<END>":
            break
    return " ".join(words)


def image_from_url(url: str) -> Array | None:
    """The pixels (H, W, 3), uint8, of the picture at an address or path; needs Pillow.

    If it no longer exists, prints a line that says so and returns None, as in the course: the notebooks then go on.
    """
    from models.data.images import decoded, read_image

    try:
        if "://" not in url:
            return read_image(url)
        with urlopen(url, timeout=20) as response:
            return decoded(io.BytesIO(response.read()), url)
    except (OSError, ValueError, HTTPException) as error:  # unreachable, no address or picture at all, broken off
        print(f"no picture at {url}: {error}")
        return None
