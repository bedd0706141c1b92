"""COCO is fetched and unpacked, from a server on this machine: whole, or going on where it was interrupted."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from file_server import Server, no_proxy, server

from minigrad.cli import main
from minigrad.errors import DataError, MissingFileError
from models.data import fetching, unpacking
from models.data.fetching import COCO, PARTS, fetch_coco
from models.data.unpacking import unpacked

__all__ = ["no_proxy", "server"]
FILES = {
    "annotations": {"annotations/captions_train2014.json": b"{}", "annotations/captions_val2014.json": b"[]"},
    "train2014": {f"train2014/{number}.jpg": bytes([number]) * 3_000 for number in range(5)},
    "val2014": {"val2014/": b"", "val2014/9.jpg": b"nine", "elsewhere/a.txt": b"left alone"},
}


def zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def coco(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server with COCO's archives, small ones whose checksums are known."""
    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path / "cache"))
    archives = {part: zipped(files) for part, files in FILES.items()}
    server.contents = {f"/{PARTS[part][0]}": content for part, content in archives.items()}
    known = {part: (PARTS[part][0], hashlib.md5(content).hexdigest()) for part, content in archives.items()}
    monkeypatch.setattr(fetching, "PARTS", known)
    return server


def address(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_port}/"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_coco_is_fetched_unpacked_and_not_fetched_again(
    coco: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["data", "fetch", "coco", "--address", address(coco), "--json"]
    assert main(words) == 0
    written = [Path(path) for path in json.loads(capsys.readouterr().out)["written"]]
    assert written == [tmp_path / "cache/coco2014" / part for part in ("annotations", "train2014", "val2014")]
    expected = {name: content for files in FILES.values() for name, content in files.items() if name[-1] != "/"}
    del expected["elsewhere/a.txt"]
    assert contents(tmp_path / "cache/coco2014") == expected
    assert main(words) == 0 and len(coco.asked) == 3
    assert main(["data", "fetch", "mnist", "--part", "train2014"]) == 2


def test_unpacking_goes_on_where_it_was_interrupted(
    coco: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract, count = unpacking._extract, 0

    def interrupted(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> None:
        nonlocal count
        count += 1
        if count == 4:
            raise KeyboardInterrupt
        extract(archive, entry, path)

    monkeypatch.setattr(unpacking, "_extract", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch_coco(["train2014"], address=address(coco))
    folder = tmp_path / "cache/coco2014"
    assert sorted(path.name for path in folder.iterdir()) == ["train2014.part", "train2014.zip"]
    (folder / "train2014.part/0.jpg").write_bytes(b"cut")
    seen: list[tuple[str, int]] = []
    fetch_coco(["train2014"], lambda what, done, total: seen.append((what, done)), address(coco))
    assert contents(folder) == {name: FILES["train2014"][name] for name in FILES["train2014"]}
    assert len(coco.asked) == 1 and seen[-1] == ("unpacking train2014.zip", 5)


def test_another_archive_is_not_kept(coco: Server, tmp_path: Path) -> None:
    coco.contents["/zips/val2014.zip"] = zipped({"val2014/9.jpg": b"ten"})
    with pytest.raises(DataError, match=r"has the MD5 .*, and should have one that begins with .* it is not kept"):
        fetch_coco(["val2014"], address=address(coco))
    coco.failures = [404]
    with pytest.raises(MissingFileError, match="the server answers 404"):
        fetch_coco(["val2014"], address=address(coco))
    assert not list((tmp_path / "cache/coco2014").iterdir())


def test_coco_s_own_addresses() -> None:
    assert [f"{COCO}{path}" for path, _ in PARTS.values()] == [
        "http://images.cocodataset.org/annotations/annotations_trainval2014.zip",
        "http://images.cocodataset.org/zips/train2014.zip",
        "http://images.cocodataset.org/zips/val2014.zip",
    ]


@pytest.mark.parametrize("name", ["../out.txt", "/out.txt", "top/../../out.txt", "c:/out.txt", "top\\..\\out.txt"])
def test_an_archive_that_leads_out_of_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    archive = tmp_path / "a.zip"
    archive.write_bytes(zipped({"top/a.txt": b"a", name: b"out"}))
    with pytest.raises(DataError, match="which leads out of it"):
        unpacked(archive, "top", tmp_path / "top")
    assert not (tmp_path / "top").exists() and not list(tmp_path.rglob("out.txt"))


def test_damaged_and_hollow_archives_are_refused(tmp_path: Path) -> None:
    archive, whole = tmp_path / "a.zip", zipped({"top/a.txt": bytes(range(256)) * 40})
    for content, message in (
        (whole[:-30], "is no whole zip archive"),
        (whole.replace(whole[60:64], b"....", 1), "is no whole zip archive"),
        (zipped({"other/a.txt": b"a"}), "holds no folder top"),
        (zipped({"top/a.txt": bytes(20 * 2**20)}), "claims 20,971,520 bytes, packed to"),
    ):
        archive.write_bytes(content)
        with pytest.raises(DataError, match=message):
            unpacked(archive, "top", tmp_path / "top")
