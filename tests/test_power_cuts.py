"""A power cut loses what was not synced: what is put in its place was, and so is that it is there."""

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from photo_folder import parts_of
from test_injection_fetching import CONTENT, REMOTE, Answer

import minigrad as mg
from minigrad import store
from minigrad.errors import UsageError
from minigrad.files import write_whole
from models.data import preparation
from models.data.scenes.build import build
from models.data.unpacking import unpacked
from models.data.writing import Recipe
from models.folders import alone
from models.photo_features import PhotoFeatures
from models.squeezenet import SqueezeNet
from models.weights import download

pytestmark = pytest.mark.fault(number=15)


def safely(path: Path, work: Callable[[], object]) -> None:
    """Does work that puts a file or a folder in its place by one rename; fails where a power cut could undo a part."""
    calls: list[object] = []
    sync, rename = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        sync(descriptor)
        calls.append(version(os.fstat(descriptor)))

    def renamed(part: Path, to: Path) -> None:
        rename(part, to)
        calls.append(to)

    with mock.patch("os.fsync", synced), mock.patch("os.replace", renamed):
        work()
    place = calls.index(path)
    for one in (path, *path.rglob("*")):
        assert version(one.stat()) in calls[:place], f"{one} was not on the disk when it was put in its place"
    assert path.parent.stat().st_ino in [call[0] for call in calls[place:] if isinstance(call, tuple)]


def version(status: os.stat_result) -> tuple[int, int]:
    """A file or folder, and when it was changed last."""
    return status.st_ino, status.st_mtime_ns


def test_fetching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "answer", lambda address, have: Answer(have))
    safely(tmp_path / REMOTE.name, lambda: download.fetch(REMOTE, tmp_path))


def test_unpacking(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("top/1/photo.jpg", CONTENT)
        archive.writestr("top/2/photo.jpg", CONTENT)
    safely(tmp_path / "photos", lambda: unpacked(tmp_path / "a.zip", "top", tmp_path / "photos"))


def test_writing_a_file_and_a_checkpoint(tmp_path: Path) -> None:
    safely(tmp_path / "page.html", lambda: write_whole(tmp_path / "page.html", "content"))
    path = tmp_path / "run.safetensors"
    safely(path, lambda: store.save(path, {}, {"step": 1}))


def test_drawing_scenes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(build.__globals__, "_write_all", lambda folder, *_: (folder / "images.h5").write_bytes(CONTENT))
    safely(tmp_path / "scenes", lambda: build(tmp_path / "scenes"))


@pytest.fixture
def prepare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], object]:
    """Prepares few photographs, by a network that copies some pixels, as `data`."""
    monkeypatch.setattr(preparation, "compile", lambda f, workers: lambda x: mg.tensor(x[:, :, 7:9, 9].reshape(-1, 6)))
    parts, features = parts_of(tmp_path, train=3, val=2), PhotoFeatures("squeezenet", SqueezeNet(num_classes=3))
    return lambda: preparation.prepare(tmp_path / "data", parts, features, Recipe(length=8, min_count=1))


def test_preparing(tmp_path: Path, prepare: Callable[[], object]) -> None:
    safely(tmp_path / "data", prepare)
    assert not list(tmp_path.glob("data.*"))


def test_a_kill_when_all_is_there_leaves_a_name_that_is_in_nobody_s_way(
    tmp_path: Path, prepare: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    tidy = shutil.rmtree

    def killed(folder: Path, **options: bool) -> None:
        if (tmp_path / "data").exists():
            raise KeyboardInterrupt
        tidy(folder, **options)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(shutil, "rmtree", killed)
        prepare()
    left = tmp_path / "data.unfinished"
    assert [path.name for path in left.iterdir()] == ["identity.json"]
    with pytest.raises(UsageError, match="data exists and is not empty"):
        prepare()
    (left / "identity.json").write_text('{"features": "others"}')
    shutil.rmtree(tmp_path / "data")
    prepare()
    assert (tmp_path / "data").is_dir() and not left.exists()


def test_folders_of_the_user_s_stay_as_they_are(tmp_path: Path, prepare: Callable[[], object]) -> None:
    for name in ("data.unfinished", "data.finished"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"data\.unfinished is where the data would be made, and is no unfinished"):
        prepare()
    shutil.move(tmp_path / "data.unfinished", tmp_path / "elsewhere")
    prepare()
    assert (tmp_path / "elsewhere/notes.txt").read_text() == (tmp_path / "data.finished/notes.txt").read_text()


def test_what_somebody_made_meanwhile_costs_no_block(
    tmp_path: Path, prepare: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = preparation._write_all

    def while_somebody(*arguments: Any) -> Any:
        (tmp_path / "data").mkdir()
        (tmp_path / "data/notes.txt").write_text("mine")
        return write(*arguments)

    monkeypatch.setattr(preparation, "_write_all", while_somebody)
    with pytest.raises(UsageError, match="data exists and is not empty"):
        prepare()
    assert list((tmp_path / "data.unfinished/train").glob("*.npz"))
    monkeypatch.setattr(preparation, "_write_all", write)
    shutil.rmtree(tmp_path / "data")
    prepare()


def test_one_process_at_a_time_prepares_a_folder(tmp_path: Path, prepare: Callable[[], object]) -> None:
    (tmp_path / "data.unfinished").mkdir()
    with alone(tmp_path / "data.unfinished"), pytest.raises(UsageError, match="another process is at work on"):
        prepare()
    prepare()


def test_a_link_to_an_empty_folder_leads_to_the_data(tmp_path: Path, prepare: Callable[[], object]) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    prepare()
    assert (tmp_path / "data").is_symlink() and (tmp_path / "disk/photographs.json").is_file()
