"""Scenes: the judge, the combinations held out, features from pixels alone, and the files of the course's schema."""

import ast
import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from minigrad.errors import DataError, DTypeError, MissingFileError, ShapeError, UsageError
from models.data import scenes
from models.data.scenes.grammar import TEMPLATES, captions, is_true, sentences, words
from models.data.scenes.world import COLOURS, HELD_OUT_ROLES, PLACES, ROLES, SHAPES, Scene, random_scene

TRAIN, HELD_OUT = 60, 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scenes.build(tmp_path_factory.mktemp("scenes") / "small", seed=3, train=TRAIN, held_out=HELD_OUT)


def some_scenes(count: int) -> list[Scene]:
    rng = np.random.default_rng(0)
    return [random_scene(rng) for _ in range(count)]


def test_the_world_is_as_rich_as_promised() -> None:
    assert (len(COLOURS), len(SHAPES)) == (8, 6)
    assert len(ROLES) - 1 >= 4  # relations: every kind of scene but the single thing
    assert {scene.kind for scene in some_scenes(200)} == set(ROLES)


def test_five_differently_worded_captions_all_true() -> None:
    for scene in some_scenes(300):
        written = captions(scene, np.random.default_rng(1))
        assert len(set(written)) == 5
        assert all(is_true(caption, scene) for caption in written)


def test_the_judge_rejects_every_caption_with_any_one_word_swapped() -> None:
    vocabulary = words()
    for scene in some_scenes(25):
        for caption in sentences(scene):
            tokens = caption.split()
            for i, token in enumerate(tokens):
                swaps = (" ".join([*tokens[:i], other, *tokens[i + 1 :]]) for other in vocabulary if other != token)
                assert not [swap for swap in swaps if is_true(swap, scene)]


def test_the_judge_accepts_nothing_but_the_grammar() -> None:
    scene = some_scenes(1)[0]
    caption = sentences(scene)[0]
    for wrong in ("", caption + " ", caption.upper(), f"{caption} {caption}", caption.rsplit(" ", 1)[0], "a"):
        assert not is_true(wrong, scene)


def test_the_vocabulary_covers_the_grammar_and_nothing_is_too_long() -> None:
    vocabulary = set(words())
    longest = 0
    for scene in some_scenes(2000):
        for caption in sentences(scene):
            assert set(caption.split()) <= vocabulary
            longest = max(longest, len(caption.split()))
    assert longest <= 15
    assert all(len(templates) >= 5 for templates in TEMPLATES.values())
    assert all(place in " ".join(sum(PLACES, ())) for place in sum(PLACES, ()))


def test_eighteen_combinations_never_occur_in_training(folder: Path) -> None:
    opened = scenes.open_scenes(folder)
    assert len(opened.held_out) == 18
    assert {role for role, _, _ in opened.held_out} == set(HELD_OUT_ROLES)
    assert not any(scene.triples & opened.held_out for scene in opened.scenes["train"])
    assert [opened.never_seen(row) for row in range(HELD_OUT)] == [False, True] * (HELD_OUT // 2)


def test_the_files_have_the_courses_schema(folder: Path) -> None:
    with h5py.File(folder / "coco2014_captions.h5") as file:
        assert {k: (v.shape, v.dtype.name) for k, v in file.items()} == {
            "train_captions": ((5 * TRAIN, 17), "int32"),
            "train_image_idxs": ((5 * TRAIN,), "int32"),
            "val_captions": ((5 * HELD_OUT, 17), "int32"),
            "val_image_idxs": ((5 * HELD_OUT,), "int32"),
        }
        tokens, rows = file["val_captions"][:], file["val_image_idxs"][:]
    with h5py.File(folder / "train2014_scenes_pca.h5") as file:
        assert (file["features"].shape, file["features"].dtype) == ((TRAIN, 512), np.float32)
    vocabulary = json.loads((folder / "coco2014_vocab.json").read_text())["idx_to_word"]
    assert vocabulary[:4] == ["<NULL>", "<START>", "<END>", "<UNK>"]
    assert len((folder / "val2014_urls.txt").read_text().splitlines()) == HELD_OUT
    opened = scenes.open_scenes(folder)
    for ids, row in zip(tokens, rows, strict=True):
        spoken = [vocabulary[i] for i in ids if i > 2]
        assert is_true(" ".join(spoken), opened.scenes["val"][row])


def arrays(folder: Path) -> dict[str, bytes]:
    """Every array and text of a folder, by file and key."""
    found = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".json", ".txt")}
    for path in folder.glob("*.h5"):
        with h5py.File(path) as file:
            found |= {f"{path.name}/{key}": file[key][:].tobytes() for key in file}
    return found


def test_a_seed_gives_the_same_data_and_another_seed_other_data(folder: Path, tmp_path: Path) -> None:
    again = scenes.build(tmp_path / "again", seed=3, train=TRAIN, held_out=HELD_OUT)
    other = scenes.build(tmp_path / "other", seed=4, train=TRAIN, held_out=HELD_OUT)
    assert arrays(again) == arrays(folder)
    assert arrays(other) != arrays(folder)


def test_features_come_from_the_pixels_alone(folder: Path) -> None:
    opened = scenes.open_scenes(folder)
    with h5py.File(folder / "val2014_scenes_pca.h5") as file:
        stored = file["features"][:]
    seen = opened.extractor.embed(opened.images("val", range(HELD_OUT)))
    assert np.abs(seen - stored).max() <= 1e-4 * np.abs(stored).max()
    # What computes them cannot know what was drawn: it imports nothing of the world or the grammar.
    package = Path(scenes.__file__).parent
    for name in ("extractor.py", "features.py"):
        tree = ast.parse((package / name).read_text(encoding="utf-8"))
        imported = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        assert not imported & {f"models.data.scenes.{m}" for m in ("world", "grammar", "reader", "build")}


def test_the_judge_reports_by_group(folder: Path) -> None:
    opened = scenes.open_scenes(folder)
    true = {row: sentences(scene)[0] for row, scene in enumerate(opened.scenes["val"])}
    assert opened.judge(true) == {"seen": 1, "never_seen": 1, "all": 1}
    half = {row: caption if row % 4 < 2 else "a lie" for row, caption in true.items()}
    assert opened.judge(half) == {"seen": 0.5, "never_seen": 0.5, "all": 0.5}
    assert set(opened.judge({0: "a lie"})) == {"seen", "all"}
    with pytest.raises(UsageError, match="no captions"):
        opened.judge({})


def test_refusals(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not empty"):
        scenes.build(folder)
    with pytest.raises(UsageError, match="at least one"):
        scenes.build(tmp_path / "none", train=0)
    with pytest.raises(MissingFileError, match=r"scenes\.json"):
        scenes.open_scenes(tmp_path)
    (tmp_path / "scenes.json").write_text('{"train": [')
    with pytest.raises(DataError, match="build them again"):
        scenes.open_scenes(tmp_path)
    with pytest.raises(MissingFileError, match=r"extractor\.npz"):
        scenes.Extractor.load(tmp_path / "extractor.npz")
    extractor = scenes.open_scenes(folder).extractor
    with pytest.raises(DTypeError, match="uint8"):
        extractor.embed(np.zeros((1, 64, 64, 3), np.float32))  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="resize"):
        extractor.embed(np.zeros((1, 32, 32, 3), np.uint8))
