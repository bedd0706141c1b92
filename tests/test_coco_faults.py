"""Data files that are missing, broken, locked or made of something else: each is one clear error."""

import fcntl
import json
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest
from coco_folder import CAPTIONS, CAPTIONS_FILE, VOCABULARY_FILE, WIDTH, WORDS, refused, write_folder
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad.errors import DataError, MissingFileError
from models.data.coco import open_data

FEATURES_FILE = "train2014_plain.h5"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "data")


# 1. missing


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        (CAPTIONS_FILE, "the encoded captions"),
        (VOCABULARY_FILE, "the words and their ids"),
        (FEATURES_FILE, "the features of the images"),
        ("val2014_plain.h5", "the features of the val images"),
        ("val2014_urls.txt", "an address a line, for each image"),
    ],
)
@pytest.mark.fault(number=1)
def test_a_missing_file_is_named_with_what_it_holds_and_how_to_get_it(folder: Path, name: str, holds: str) -> None:
    (folder / name).unlink()
    looked_for = "train2014_NAME.h5" if name == FEATURES_FILE else name
    refused(
        folder, f"there is no .*{looked_for}, which holds {holds}: get_datasets.sh .*minigrad train", MissingFileError
    )


@pytest.mark.fault(number=1)
def test_a_missing_folder(folder: Path) -> None:
    refused(folder / "nowhere", "there is no folder .*nowhere, which holds the data: get_datasets.sh", MissingFileError)


@pytest.mark.fault(number=1)
def test_unknown_features_list_those_there_are(folder: Path) -> None:
    with pytest.raises(MissingFileError, match=r"no .*train2014_plane.h5.* found 'plain'; did you mean 'plain'\?"):
        open_data(folder, "plane")
    with pytest.raises(MissingFileError, match="found 'plain'"):
        open_data(folder, "../data/train2014_plain")


# 2. truncated, empty, not HDF5, not JSON


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


@pytest.mark.parametrize(
    ("damage", "pattern"),
    [
        (cut, r"not a complete HDF5 file \([\d,]+ of [\d,]+ bytes\)"),
        (lambda content: b"", r"not a complete HDF5 file \(0 bytes"),
        (lambda content: b"\n<!DOCTYPE html><p>404", r"not a complete HDF5 file \(22 bytes of an HTML page\)"),
        (lambda content: b"PK\3\4" * 10, r"not a complete HDF5 file \(40 bytes; .*signature"),
    ],
)
@pytest.mark.parametrize("name", [CAPTIONS_FILE, FEATURES_FILE])
@pytest.mark.fault(number=2)
def test_what_is_no_complete_hdf5_file(folder: Path, name: str, damage: Callable[[bytes], bytes], pattern: str) -> None:
    (folder / name).write_bytes(damage((folder / name).read_bytes()))
    refused(folder, f"{name} is {pattern}")


@pytest.mark.parametrize("damage", [cut, lambda content: b"", lambda content: b"<html>", lambda content: b"[" * 10**5])
@pytest.mark.fault(number=2)
def test_what_is_no_complete_json_file(folder: Path, damage: Callable[[bytes], bytes]) -> None:
    path = folder / VOCABULARY_FILE
    path.write_bytes(damage(path.read_bytes()))
    refused(folder, r"vocab.json is not a complete JSON file \([\d,]+ bytes")


@pytest.mark.fault(number=2)
def test_a_flipped_byte_under_a_checksum(folder: Path) -> None:
    path = folder / FEATURES_FILE
    with h5py.File(path, "w") as file:
        file.create_dataset("features", data=np.full((9, WIDTH), 0.5, "f4"), chunks=(9, WIDTH), fletcher32=True)
    content = bytearray(path.read_bytes())
    content[content.index(np.full(9, 0.5, "f4").tobytes())] ^= 1
    path.write_bytes(content)
    refused(folder, f"{FEATURES_FILE}: 'features' is damaged .*filter")


@pytest.mark.parametrize("name", [CAPTIONS_FILE, FEATURES_FILE, VOCABULARY_FILE])
@pytest.mark.fault(number=2)
def test_whatever_byte_is_changed_there_is_data_or_an_error_of_ours(folder: Path, name: str) -> None:
    path = folder / name
    content = path.read_bytes()
    structure = [place for place, byte in enumerate(content) if byte]  # most of HDF5's other bytes are unused

    @given(st.sampled_from(structure), st.integers(1, 255))
    @settings(deadline=None)
    def check(place: int, bits: int) -> None:
        changed = bytearray(content)
        changed[place] ^= bits
        path.write_bytes(changed)
        with suppress(DataError):
            open_data(folder, patience=0)

    check()


# 3. keys


@pytest.mark.fault(number=3)
def test_a_misspelt_key_lists_what_is_there_and_the_nearest(folder: Path) -> None:
    with h5py.File(folder / CAPTIONS_FILE, "a") as file:
        file.move("val_captions", "val_caption")
    refused(folder, "has no 'val_captions': found .*'train_captions'.*; did you mean 'val_caption'")


