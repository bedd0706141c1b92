"""Writes the scenes as a data set in the course's four-file schema, with their pictures and what they show.

The folder is written under another name and renamed when complete, so that a partial one is never used.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt

from minigrad.compiler.parallel import one_blas_thread
from minigrad.errors import UsageError
from models.data.hdf5_writing import new_hdf5
from models.data.progress import Progress, silent
from models.data.scenes.drawing import draw
from models.data.scenes.extractor import Extractor, fit, measure
from models.data.scenes.features import Array, random_filters
from models.data.scenes.grammar import CAPTIONS_PER_SCENE, captions, words
from models.data.scenes.picture import SIDE, Image
from models.data.scenes.world import Scene, Triple, held_out_scenes, random_held_out_triples, training_scenes
from models.folders import naming, put_folder

NAME = "scenes_pca"
"""The name of the features: the loader finds them in {split}2014_scenes_pca.h5."""
SPECIAL_WORDS = ("<NULL>", "<START>", "<END>", "<UNK>")
LENGTH = 17
"""Tokens of an encoded caption, as in the course; the longest sentence has 14 words, a start and an end."""

Split = str
"""train or val."""


def build(
    folder: str | Path,
    seed: int = 0,
    train: int = 10_000,
    held_out: int = 1_000,
    progress: Progress | None = None,
) -> Path:
    """Makes the data set of a seed: `train` training and `held_out` held-out scenes.

    Every second held-out scene has a combination (triple) that never occurs in training. The same seed gives the same
    bits on the same machine. Raises UsageError if the folder is not empty.
    """
    folder = Path(folder).absolute()
    if train < 1 or held_out < 1:
        raise UsageError(f"{train} training and {held_out} held-out scenes: there must be at least one of each")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists and is not empty: remove it, or build the scenes elsewhere")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
        whole = Path(beside) / folder.name
        whole.mkdir()
        with naming(folder), one_blas_thread():  # the bits do not depend on how many there are
            _write_all(whole, seed, train, held_out, progress or silent)
        put_folder(whole, folder)
    return folder


def _write_all(folder: Path, seed: int, train: int, held_out: int, progress: Progress) -> None:
    lot, pencil, tongue = np.random.default_rng(seed).spawn(3)
    triples = random_held_out_triples(lot)
    scenes = {"train": training_scenes(train, triples, lot)}
    seen = frozenset[Triple]().union(*(scene.triples for scene in scenes["train"]))
    scenes["val"] = held_out_scenes(held_out, triples, seen, lot)

    images = _drawn(scenes["train"] + scenes["val"], pencil, progress)
    extractor, features = _fitted(images, train, progress)
    extractor.save(folder / "extractor.npz")
    for split, rows in (("train", slice(train)), ("val", slice(train, None))):
        _write_arrays(folder / f"{split}2014_images.h5", {"images": images[rows]})
        _write_arrays(folder / f"{split}2014_{NAME}.h5", {"features": features[rows]})
        _write_addresses(folder, split, len(scenes[split]))
    _write_captions(folder, scenes, tongue)
    _write_scenes(folder, scenes, seed, triples)


def _drawn(scenes: Sequence[Scene], rng: np.random.Generator, progress: Progress) -> Image:
    """The pictures (N, 64, 64, 3) of all scenes."""
    images = np.empty((len(scenes), SIDE, SIDE, 3), np.uint8)
    for row, scene in enumerate(scenes):
        images[row] = draw(scene, rng)
        progress("drawing", row + 1, len(scenes))
    return images


def _fitted(images: Image, train: int, progress: Progress) -> tuple[Extractor, Array]:
    """The extractor fitted to the first `train` pictures, and the features (N, 512) of all pictures."""
    filters = random_filters()
    measured = measure(images, filters, lambda done: progress("extracting features", done, len(images)))
    extractor = fit(measured[:train], filters)
    return extractor, extractor.project(measured)


def _write_captions(folder: Path, scenes: dict[Split, list[Scene]], rng: np.random.Generator) -> None:
    """Writes the vocabulary, and five encoded captions for each scene with the scene's row."""
    idx_to_word = [*SPECIAL_WORDS, *words()]
    word_to_idx = {word: index for index, word in enumerate(idx_to_word)}
    _write_json(folder / "coco2014_vocab.json", {"idx_to_word": idx_to_word, "word_to_idx": word_to_idx})
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for split, described in scenes.items():
        encoded = [_encoded(caption, word_to_idx) for scene in described for caption in captions(scene, rng)]
        rows = np.arange(len(described), dtype=np.int32).repeat(CAPTIONS_PER_SCENE)
        arrays |= {f"{split}_captions": np.array(encoded, np.int32), f"{split}_image_idxs": rows}
    _write_arrays(folder / "coco2014_captions.h5", arrays)


def _encoded(caption: str, word_to_idx: dict[str, int]) -> list[int]:
    """The caption's ids: start, the words, end, then nulls up to the common length."""
    tokens = [word_to_idx[word] for word in ("<START>", *caption.split(), "<END>")]
    return tokens + [word_to_idx["<NULL>"]] * (LENGTH - len(tokens))


def _write_scenes(folder: Path, scenes: dict[Split, list[Scene]], seed: int, triples: frozenset[Triple]) -> None:
    """Writes what every picture shows, and which combinations never occur in training."""
    described = {split: [asdict(scene) for scene in listed] for split, listed in scenes.items()}
    _write_json(folder / "scenes.json", {"seed": seed, "held_out": sorted(triples), **described})


def _write_addresses(folder: Path, split: Split, count: int) -> None:
    lines = (f"{split}2014_images.h5#images/{row}\n" for row in range(count))
    (folder / f"{split}2014_urls.txt").write_text("".join(lines), encoding="utf-8")


def _write_json(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def _write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
    """Writes an HDF5 file, with a checksum on each chunk."""
    with new_hdf5(path) as file:
        for key, array in arrays.items():
            chunks = (min(len(array), max(1, 2**17 // array[0].nbytes)), *array.shape[1:])
            file.create_dataset(key, data=array, chunks=chunks, fletcher32=True)
