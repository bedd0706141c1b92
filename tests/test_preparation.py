"""Photographs to the course's four files: what the loader makes of them, interruptions, photographs that are broken."""

import json
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from photo_folder import parts_of
from PIL import Image

from minigrad import no_grad
from minigrad.errors import DataError, UsageError
from models.data import measuring
from models.data.annotations import read_annotations
from models.data.coco import open_data
from models.data.imagenet import framed, preprocess
from models.data.images import read_image
from models.data.preparation import Part, Prepared, prepare
from models.data.projection import PROJECTION, Projection
from models.data.vocabulary import read_vocabulary
from models.data.writing import Recipe, write_captions
from models.photo_features import PhotoFeatures, ProjectedFeatures
from models.squeezenet import SqueezeNet
from models.weights import load_weights, read_weights

NETWORK = SqueezeNet(num_classes=3)
RECIPE = Recipe(length=8, min_count=2)


@pytest.fixture(scope="module", autouse=True)
def small_blocks() -> Iterator[None]:
    """So that a few photographs are several blocks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "BLOCK", 2)
        yield


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    parts_of(folder)
    return folder


@pytest.fixture(scope="module")
def prepared(photographs: Path) -> Prepared:
    return prepare(photographs / "data", parts_of(photographs), PhotoFeatures("squeezenet", NETWORK), RECIPE)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_loader_takes_what_was_prepared(prepared: Prepared) -> None:
    data = open_data(prepared.folder)
    assert data.feature_name == prepared.name == "squeezenet_fire9_pca"
    assert [len(s.urls) for s in (data.train, data.val)] == [7, 3]
    assert data.train.captions.shape == (14, 8) and data.train.feature_shape == prepared.shape == (6,)
    assert data.train.urls[0] == "http://example.org/1.jpg" and data.train.urls[3].endswith("images/4.png")
    assert data.vocabulary.decode(data.train.captions[0]) == "a green box on the wall"
    assert data.vocabulary.decode(data.train.captions[1]) == "there 's a green box"
    assert data.vocabulary.idx_to_word[:5] == ("<NULL>", "<START>", "<END>", "<UNK>", "a")
    assert (prepared.captions.counts, prepared.captions.unknown) == ({"train": 14, "val": 6}, 0)


def test_what_is_beside_the_four_files_says_which_photograph_a_row_is(prepared: Prepared) -> None:
    listed = json.loads((prepared.folder / "photographs.json").read_text())
    assert listed["val"]["photographs"][1] == {
        "id": 101, "file": "101.png", "captions": ["A blue box on the wall.", "There's a blue box!"],
    }  # fmt: skip
    assert (Path(listed["val"]["folder"]) / "101.png").is_file()


def test_a_new_photograph_gets_the_features_that_it_would_have_had(prepared: Prepared, photographs: Path) -> None:
    features = ProjectedFeatures(NETWORK, Projection.load(prepared.folder / PROJECTION))
    x = np.concatenate([preprocess(framed(read_image(photographs / f"images/{n}.png"))) for n in (3, 101)])
    with no_grad():
        found = features(x).numpy()
    data = open_data(prepared.folder)
    np.testing.assert_allclose(found[0], data.train.features([2])[0], atol=1e-4)
    np.testing.assert_allclose(found[1], data.val.features([1])[0], atol=1e-4)


def test_features_are_centred_and_fewer_components_than_wished_are_told(prepared: Prepared) -> None:
    features = open_data(prepared.folder).train.features(range(7))
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-4)
    assert "6 components, not 512: there are 7 training photographs" in prepared.findings


@pytest.mark.parametrize("blocks", [1, 3, 5])
def test_interrupted_and_resumed_gives_the_same_bytes(
    prepared: Prepared, tmp_path: Path, photographs: Path, blocks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[int] = []
    measure = measuring.measured_block

    def watched(images: Path, start: int, *rest: object) -> measuring.Block:
        looked_at.append(start)
        if len(looked_at) == blocks:
            raise KeyboardInterrupt
        return measure(images, start, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(measuring, "measured_block", watched)
    arguments = (tmp_path / "data", parts_of(photographs), PhotoFeatures("squeezenet", NETWORK))
    with pytest.raises(KeyboardInterrupt):
        prepare(*arguments, RECIPE)
    assert not (tmp_path / "data").exists()
    with pytest.raises(UsageError, match="is an unfinished preparation with other threads: finish it, or remove it"):
        prepare(*arguments, replace(RECIPE, threads=2))
    damaged = tmp_path / "data.unfinished" / "train" / "0000000.npz"
    if damaged.exists():
        damaged.write_bytes(damaged.read_bytes()[:-30])
    prepare(*arguments, RECIPE)
    assert contents(tmp_path / "data") == contents(prepared.folder)
    assert len(looked_at) == 6 + 1 + (blocks > 1)  # those of an interruption and of a damaged block are looked at twice
    assert not (tmp_path / "data.unfinished").exists()


def test_a_grid_has_a_place_after_the_other_row_by_row(tmp_path: Path, photographs: Path) -> None:
    grid = PhotoFeatures("squeezenet-grid", NETWORK, grid=2)
    made = prepare(tmp_path / "data", parts_of(photographs), grid, RECIPE)
    assert (made.name, made.shape) == ("squeezenet_fire9_grid", (4, 512))
    x = preprocess(framed(read_image(photographs / "images/100.png")))
    with no_grad():
        (y,) = NETWORK.activations(x, ["features.12"])
    corners = [y.numpy()[0, :, rows, columns].mean(axis=(1, 2)) for rows in HALVES for columns in HALVES]
    expected = np.stack(corners) - Projection.load(made.folder / PROJECTION).mean
    np.testing.assert_allclose(open_data(made.folder).val.features([0])[0], expected, atol=1e-4)


HALVES = (slice(0, 7), slice(6, 13))
"""Of 13 places along a side."""


def test_broken_photographs_stop_the_work_or_are_left_out(tmp_path: Path) -> None:
    parts = parts_of(tmp_path)
    features, images = PhotoFeatures("squeezenet", NETWORK), tmp_path / "images"
    (images / "2.png").write_bytes((images / "2.png").read_bytes()[:200])
    with pytest.raises(DataError, match=r"2\.png is not a picture .*; --skip-unreadable leaves such photographs out"):
        prepare(tmp_path / "data", parts, features, RECIPE)
    (images / "101.png").unlink()
    with pytest.raises(DataError, match=r"1 of 3 photographs of .*captions100.json are not in .*, the first is 101"):
        prepare(tmp_path / "data", parts, features, RECIPE)
    made = prepare(tmp_path / "data", parts, features, replace(RECIPE, skip=True))
    data = open_data(made.folder)
    assert made.images == {"train": 6, "val": 2} and len(data.val) == 4
    assert data.vocabulary.decode(data.train.captions[2]) == "a red box on the wall"  # the third photograph's
    assert sum("1 photographs are left out: " in finding for finding in made.findings) == 2


def test_a_photograph_that_fits_no_network_is_told_by_its_name(tmp_path: Path) -> None:
    parts = parts_of(tmp_path)
    Image.new("RGB", (1, 300)).save(tmp_path / "images" / "2.png")
    with pytest.raises(DataError, match=r"^2\.png: a picture of 1 × 300 pixels is too narrow"):
        prepare(tmp_path / "data", parts, PhotoFeatures("squeezenet", NETWORK), RECIPE)


def test_the_features_of_one_block_at_a_time_are_in_memory(tmp_path: Path) -> None:
    photographs = parts_of(tmp_path)["train"].annotations.photographs
    made: list[weakref.ref[np.ndarray[Any, Any]]] = []
    alive: list[int] = []

    def see(x: Any) -> Any:
        features = np.ones((len(x), 4), np.float32)
        made.append(weakref.ref(features))
        return features

    def report(_: int) -> None:
        alive.append(sum(one() is not None for one in made))

    measuring.measured(tmp_path / "train", tmp_path / "images", photographs, see, False, report)
    assert len(made) == 4 and max(alive) == 1


def test_held_out_photographs_are_not_trained_on_and_nothing_is_written_over(
    prepared: Prepared, tmp_path: Path
) -> None:
    parts, features = parts_of(tmp_path), PhotoFeatures("squeezenet", NETWORK)
    with pytest.raises(DataError, match=r"7 photographs are both in .* and in .*, the first is 1: held-out"):
        prepare(tmp_path / "data", {**parts, "val": parts["train"]}, features, RECIPE)
    train = parts["train"].annotations
    renumbered = replace(train, photographs=tuple(replace(p, id=p.id + 50) for p in train.photographs))
    with pytest.raises(DataError, match=r"7 photographs are both in .* and in .*, the first is .*1\.png: held-out"):
        prepare(tmp_path / "data", {**parts, "val": Part(parts["train"].folder, renumbered)}, features, RECIPE)
    with pytest.raises(UsageError, match="exists and is not empty"):
        prepare(prepared.folder, parts, features, RECIPE)


def test_the_course_s_words_and_vocabulary_give_the_course_s_captions(real_data: Path, tmp_path: Path) -> None:
    splits = ("train", "val")
    photographs = {s: read_annotations(real_data / f"coco_raw/captions_{s}.json").photographs for s in splits}
    vocabulary = read_vocabulary(real_data / "coco_small/coco2014_vocab.json")
    said = {split: [photo.captions for photo in photos] for split, photos in photographs.items()}
    written = write_captions(tmp_path, said, Recipe(words="plain"), vocabulary)
    assert written.counts == {"train": 1409, "val": 238}
    data = open_data(real_data / "coco_small")
    made = read_weights(tmp_path / "coco2014_captions.h5")
    for name, split in (("train", data.train), ("val", data.val)):
        assert np.array_equal(made[f"{name}_captions"], split.captions)
        assert np.array_equal(made[f"{name}_image_idxs"], split.image_idxs)
        assert tuple(photo.address for photo in photographs[name]) == split.urls


def test_real_photographs_look_alike_to_both_networks(real_data: Path, tmp_path: Path) -> None:
    network, count = SqueezeNet(), 12
    load_weights(network, real_data / "squeezenet1_1/squeezenet1_1.pth")
    annotations = read_annotations(real_data / "coco_raw/captions_train.json")
    photographs = annotations.photographs[:count]
    see = PhotoFeatures("squeezenet", network)
    x = np.concatenate([preprocess(framed(read_image(real_data / "coco_raw/images" / p.file))) for p in photographs])
    with no_grad():
        found = see(x).numpy()
    given = open_data(real_data / "coco_small").train.features(range(count))
    grams = [(f - f.mean(axis=0)) @ (f - f.mean(axis=0)).T for f in (found, given)]
    assert np.corrcoef(*(gram[np.triu_indices(count)] for gram in grams))[0, 1] > 0.85
