"""Fetching weights from a server that fails in all ways: on this machine alone, never from the network."""

import gzip
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from file_server import CONTENT, SHA256, Server, no_proxy, server

from minigrad.cli import main
from minigrad.errors import DataError, MissingFileError, UsageError
from models.folders import alone
from models.weights import read_weights, write_weights, zoo
from models.weights.download import Remote, fetch

__all__ = ["no_proxy", "server"]


def test_a_file_is_fetched_once_and_its_bytes_are_counted(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = fetch(server.remote(), tmp_path / "new", lambda have, whole: seen.append((have, whole)))
    assert path.read_bytes() == CONTENT and [p.name for p in path.parent.iterdir()] == ["net.pth"]
    assert seen[-1] == (len(CONTENT), len(CONTENT)) and len(seen) > 2
    assert fetch(server.remote(), tmp_path / "new") == path and server.asked == [None]


def test_a_file_that_has_changed_here_is_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "net.pth").write_bytes(b"damaged")
    assert fetch(server.remote(), tmp_path).read_bytes() == CONTENT


def test_connections_that_break_go_on_where_they_stopped(server: Server, tmp_path: Path) -> None:
    server.breaks_after = 100_000
    assert fetch(server.remote(), tmp_path, pause=0).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-", "bytes=200000-"]


def test_what_an_earlier_call_got_is_kept(server: Server, tmp_path: Path) -> None:
    server.breaks_after = 100_000
    with pytest.raises(MissingFileError, match=r"the 200,000 bytes that came are kept"):
        fetch(server.remote(), tmp_path, attempts=2, pause=0)
    assert [p.name for p in tmp_path.iterdir()] == ["net.pth.part"]
    server.breaks_after = None
    assert fetch(server.remote(), tmp_path).read_bytes() == CONTENT and server.asked[-1] == "bytes=200000-"


def test_a_server_that_knows_no_ranges_begins_anew(server: Server, tmp_path: Path) -> None:
    (tmp_path / "net.pth.part").write_bytes(b"x" * (len(CONTENT) + 5))
    server.ranges = False
    assert fetch(server.remote(), tmp_path).read_bytes() == CONTENT


def test_a_part_that_was_whole_is_only_renamed(server: Server, tmp_path: Path) -> None:
    (tmp_path / "net.pth.part").write_bytes(CONTENT)
    assert fetch(server.remote(), tmp_path).read_bytes() == CONTENT


def test_a_server_that_is_busy_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.failures = [503, 500]
    assert fetch(server.remote(), tmp_path, pause=0).read_bytes() == CONTENT


def test_a_server_that_sends_other_bytes_than_asked_for(server: Server, tmp_path: Path) -> None:
    server.breaks_after, server.shift = 100_000, 7
    with pytest.raises(MissingFileError, match="sends other bytes than those asked for"):
        fetch(server.remote(), tmp_path, attempts=3, pause=0)


def test_a_wrong_checksum_keeps_nothing(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"SHA-256 {SHA256}, and should have one that begins with 12345678"):
        fetch(server.remote("12345678"), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("of", ["MD5", "SHA-256 unzipped"])
def test_a_checksum_is_taken_as_its_publisher_did(server: Server, tmp_path: Path, of: str) -> None:
    server.content = gzip.compress(CONTENT)
    known = {"MD5": hashlib.md5(server.content).hexdigest(), "SHA-256 unzipped": SHA256}[of]
    assert fetch(replace(server.remote(known), of=of), tmp_path).read_bytes() == server.content
    server.content = server.content[:-9]
    with pytest.raises(DataError, match=f"has the {of} .* and should have one that begins with {known[:9]}"):
        fetch(replace(server.remote(known), of=of, name="other"), tmp_path)


def test_what_is_not_there_is_not_asked_for_again(server: Server, tmp_path: Path) -> None:
    server.failures = [404]
    with pytest.raises(MissingFileError, match="the server answers 404"):
        fetch(server.remote(), tmp_path)
    assert len(server.asked) == 1


def test_no_server_at_all(tmp_path: Path) -> None:
    with Server() as gone:
        remote = gone.remote()
    with pytest.raises(MissingFileError, match="could not be fetched"):
        fetch(remote, tmp_path, attempts=2, pause=0)
    with pytest.raises(UsageError, match="is no address of a web server"):
        fetch(Remote("file:///etc/hostname", "net.pth"), tmp_path)


@pytest.mark.fault(number=1)
def test_the_command_fetches_into_the_cache(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_weights(tmp_path / "net.npz", {"w": np.ones(3)})
    server.content = (tmp_path / "net.npz").read_bytes()
    remote = server.remote(hashlib.sha256(server.content).hexdigest())
    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(zoo, "ZOO", {"net": remote})
    with pytest.raises(MissingFileError, match="minigrad weights fetch net"):
        zoo.find("net")
    assert main(["weights", "fetch", "net", "--json"]) == 0
    (written,) = json.loads(capsys.readouterr().out)["written"]
    assert Path(written) == zoo.find("net") == tmp_path / "cache/weights/net.pth"
    assert read_weights(written)["w"].shape == (3,)
    server.content = b"another"
    assert main(["weights", "fetch", "net", "--address", remote.address]) == 0, "it is there already"
    assert main(["weights", "fetch", "nets"]) == 2 and "did you mean net?" in capsys.readouterr().err


def test_the_official_files_have_their_checksum_in_their_names() -> None:
    for remote in (zoo.ZOO["squeezenet1_1"], zoo.ZOO["vgg16"]):
        assert remote.address.startswith("https://download.pytorch.org/models/")
        assert remote.address.endswith(remote.name) and remote.name.endswith(f"-{remote.checksum}.pth")


def test_two_processes_do_not_fetch_one_file(server: Server, tmp_path: Path) -> None:
    part = tmp_path / "net.pth.part"
    part.write_bytes(CONTENT[:9])
    with alone(part), pytest.raises(UsageError, match=r"another process is at work on .*net\.pth\.part"):
        fetch(server.remote(), tmp_path)
    assert part.read_bytes() == CONTENT[:9] and not server.asked
    assert fetch(server.remote(), tmp_path).read_bytes() == CONTENT
