"""COCO's annotations: read whole or refused with what is wrong; words, vocabularies, projections; `data prepare`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from photo_folder import write_annotations, write_photographs

from minigrad.cli import main
from minigrad.errors import DataError, MissingFileError, UsageError
from models.data.annotations import held_out, read_annotations
from models.data.encoding import encoded, plain_words, vocabulary_of
from models.data.projection import Origin, Projection, fit
from models.data.vocabulary import Vocabulary
from models.data.writing import Recipe
from models.squeezenet import SqueezeNet
from models.weights import read_weights, write_weights

IMAGES = [{"id": 1, "file_name": "a.jpg", "coco_url": "http://c/a.jpg"}, {"id": 2, "file_name": "b.jpg"}]
CAPTIONS = [{"id": 7, "image_id": 2, "caption": "A cat"}, {"id": 8, "image_id": 2, "caption": " ?! "}]
rng = np.random.default_rng(0)


def test_photographs_with_captions_are_kept_and_the_others_told(tmp_path: Path) -> None:
    path = tmp_path / "captions.json"
    write_annotations(path, [*IMAGES, {"id": 3, "file_name": "c/d.jpg"}], CAPTIONS)
    found = read_annotations(path)
    assert [(p.id, p.file, p.address, p.captions) for p in found.photographs] == [(2, "b.jpg", "", ("A cat",))]
    assert found.findings == (
        f"{path}: 1 captions have no word and are left out: annotations 8",
        f"{path}: 2 images have no caption and are left out: a.jpg, c/d.jpg",
    )


FAULTS: dict[str, tuple[Any, Any, str]] = {
    "no list": ({}, CAPTIONS, "'images' should be a list with an entry at least"),
    "an empty list": (IMAGES, [], "'annotations' should be a list with an entry at least"),
    "no object": ([*IMAGES, 3], CAPTIONS, r"images\[2\] should be an object with 'id', 'file_name'"),
    "a key missing": (IMAGES, [{"id": 7, "image": 2, "caption": "x"}], r"tions\[0\] has no 'image_id': .*'image'\?"),
    "a number as text": (IMAGES, [{**CAPTIONS[0], "id": "7"}], r"\[0\]: 'id' should be a whole number, and is '7'"),
    "a truth value": (IMAGES, [{**CAPTIONS[0], "id": True}], "should be a whole number, and is True"),
    "no text": (IMAGES, [{**CAPTIONS[0], "caption": None}], "'caption' should be a text, and is None"),
    "an image twice": ([*IMAGES, IMAGES[0]], CAPTIONS, "1 ids of 'images' come more than once, the first is 1"),
    "a caption twice": (IMAGES, [*CAPTIONS, CAPTIONS[0]], "1 ids of 'annotations' come more than once, the first is 7"),
    "a stray": (IMAGES, [{**CAPTIONS[0], "image_id": 9}], "1 annotations are of images that .*annotation 7 of image 9"),
    "a way out": ([{"id": 2, "file_name": "../b.jpg"}], CAPTIONS, r"images\[0\]: 'file_name' is '../b.jpg', which"),
    "a root": ([{"id": 2, "file_name": "/etc/b.jpg"}], CAPTIONS, "which is no file in the images' folder"),
    "the folder": ([{"id": 2, "file_name": "."}], CAPTIONS, "which is no file in the images' folder"),
    "half a character": (IMAGES, [{**CAPTIONS[0], "caption": "a \ud83d dog"}], "'caption' has half a character in it"),
    "half in a name": ([{"id": 2, "file_name": "\ud83d.jpg"}], CAPTIONS, "'file_name' has half a character in it"),
    "no name": ([{"id": 2, "file_name": " "}], CAPTIONS, "which is no file in the images' folder"),
    "no caption": (IMAGES, CAPTIONS[1:], "has 2 images and no caption for any of them"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_with_its_place(tmp_path: Path, fault: str) -> None:
    images, captions, message = FAULTS[fault]
    write_annotations(tmp_path / "captions.json", images, captions)
    with pytest.raises(DataError, match=message) as caught:
        read_annotations(tmp_path / "captions.json")
    assert "\n" not in str(caught.value)


def test_what_is_no_json_of_captions_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "captions.json"
    with pytest.raises(MissingFileError, match="which holds the captions: `minigrad data fetch coco` gets"):
        read_annotations(path)
    for content, message in (('{"images": [', "is not a complete JSON file"), ("[1]", "should hold an object")):
        path.write_text(content)
        with pytest.raises(DataError, match=message):
            read_annotations(path)
    path.write_text(json.dumps({"imgs": IMAGES, "annotations": CAPTIONS}))
    with pytest.raises(DataError, match="has no 'images': found 'annotations', 'imgs'; did you mean 'imgs'"):
        read_annotations(path)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["images", "annotations", "id", "file_name", "image_id", "caption"]), inner, max_size=6
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DataError):
        read_annotations(path)


def test_a_share_is_held_out_by_a_seed(tmp_path: Path) -> None:
    annotations = read_annotations(write_photographs(tmp_path, 10)[1])
    train, val = held_out(annotations, 0.3, seed=4)
    assert (len(train.photographs), len(val.photographs)) == (7, 3)
    assert sorted(p.id for p in train.photographs + val.photographs) == list(range(1, 11))
    assert held_out(annotations, 0.3, seed=4) == (train, val) != held_out(annotations, 0.3, seed=5)
    for share in (0, 0.01, 1):
        with pytest.raises(UsageError, match="both splits need one"):
            held_out(annotations, share)
    for share, seed in ((float("nan"), 0), (float("inf"), 0), (2, 0), (0.5, -1)):
        with pytest.raises(UsageError, match="a share is from 0 to 1, a seed 0 or more"):
            held_out(annotations, share, seed)


def test_the_course_s_words_have_no_punctuation() -> None:
    assert plain_words("It's a close-up, on the T.V.") == ["its", "a", "closeup", "on", "the", "tv"]


def test_a_vocabulary_has_the_most_frequent_words_first_and_letters_decide() -> None:
    captions = [["b", "a", "c"], ["b", "a"], ["b", "<UNK>", "<UNK>"]]
    assert vocabulary_of(captions, 2).idx_to_word[4:] == ("b", "a")
    assert vocabulary_of(captions, 1).idx_to_word[4:] == ("b", "a", "c")
    assert vocabulary_of(captions, 1, most=5).idx_to_word[4:] == ("b",)
    with pytest.raises(DataError, match="none of 4 words comes 9 times: lower --min-count"):
        vocabulary_of(captions, 9)


def test_a_caption_is_padded_or_cut() -> None:
    vocabulary = Vocabulary(("<NULL>", "<START>", "<END>", "<UNK>", "a", "cat"))
    assert encoded(["a", "cat", "meows"], vocabulary, 7) == [1, 4, 5, 3, 2, 0, 0]
    assert encoded(["a", "cat", "meows"], vocabulary, 4) == [1, 4, 5, 2]


@pytest.mark.parametrize(("shape", "components"), [((9, 4), 3), ((9, 4), 9), ((3, 8), 8), ((5, 6, 4), 2)])
def test_components_are_the_singular_vectors(shape: tuple[int, ...], components: int) -> None:
    features = rng.standard_normal(shape).astype(np.float32) * np.arange(1, shape[-1] + 1)
    found = fit(lambda: np.array_split(features, 2), components, Origin("squeezenet", 1, "", "", len(features)))
    rows = features.reshape(-1, shape[-1])
    _, values, directions = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    width = min(components, shape[-1], len(rows) - 1)
    assert found.width == width and found.components is not None
    agreement = np.abs(np.einsum("ck,kc->k", found.components, directions[:width]))
    np.testing.assert_allclose(agreement, 1, atol=1e-4)
    assert (found.components[np.abs(found.components).argmax(axis=0), np.arange(width)] > 0).all()
    np.testing.assert_allclose(found.kept, (values[:width] ** 2).sum() / (values**2).sum(), rtol=1e-5)


def test_a_projection_is_kept_and_others_are_refused(tmp_path: Path) -> None:
    made = Projection(
        rng.random(4, np.float32), rng.random((4, 2), np.float32), 0.9, Origin("vgg16", 1, "ab", "vgg.pth", 7)
    )
    made.save(tmp_path / "projection.npz")
    read = Projection.load(tmp_path / "projection.npz")
    assert (read.origin, read.kept, read.width) == (made.origin, 0.9, 2)
    x = rng.random((3, 4), np.float32)
    assert np.array_equal(read(x), made(x))
    with pytest.raises(MissingFileError, match="`minigrad data prepare` makes it"):
        Projection.load(tmp_path / "other.npz")
    write_weights(tmp_path / "other.npz", {"mean": np.zeros(3)})
    (tmp_path / "text.npz").write_text("no archive")
    whole, bad = read_weights(tmp_path / "projection.npz"), np.array([1, np.nan, 2, 3], np.float32)
    for name, changed in {"nan": {"mean": bad}, "turned": {"mean": bad * 1j}, "flat": {"components": bad[:4]}}.items():
        write_weights(tmp_path / f"{name}.npz", {**whole, **changed})
    for name in ("other.npz", "text.npz", "nan.npz", "turned.npz", "flat.npz"):
        with pytest.raises(DataError, match="is no projection of features"):
            Projection.load(tmp_path / name)


@pytest.mark.parametrize("options", [{"words": "greek"}, {"length": 2}, {"min_count": 0}, {"components": -1}])
def test_a_recipe_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Recipe(**options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--images", "nowhere"], "there is no folder nowhere, which should hold the photographs"),
        (["--annotations", "nowhere.json"], "there is no nowhere.json, which holds the captions"),
        (["--weights", "nowhere.pth"], "there is no weights file nowhere.pth"),
        (["--vocabulary", "nowhere.json"], "there is no nowhere.json, which should hold the words"),
        (["--length", "2"], "captions of 2 tokens have no room for a word"),
        (["--held-out", "2"], "a share of 2 by the seed 0: a share is from 0 to 1"),
    ],
)
def test_the_command_says_what_is_wrong(
    tmp_path: Path, change: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    images, path = write_photographs(tmp_path, 4)
    usual = ["data", "prepare", "--images", str(images), "--annotations", str(path), "-o", str(tmp_path / "out")]
    assert main([*usual, "--held-out", "0.5", *change]) == 2
    assert message in capsys.readouterr().err


def test_the_command_prepares_what_train_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images, path = write_photographs(tmp_path, 4)
    write_weights(tmp_path / "network.npz", SqueezeNet(num_classes=3).state_dict())
    usual = ["data", "prepare", "--images", str(images), "--annotations", str(path), "-o", str(tmp_path / "out")]
    words = [*usual, "--weights", str(tmp_path / "network.npz"), "--held-out", "0.5", "--min-count", "1", "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["images"], found["captions"]) == ({"train": 2, "val": 2}, {"train": 4, "val": 4})
    assert (found["features"], found["shape"]) == ("squeezenet_fire9_pca", [1])
    assert len(found["written"]) == 8 and 0 < found["unknown"] < 0.5
