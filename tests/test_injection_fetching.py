"""Fetching and unpacking on disks that fail and in processes that die, at any call: whole, or it goes on."""

import io
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from injection import KILLED, Disk, Killed, calls_of, every_failure
from thorough import TIMES

from models.data.unpacking import unpacked
from models.weights import download
from models.weights.download import Remote, fetch

pytestmark = pytest.mark.fault(number=15)
CONTENT = np.random.default_rng(0).bytes(5_000)
REMOTE = Remote("http://example.org/net.pth", "net.pth")


class Answer(io.BytesIO):
    """What a server sends that can go on."""

    def __init__(self, have: int) -> None:
        super().__init__(CONTENT[have:])
        self.status = 206 if have else 200
        self.headers = {"Content-Range": f"bytes {have}-{len(CONTENT) - 1}/{len(CONTENT)}"}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "answer", lambda address, have: Answer(have))
    monkeypatch.setattr(download, "_BLOCK", 1_000)


def failed(folder: Path, k: int, how: str, work: Any) -> None:
    try:
        with Disk(folder, k, how):
            work()
    except (OSError, Killed) as error:
        assert (how == KILLED) == isinstance(error, Killed), (k, how)
        assert how == KILLED or str(folder) in str(error), (k, how, error)


def test_a_file_is_there_when_it_is_whole(tmp_path: Path) -> None:
    calls = calls_of(tmp_path, lambda: fetch(REMOTE, tmp_path / "whole"))
    assert {"mkdir", "create", "write", "rename"} <= set(calls)
    for k, how in every_failure(len(calls)):
        folder = tmp_path / f"{k}-{how}"
        failed(tmp_path, k, how, lambda folder=folder: fetch(REMOTE, folder))
        path = folder / REMOTE.name
        assert not path.exists() or path.read_bytes() == CONTENT, (k, how)
        assert fetch(REMOTE, folder).read_bytes() == CONTENT, (k, how)
        assert [file.name for file in folder.iterdir()] == [REMOTE.name]


def test_a_folder_is_there_when_all_of_it_is(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"top/{number}/photo.jpg", CONTENT[: 900 * (number + 1)])

    def contents(folder: Path) -> dict[str, bytes]:
        return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    runs = tmp_path / "runs"
    runs.mkdir()
    calls = calls_of(runs, lambda: unpacked(tmp_path / "a.zip", "top", runs / "whole"))
    whole = contents(runs / "whole")
    assert len(whole) == 3
    for k, how in every_failure(len(calls), most=60 * TIMES):
        folder = runs / f"{k}-{how}"
        failed(runs, k, how, lambda folder=folder: unpacked(tmp_path / "a.zip", "top", folder))
        assert not folder.exists() or contents(folder) == whole, (k, how)
        assert folder.exists() or contents(unpacked(tmp_path / "a.zip", "top", folder)) == whole, (k, how)
        shutil.rmtree(folder)