@pytest.mark.fault(number=3)
def test_a_missing_key_of_the_vocabulary(folder: Path) -> None:
    (folder / VOCABULARY_FILE).write_text(json.dumps({"idx_to_words": list(WORDS), "word_to_idx": {}}))
    refused(folder, "has no 'idx_to_word': found .*did you mean 'idx_to_words'")


# 9. data that is elsewhere, or not there


def external_storage(file: h5py.File) -> None:
    file.create_dataset("features", (9, WIDTH), "f4", external=[("/etc/hostname", 0, 180)])


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((9, WIDTH), "f4")
    layout[:] = h5py.VirtualSource("val2014_plain.h5", "features", (9, WIDTH))
    file.create_virtual_dataset("features", layout)


def linked(link: h5py.SoftLink | h5py.ExternalLink) -> Callable[[h5py.File], None]:
    def write(file: h5py.File) -> None:
        file["features"] = link

    return write


def never_written(**options: object) -> Callable[[h5py.File], None]:
    def write(file: h5py.File) -> None:
        file.create_dataset("features", dtype="f4", **options)

    return write


def partly_written(file: h5py.File) -> None:
    file.create_dataset("features", (9, WIDTH), "f4", chunks=(3, WIDTH), compression="gzip")[:3] = 1


def bomb(file: h5py.File) -> None:
    file.create_dataset("features", data=np.zeros((20_000, 512), "f4"), chunks=(2_000, 512), compression="gzip")


@pytest.mark.parametrize(
    ("write", "pattern"),
    [
        (linked(h5py.SoftLink("/other")), "'features' is a soft or external link"),
        (linked(h5py.ExternalLink("val2014_plain.h5", "features")), "'features' is a soft or external link"),
        (virtual, "'features' is a virtual dataset"),
        (external_storage, "'features' has external storage"),
        (never_written(shape=(10**9, 512)), r"declares \(1000000000, 512\), .* out of proportion to the 0 in the file"),
        (never_written(shape=(2**60, 2**60), chunks=(64, 512), compression="gzip"), "out of proportion"),
        (partly_written, "out of proportion .*2 chunks are absent"),
        (bomb, r"declares \(20000, 512\), 40,960,000 bytes, out of proportion"),
    ],
)
@pytest.mark.fault(number=9)
def test_data_outside_the_file_or_absent_is_refused_before_it_is_read(
    folder: Path, write: Callable[[h5py.File], None], pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with h5py.File(folder / FEATURES_FILE, "w") as file:
        write(file)
    monkeypatch.delattr(h5py.Dataset, "__getitem__")
    refused(folder, pattern)


@pytest.mark.parametrize("size", [0, 3])
@pytest.mark.fault(number=9)
def test_a_chunk_too_short_for_its_checksum_is_refused_where_hdf5_would_crash(folder: Path, size: int) -> None:
    path = folder / FEATURES_FILE
    with h5py.File(path, "w") as file:
        table = file.create_dataset("features", data=np.ones((9, WIDTH), "f4"), chunks=(9, WIDTH), fletcher32=True)
        key = struct.pack("<IIQ", table.id.get_chunk_info(0).size, 0, 0)  # as the file's index has it
    content = path.read_bytes()
    assert content.count(key) == 1
    path.write_bytes(content.replace(key, struct.pack("<IIQ", size, 0, 0)))
    refused(folder, r"out of proportion .*1 chunks are absent")


@pytest.mark.fault(number=9)
def test_long_runs_of_one_value_may_compress_well(folder: Path) -> None:
    with h5py.File(folder / FEATURES_FILE, "w") as file:
        zeros = np.zeros((9, 100_000), "f4")
        table = file.create_dataset("features", data=zeros, chunks=zeros.shape, compression="gzip", shuffle=True)
        assert zeros.nbytes / table.id.get_storage_size() > 500
    with pytest.raises(
        DataError, match="has 100000 features for each image and"
    ):  # the other split's features are narrower: it was read
        open_data(folder)


# 10. a writer


@pytest.mark.fault(number=10)
def test_a_file_that_stays_locked(folder: Path) -> None:
    with (folder / FEATURES_FILE).open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        begun = time.monotonic()
        with pytest.raises(DataError, match=r"plain.h5 is locked by a program that writes it.*after 0.2 s"):
            open_data(folder, patience=0.2)
    assert 0.2 <= time.monotonic() - begun < 20


@pytest.mark.fault(number=10)
def test_a_file_that_is_free_after_a_while(folder: Path) -> None:
    with (folder / FEATURES_FILE).open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        threading.Timer(0.1, fcntl.flock, (writer, fcntl.LOCK_UN)).start()
        assert len(open_data(folder, patience=5).train) == CAPTIONS["train"]
