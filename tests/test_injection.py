"""Whatever is written and whenever the disk fails or the process dies: what was there is there, trying again works.

Every call is failed in turn, by a full disk, by an error once, and by a kill.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from injection import BROKEN, FULL, HOWS, KILLED, Disk, Killed, calls_of, every_failure
from test_training import TINY, again, state, trainer, write_captions
from thorough import TIMES

from minigrad.errors import MissingFileError
from minigrad.files import write_whole
from minigrad.store import Checkpoints
from models.data import scenes
from models.data.coco import CaptionData
from models.data.hdf5_writing import new_hdf5
from models.data.projection import PROJECTION
from models.data.scenes.features import random_filters
from models.training import EXTRACTOR, Run, Source
from models.training.adversarial import GanRun, GanSettings
from models.weights import read_weights, write_weights

pytestmark = pytest.mark.fault(number=15)


def failed(folder: Path, k: int, how: str, work: Callable[[], object]) -> bool:
    """Whether work fails, and as it should, on a disk that does."""
    try:
        with Disk(folder, k, how):
            work()
    except OSError:
        assert how != KILLED
        return True
    except Killed:
        assert how == KILLED
        return True
    assert how != KILLED, "the kill was swallowed"
    return False


def hidden(folder: Path) -> list[str]:
    """Files that are not whole."""
    return [path.name for path in folder.rglob("*") if ".part" in path.name or path.name.startswith(".")]


def test_the_disk_itself(tmp_path: Path) -> None:
    def work() -> None:
        write_whole(tmp_path / "file", b"content")

    calls = calls_of(tmp_path, work)
    assert calls == ["create", "write", "open", "fsync", "rename", "open", "fsync"]
    for k, name in enumerate(calls):
        for how in HOWS:
            if how != FULL or name not in ("rename", "open"):
                assert failed(tmp_path, k, how, work), (k, how)


def test_a_folder_is_no_place_for_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    for path in (Path("."), tmp_path / "inner", Path("/")):
        with pytest.raises(OSError, match=r"directory|busy"):
            write_whole(path, b"content")
    assert not hidden(tmp_path)


def test_a_checkpoint(tmp_path: Path) -> None:
    def saved(step: int) -> Callable[[], None]:
        return lambda: Checkpoints(folder).save(step, {"w": np.full(9, step)}, {"step": step})

    folder = tmp_path / "old"
    for step in (1, 2):
        saved(step)()
    folder = shutil.copytree(tmp_path / "old", tmp_path / "new")
    calls = calls_of(folder, saved(3))
    assert calls.count("fsync") == 2 and {"write", "rename", "remove"} <= set(calls)
    for k, how in every_failure(len(calls)):
        folder = shutil.copytree(tmp_path / "old", tmp_path / f"{k}-{how}")
        bad = failed(folder, k, how, saved(3))
        found = Checkpoints(folder).latest(warn=pytest.fail)
        assert found is not None and found[0]["w"].tolist() == [found[1]["step"]] * 9, (k, how)
        assert found[1]["step"] in ((2, 3) if bad else (3,)) and Checkpoints(folder).steps()[0] in (1, 2)
        assert how == KILLED or not hidden(folder), (k, how, hidden(folder))
        saved(4)()
        assert Checkpoints(folder).steps()[-1] == 4 and not hidden(folder)


@pytest.mark.parametrize("ending", [".safetensors", ".npz", ".h5"])
def test_weights(tmp_path: Path, ending: str) -> None:
    path, old, new = tmp_path / f"net{ending}", {"w": np.zeros(3)}, {"w": np.ones(3), "b": np.ones(2)}
    calls = calls_of(tmp_path, lambda: write_weights(path, new))
    for k, how in every_failure(len(calls)):
        write_weights(path, old)
        failed(tmp_path, k, how, lambda: write_weights(path, new))
        assert {name: array.tolist() for name, array in read_weights(path).items()} in (
            {name: array.tolist() for name, array in arrays.items()} for arrays in (old, new)
        ), (k, how)
        assert [file.name for file in tmp_path.iterdir() if file.name[0] != "."] == [path.name]


def test_scenes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module("models.data.scenes.build")
    monkeypatch.setattr(module, "_fitted", few_features)
    monkeypatch.setattr(module, "_drawn", lambda scenes, *_: np.zeros((len(scenes), 8, 8, 3), np.uint8))
    build = lambda folder: scenes.build(folder, train=30, held_out=4)  # noqa: E731
    wanted = contents(build(tmp_path / "undisturbed"))
    calls = calls_of(tmp_path, lambda: build(tmp_path / "counted"))
    assert len(calls) > 60 and calls.count("write") > 10
    for k, how in every_failure(len(calls), most=24 * TIMES):
        folder = tmp_path / f"{k}-{how}"
        bad = failed(tmp_path, k, how, lambda folder=folder: build(folder))
        assert not folder.exists() or contents(folder) == wanted, (k, how)
        assert folder.exists() or bad
        if not folder.exists():
            assert contents(build(folder)) == wanted
        shutil.rmtree(folder)


def few_features(images: Any, train: int, progress: Any) -> tuple[Any, Any]:
    """In place of a second of fitting."""
    rng = np.random.default_rng(0)
    extractor = scenes.Extractor(random_filters(), rng.random(4).astype("f4"), rng.random((4, 5)).astype("f4"))
    return extractor, rng.random((len(images), 5)).astype("f4")


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of the files, but for archives with times in them."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".npz"}


def test_hdf5_on_a_full_disk_is_an_error_where_hdf5_would_crash(tmp_path: Path) -> None:
    array = np.random.default_rng(0).random((40, 30))

    def work() -> None:
        with new_hdf5(tmp_path / "new.h5") as file:
            for name in "abc":
                file.create_dataset(name, data=array, chunks=(10, 30), fletcher32=True)

    for k, _ in enumerate(calls_of(tmp_path, work)):
        for how in (FULL, BROKEN):
            assert failed(tmp_path, k, how, work), (k, how)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_process_that_could_not_write_hdf5_ends_without_a_crash() -> None:
    program = (
        "from models.data.hdf5_writing import new_hdf5_in\n"
        "with open('/dev/full', 'r+b', buffering=0) as stream, new_hdf5_in(stream) as file: file['x'] = range(9)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.endswith("No space left on device: '/dev/full'\n")


@pytest.mark.parametrize("kind", ["minigrad train", "minigrad gan"])
def test_a_run_folder_is_whole_or_no_run(tmp_path: Path, kind: str) -> None:
    source = Source(str(write_captions(tmp_path / "data")), "plain")
    for name in (EXTRACTOR, PROJECTION):
        (tmp_path / "data" / name).write_text(name)
    create = {
        "minigrad train": lambda folder: Run.create(folder, TINY, source, source.open()),
        "minigrad gan": lambda folder: GanRun.create(folder, GanSettings(), "drawn"),
    }[kind]
    runs = tmp_path / "runs"
    runs.mkdir()
    calls = calls_of(runs, lambda: create(runs / "counted"))
    names = {path.name for path in (runs / "counted").iterdir()}
    assert names == {"config.json", *((EXTRACTOR, PROJECTION) if kind == "minigrad train" else ())}
    for k, how in every_failure(len(calls)):
        folder = runs / f"{k}-{how}"
        failed(runs, k, how, lambda folder=folder: create(folder))
        if not (folder / "config.json").exists():
            with pytest.raises(MissingFileError, match="is no run"):
                Run.open(folder)
            create(folder)  # the same command again
        assert {path.name for path in folder.iterdir() if how != KILLED or path.name[0] != "."} == names, (k, how)
        assert all((folder / name).read_text() == name for name in names - {"config.json"}), (k, how)


def test_training(tmp_path: Path, source: Source, data: CaptionData) -> None:
    changed = {"steps": 4, "save_every": 2}
    whole = trainer(tmp_path / "whole", source, data, **changed)
    calls = calls_of(tmp_path, lambda: list(whole.run()))
    for k, how in every_failure(len(calls), most=24 * TIMES):
        warnings: list[str] = []
        folder = tmp_path / f"{k}-{how}"
        training = trainer(folder, source, data, warnings, **changed)
        with Disk(tmp_path, k, how), suppress(Killed):
            list(training.run())
        if how != KILLED:  # training goes on, and says what was lost
            assert training.place.step == 4 and state(training) == state(whole), (k, how)
            assert warnings or not training.failed_saves
            assert bool(training.failed_saves) == any("COULD NOT BE SAVED" in warning for warning in warnings)
        resumed = again(folder, data, told := [])
        assert all("log.jsonl lacks" in warning for warning in told) and (how != KILLED or not told), (k, how, told)
        assert resumed.place.step % 2 == 0, (k, how)
        list(resumed.run())
        assert state(resumed) == state(whole), (k, how)
        assert not hidden(folder)
