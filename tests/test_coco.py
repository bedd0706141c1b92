"""The course's data: what is read from its schema, how batches are drawn, how captions become words."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from coco_folder import CAPTIONS, IMAGES, LENGTH, WIDTH, WORDS, write_features, write_folder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minigrad.errors import DataError, IndexRangeError, UsageError
from minigrad.op import Array
from models.data import features as features_module
from models.data import scenes
from models.data.coco import Batch, CaptionData, open_data
from models.data.features import FeatureTable
from models.data.originals import originals
from models.data.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> CaptionData:
    return open_data(write_folder(tmp_path_factory.mktemp("coco") / "data"))


def stored(data: CaptionData, split: str) -> Array:
    """The features as the file has them."""
    with h5py.File(data.folder / f"{split}2014_{data.feature_name}.h5") as file:
        return np.asarray(file["features"])


def fits(data: CaptionData, batch: Batch) -> bool:
    """Whether the features of a training batch are those of its rows."""
    return np.array_equal(batch.features, stored(data, "train")[batch.rows])


def test_a_folder_is_read_as_it_is(data: CaptionData) -> None:
    for name, split in (("train", data.train), ("val", data.val)):
        assert (len(split), split.captions.shape[1], split.feature_dim) == (CAPTIONS[name], LENGTH, WIDTH)
        assert split.captions.dtype == np.int32
        assert split.urls[-1] == f"http://example.org/{name}/{IMAGES[name] - 1}.jpg"
        assert np.array_equal(split.features(range(IMAGES[name])), stored(data, name))
    assert data.vocabulary.idx_to_word == WORDS
    assert data.vocabulary.word_to_idx["dog"] == 5


def test_real_captions(real_data: Path) -> None:
    data = open_data(real_data / "coco_small")
    assert data.feature_name == "squeezenet_fire9"
    assert (len(data.vocabulary), len(data.train), len(data.val), data.train.feature_dim) == (1004, 1409, 238, 512)
    assert (len(data.train.urls), len(data.val.urls), data.train.captions.shape[1]) == (295, 50, 17)
    assert data.vocabulary.decode(data.train.captions[1]) == "a room with chairs a table and a woman in it"


def test_scenes_come_in_the_same_schema(tmp_path: Path) -> None:
    folder = scenes.build(tmp_path / "scenes", seed=1, train=6, held_out=4)
    data, shown = open_data(folder), scenes.open_scenes(folder)
    assert data.feature_name == scenes.NAME
    assert (len(data.train), len(data.val.urls)) == (30, 4)
    for row, caption in zip(data.val.image_idxs, data.val.captions, strict=True):
        assert scenes.is_true(data.vocabulary.decode(caption), shown.scenes["val"][row])
    (original,) = originals(data, "val", [1])
    assert original.image is not None and original.image.shape == (64, 64, 3) and len(original.captions) == 5


@pytest.mark.parametrize("kept", [0, 2**20], ids=["from the file", "from memory"])
def test_rows_come_in_any_order_with_repetitions(data: CaptionData, kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features_module, "_KEPT", kept)
    train, expected = open_data(data.folder).train, stored(data, "train")

    @given(st.lists(st.integers(0, IMAGES["train"] - 1), max_size=20))
    def check(rows: list[int]) -> None:
        assert np.array_equal(train.features(rows), expected[np.array(rows, int)])

    check()


@pytest.mark.parametrize("kept", [0, 2**20], ids=["from the file", "from memory"])
def test_features_may_be_a_grid_of_places(tmp_path: Path, kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features_module, "_KEPT", kept)
    folder, rng = write_folder(tmp_path / "data"), np.random.default_rng(1)
    grids = {split: rng.standard_normal((images, 4, 3)).astype("f4") for split, images in IMAGES.items()}
    for split, grid in grids.items():
        write_features(folder, split, grid)
    train = open_data(folder).train
    assert (train.feature_shape, train.feature_dim) == ((4, 3), 3)
    assert np.array_equal(train.features([5, 0, 5]), grids["train"][[5, 0, 5]])
    batch = train.batch(np.arange(6))
    assert np.array_equal(batch.features, grids["train"][batch.rows])
    grids["train"][7, 3, 1] = np.nan
    write_features(folder, "train", grids["train"], "broken")
    with pytest.raises(DataError, match="row 7 of 'features' has a NaN"):
        FeatureTable(folder / "train2014_broken.h5", patience=0)


@pytest.mark.parametrize("row", [-1, IMAGES["train"]])
def test_a_row_that_is_not_there_never_wraps(data: CaptionData, row: int) -> None:
    with pytest.raises(IndexRangeError, match=f"no row {row} in .*train2014_plain.h5: rows are 0 to 8"):
        data.train.features([0, row])


def test_a_large_table_is_not_loaded(data: CaptionData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features_module, "_KEPT", 0)
    monkeypatch.setattr(features_module, "_BLOCK", 4 * WIDTH)
    largest: list[int] = []
    read = features_module.FeatureTable._read

    def watched(table: features_module.FeatureTable, rows: Array | slice) -> Array:
        values = read(table, rows)
        largest.append(len(values))
        return values

    monkeypatch.setattr(features_module.FeatureTable, "_read", watched)
    opened = open_data(data.folder)
    assert max(largest) == 1
    assert fits(data, opened.train.sample(5, np.random.default_rng(0)))
    assert max(largest) <= 5


@pytest.mark.parametrize("dtype", ["f2", "f8", ">f4"])
def test_features_of_any_precision_become_float32(tmp_path: Path, dtype: str) -> None:
    folder = write_folder(tmp_path / "data")
    values = np.linspace(-2, 2, IMAGES["train"] * WIDTH).reshape(-1, WIDTH).astype(dtype)
    write_features(folder, "train", values)
    read = open_data(folder).train.features([3, 1])
    assert read.dtype == np.float32
    assert np.array_equal(read, values[[3, 1]].astype(np.float32))


@pytest.mark.fault(number=4)
def test_another_length_of_captions_is_fine_and_other_integers_too(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "data")
    with h5py.File(folder / "coco2014_captions.h5", "a") as file:
        for key in ("train_captions", "val_captions"):
            longer = np.pad(file[key][...], ((0, 0), (0, 3))).astype(np.uint16)
            del file[key]
            file[key] = longer
    captions = open_data(folder).train.captions
    assert (captions.shape[1], captions.dtype) == (LENGTH + 3, np.int32)


def test_features_are_chosen_by_name_by_preference_or_as_the_only_ones(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "data", "other")
    assert open_data(folder).feature_name == "other"
    for name in ("vgg16_fc7", "vgg16_fc7_pca"):
        for split, images in IMAGES.items():
            write_features(folder, split, np.zeros((images, 3), np.float32), name)
    assert open_data(folder).feature_name == "vgg16_fc7_pca"
    assert open_data(folder, "vgg16_fc7").train.feature_dim == 3


def test_max_train_draws_with_replacement(data: CaptionData) -> None:
    drawn = open_data(data.folder, max_train=50, rng=np.random.default_rng(7)).train
    chosen = np.random.default_rng(7).integers(len(data.train), size=50)
    assert np.array_equal(drawn.captions, data.train.captions[chosen])
    assert np.array_equal(drawn.image_idxs, data.train.image_idxs[chosen])
    again = [open_data(data.folder, max_train=50).train.captions for _ in range(2)]
    assert np.array_equal(*again)
    with pytest.raises(UsageError, match="max_train is 0"):
        open_data(data.folder, max_train=0)


def test_sample_draws_with_replacement_and_fits(data: CaptionData) -> None:
    batch = data.train.sample(100, np.random.default_rng(0))
    assert (batch.captions.shape, batch.features.shape) == ((100, LENGTH), (100, WIDTH))
    assert fits(data, batch)
    with pytest.raises(UsageError, match="batch_size is 0"):
        data.train.sample(0, np.random.default_rng(0))


@given(st.integers(1, 30), st.booleans(), st.integers(0, 100))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_epoch_has_every_caption_once(data: CaptionData, size: int, by_length: bool, seed: int) -> None:
    batches = list(data.train.epoch(size, np.random.default_rng(seed), by_length))
    assert len(batches) == -(-len(data.train) // size)
    assert all(fits(data, batch) for batch in batches)
    padded = [np.pad(batch.captions, ((0, 0), (0, LENGTH - batch.captions.shape[1]))) for batch in batches]
    pairs = np.column_stack([np.concatenate(padded), np.concatenate([batch.rows for batch in batches])])
    expected = np.column_stack([data.train.captions, data.train.image_idxs])
    assert sorted(pairs.tolist()) == sorted(expected.tolist())


def test_batches_by_length_are_trimmed_and_come_in_random_order(data: CaptionData) -> None:
    batches = list(data.train.epoch(4, np.random.default_rng(0), by_length=True))
    assert all(batch.captions[:, -1].any() for batch in batches)
    widths = [batch.captions.shape[1] for batch in batches]
    assert widths != sorted(widths)
    spread = [np.ptp((batch.captions != 0).sum(axis=1)) for batch in batches]
    assert max(spread) <= 2


def test_the_same_generator_gives_the_same_epoch(data: CaptionData) -> None:
    one, two = (data.train.epoch(5, np.random.default_rng(3), by_length=True) for _ in range(2))
    assert all(np.array_equal(a.captions, b.captions) for a, b in zip(one, two, strict=True))
    other = next(data.train.epoch(5, np.random.default_rng(4)))
    assert not np.array_equal(other.captions, next(data.train.epoch(5, np.random.default_rng(3))).captions)


def test_captions_in_words_as_the_course_and_as_a_sentence() -> None:
    vocabulary = Vocabulary(WORDS)
    ids = [1, 4, 0, 5, 3, 2, 6, 0]
    assert vocabulary.words(ids) == ["<START>", "a", "dog", "<UNK>", "<END>"]
    assert vocabulary.decode(ids) == "a dog <UNK>"
    assert vocabulary.decode([5, 6]) == "dog on"
    assert (vocabulary.null, vocabulary.start, vocabulary.end, vocabulary.unk, len(vocabulary)) == (0, 1, 2, 3, 10)
    for index in (-1, len(WORDS)):
        with pytest.raises(IndexRangeError, match=f"no word {index}: ids are 0 to 9"):
            vocabulary.decode([4, index])


@pytest.mark.fault(number=8)
def test_non_finite_features_are_replaced_where_that_is_wished(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_folder(tmp_path / "data")
    values = np.ones((IMAGES["train"], WIDTH))
    values[2, 1], values[5, 0], values[5, 3] = np.nan, -np.inf, 1e300  # the last is infinite as float32
    write_features(folder, "train", values)
    with pytest.raises(DataError, match="row 2 of 'features' has a NaN or an infinite value"):
        open_data(folder)
    for kept in (0, 2**20):
        monkeypatch.setattr(features_module, "_KEPT", kept)
        caplog.clear()
        train = open_data(folder, replace_nonfinite=True).train
        assert "3 values are NaN or infinite and are taken as 0" in caplog.text
        assert np.array_equal(train.features([5, 2]), [[0, 1, 1, 0, 1], [1, 0, 1, 1, 1]])
