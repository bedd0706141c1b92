"""MNIST's files: read whole or refused with what is wrong."""

import gzip
import hashlib
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minigrad.errors import DataError, MissingFileError
from models.data.mnist import CHECKSUMS, FILES, as_bytes, located, open_digits, read_idx, uncompressed

rng = np.random.default_rng(0)


def idx(array: Any, magic: int | None = None) -> bytes:
    """An idx file of bytes."""
    header = struct.pack(f">{1 + array.ndim}I", magic or 0x800 + array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def write_digits(folder: Path, count: int = 40, side: int = 28, gzipped: bool = True) -> Path:
    """Four files of random pictures, half as many for the test."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, size in (("train", count), ("test", count // 2)):
        contents = rng.integers(0, 256, (size, side, side)), np.arange(size) % 10
        for name, array in zip(FILES[part], contents, strict=True):
            path = folder / (f"{name}.gz" if gzipped else name)
            path.write_bytes(gzip.compress(idx(array), 1) if gzipped else idx(array))
    return folder


@pytest.mark.parametrize("gzipped", [True, False])
def test_files_are_read_gzipped_or_not(tmp_path: Path, gzipped: bool) -> None:
    digits = open_digits(write_digits(tmp_path, gzipped=gzipped))
    assert digits.images.shape == (40, 28, 28) and digits.labels.tolist() == [i % 10 for i in range(40)]
    assert len(open_digits(tmp_path, "test").images) == 20


def test_rows_are_from_minus_one_to_one_and_back(tmp_path: Path) -> None:
    digits = open_digits(write_digits(tmp_path))
    rows = digits.rows(np.array([3, 1]))
    assert rows.shape == (2, 784) and rows.dtype == np.float32 and rows.min() == -1 and rows.max() == 1
    assert np.array_equal(as_bytes(rows), digits.images[[3, 1]])


IMAGES, LABELS = FILES["train"]
FAULTS = {
    "another magic number": (IMAGES, idx(np.zeros((4, 28, 28)), 0x802), "begins with 0x00000802"),
    "cut short": (IMAGES, idx(np.zeros((40, 28, 28)))[:-1], "is cut short"),
    "too long": (LABELS, idx(np.zeros(40)) + b"x", "goes on after its end"),
    "within the header": (IMAGES, b"\0\0\x08", "within its header"),
    "empty": (LABELS, b"", "within its header"),
    "another size": (IMAGES, idx(np.zeros((40, 32, 32))), "should hold 28 × 28"),
    "another number": (LABELS, idx(np.zeros(39)), "40 pictures"),
    "a label out of range": (LABELS, idx(np.r_[np.zeros(7), 10, np.zeros(32)]), "label 7 is 10"),
    "claims more than there is": (IMAGES, struct.pack(">4I", 0x803, 2**31, 28, 28), "is cut short"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.fault(number=2)
def test_a_faulty_file_is_refused_with_what_is_wrong(tmp_path: Path, fault: str) -> None:
    name, content, message = FAULTS[fault]
    (write_digits(tmp_path, gzipped=False) / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        open_digits(tmp_path)


@pytest.mark.parametrize(
    "content", [gzip.compress(idx(np.zeros(9)), mtime=0)[:-9], b"no gzip", b"\x1f\x8b\x08\0broken" * 9]
)
@pytest.mark.fault(number=2)
def test_a_broken_gzip_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "labels.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match="no whole gzip file"):
        read_idx(path, axes=1)


@pytest.mark.fault(number=1)
def test_no_pictures_and_no_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="holds no train-images"):
        open_digits(tmp_path)
    for name, array in zip(FILES["train"], (np.zeros((0, 28, 28)), np.zeros(0)), strict=True):
        (tmp_path / name).write_bytes(idx(array))
    with pytest.raises(DataError, match="0 pictures"):
        open_digits(tmp_path)


def test_mnist_itself_has_its_checksums(real_data: Path) -> None:
    contents = {name: uncompressed(located(real_data / "mnist", name)) for name in CHECKSUMS}
    assert {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()} == CHECKSUMS
    assert np.bincount(open_digits(real_data / "mnist", "test").labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
