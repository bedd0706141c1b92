"""Checkpoints that lie, disks that fail and processes that are killed: a clear error, and the old checkpoint intact."""

import errno
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzzing import at_once

from minigrad.errors import CheckpointError
from minigrad.store import Checkpoints, load, save


def entry(shape: list[int], begin: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def file_of(header: bytes | dict[str, Any], data: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file of a header, which says it has `length` bytes."""
    if isinstance(header, dict):
        header = json.dumps({"__metadata__": {"state": "{}", "checksums": "{}"}, **header}).encode()
    return (len(header) if length is None else length).to_bytes(8, "little") + header + data


TWICE = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}}'
LIES = {
    "nothing": b"",
    "less than a length": b"\1\2\3",
    "a header longer than the file": file_of({}, length=10**4),
    "a header of a million terabytes": file_of({}, length=2**60),
    "a header of -1 bytes": file_of({}, length=2**64 - 1),
    "a header cut short": file_of({}, length=20),
    "no JSON": file_of(b"\xff\xfe\x00"),
    "JSON nested a million deep": file_of(b"[" * 10**6),
    "a list": file_of(b"[]"),
    "a number of 100,000 digits": file_of(b'{"w":' + b"9" * 10**5 + b"}"),
    "a name that comes twice": file_of(TWICE, b"1234"),
    "a huge shape": file_of({"w": entry([2**40, 2**40], 0, 4)}, b"1234"),
    "a shape larger than the data": file_of({"w": entry([2**30], 0, 2**32)}, b"1234"),
    "a shape that does not fit its offsets": file_of({"w": entry([2], 0, 4)}, b"1234"),
    "a negative side": file_of({"w": entry([-1], 0, 4)}, b"1234"),
    "offsets that overlap": file_of({"a": entry([1], 0, 4), "b": entry([1], 2, 6)}, b"123456"),
    "offsets with a hole": file_of({"a": entry([1], 0, 4), "b": entry([1], 8, 12)}, b"123456789abc"),
    "offsets in reverse": file_of({"w": entry([1], 4, 0)}, b"1234"),
    "offsets beyond the data": file_of({"w": entry([1], 2**60, 2**60 + 4)}, b"1234"),
    "data that nobody claims": file_of({"w": entry([1], 0, 4)}, b"12345678"),
    "an unknown dtype": file_of({"w": entry([1], 0, 4, "Q9")}, b"1234"),
    "a dtype that NumPy lacks": file_of({"w": entry([2], 0, 4, "BF16")}, b"1234"),
    "a dtype that NumPy does not even have a name for": file_of({"w": entry([4], 0, 4, "F8_E4M3")}, b"1234"),
    "no checksums": file_of({"__metadata__": {"state": "{}"}}),
    "texts that are none": file_of({"__metadata__": {"state": 3, "checksums": []}}),
    "checksums that are a list": file_of({"__metadata__": {"state": "{}", "checksums": "[1]"}}),
    "a state that is no JSON": file_of({"__metadata__": {"state": "{", "checksums": "{}"}}),
    "an array without a checksum": file_of({"w": entry([1], 0, 4)}, b"1234"),
    "the checksum of an array that is not there": file_of({"__metadata__": {"state": "{}", "checksums": '{"w":"0"}'}}),
    "an HTML page": b"<!DOCTYPE html><html>404 not found</html>",
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.fault(number=12)
def test_a_file_that_lies_is_refused_at_once_without_a_large_allocation(tmp_path: Path, lie: str) -> None:
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(LIES[lie])
    with (
        at_once(2**20 + len(LIES[lie])),
        pytest.raises(CheckpointError, match=r"checkpoint.safetensors (is damaged|has changed on the disk)"),
    ):
        load(path)


def failing(number: int) -> Any:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize(
    ("call", "number"), [("fsync", errno.EIO), ("fsync", errno.ENOSPC), ("replace", errno.EIO)], ids=str
)
@pytest.mark.fault(number=15)
def test_when_a_save_fails_the_old_checkpoint_is_intact_and_no_part_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"w": np.ones(3)}, {"step": 1})
    with monkeypatch.context() as failing_disk:
        failing_disk.setattr(os, call, failing(number))
        for step in (1, 2):
            with pytest.raises(OSError, match=os.strerror(number)):
                checkpoints.save(step, {"w": np.zeros(3)}, {"step": 9})
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001.safetensors"]
    found = checkpoints.latest(warn=pytest.fail)
    assert found is not None
    assert found[1] == {"step": 1}


@pytest.mark.fault(number=15)
def test_a_full_disk_in_the_middle_of_a_file(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"w": np.ones(3)}, {"step": 1})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            checkpoints.save(2, {"w": np.ones(10**6)}, {"step": 2})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001.safetensors"]


@pytest.mark.fault(number=16)
def test_ctrl_c_during_a_save_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "checkpoint.safetensors"
    save(path, {"w": np.ones(3)}, {"step": 1})
    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(path, {"w": np.zeros(3)}, {"step": 2})
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert load(path)[1] == {"step": 1}


@pytest.mark.fault(number=11)
def test_a_checkpoint_that_cannot_be_read_falls_back(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"w": np.ones(3)}, {"step": 1})
    (tmp_path / "step-00000002.safetensors").mkdir()  # opening it is an OSError, as on a failing disk
    told: list[str] = []
    found = checkpoints.latest(told.append)
    assert found is not None
    assert (found[1], len(told)) == ({"step": 1}, 1)


@pytest.mark.fault(number=15)
def test_kills_at_random_instants_lose_nothing_but_the_save_in_hand(tmp_path: Path) -> None:
    script = Path(__file__).with_name("saves_until_killed.py")
    done = subprocess.run([sys.executable, str(script), str(tmp_path), "50", "50"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0, "no kill came in the middle of a save"
