"""Handwritten digits in MNIST's four idx files (LeCun et al. 1998), gzipped or not, validated when opened.

An idx file is a magic number 0x000008nn (bytes, nn axes), then nn sizes, all big-endian 32 bits, then the bytes.
Imports NumPy and the cache; the commands and `models.training` import it.
"""

import gzip
import struct
import zlib
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minigrad.errors import DataError, MissingFileError
from minigrad.op import Array

CLASSES = 10
SIDE = 28
FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
"""The files of each part: pictures and labels."""
CHECKSUMS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""SHA-256 of the uncompressed content of MNIST itself."""
_MOST = 2**31
"""A file that claims more bytes than this is refused before anything is allocated."""
_BLOCK = 2**20
"""The bytes read at a time, since a single large read would allocate all it asks for even if the file is short."""


class Digits(NamedTuple):
    """Pictures (N, 28, 28) of bytes, from 0 (paper) to 255 (ink), and their labels (N,) from 0 to 9."""

    images: Array
    labels: Array

    def rows(self, chosen: Array | slice = slice(None)) -> Array:
        """The chosen pictures as rows (n, 784) scaled to −1 … 1."""
        images = self.images[chosen]
        return images.reshape(len(images), -1).astype(np.float32) / np.float32(127.5) - np.float32(1)


def as_bytes(rows: Array) -> Array:
    """Rows (n, 784) in −1 … 1 as pictures (n, 28, 28) of bytes: the inverse of `Digits.rows`."""
    scaled = (np.asarray(rows) + 1) * 127.5
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8).reshape(-1, SIDE, SIDE)


def open_digits(folder: str | Path, part: str = "train") -> Digits:
    """The pictures and labels of a part, "train" or "test", of a folder in MNIST's format.

    Raises MissingFileError for a missing file, DataError if a file contradicts its header or the two do not match.
    """
    pictures, names = (located(Path(folder), name) for name in FILES[part])
    images, labels = read_idx(pictures, axes=3), read_idx(names, axes=1)
    if images.shape[1:] != (SIDE, SIDE):
        raise DataError(f"{pictures} holds pictures {images.shape[1:]}, and should hold {SIDE} × {SIDE}")
    if len(images) != len(labels) or not len(images):
        raise DataError(f"{pictures} holds {len(images)} pictures and {names} {len(labels)} labels: one each is needed")
    if labels.max() >= CLASSES:
        where = int(np.argmax(labels >= CLASSES))
        raise DataError(f"{names}: label {where} is {labels[where]}; labels are from 0 to {CLASSES - 1}")
    return Digits(images, labels)


def located(folder: Path, name: str) -> Path:
    """The file or its gzipped form, whichever exists."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise MissingFileError(
        f"{folder} holds no {name}, nor {name}.gz: `minigrad data fetch mnist` gets MNIST's four files"
    )


def read_idx(path: Path, axes: int) -> Array:
    """The array of bytes in an idx file. Raises DataError that says what is wrong with it."""
    content = uncompressed(path)
    header = 4 + 4 * axes
    if len(content) < header:
        raise DataError(f"{path} ends after {len(content)} bytes, within its header of {header}")
    magic, *shape = struct.unpack(f">{1 + axes}I", content[:header])
    if magic != 0x800 + axes:
        raise DataError(f"{path} begins with {magic:#010x}, not {0x800 + axes:#010x}: it is no idx file of {axes} axes")
    there = len(content) - header
    if there != prod(shape):
        state = "is cut short" if there < prod(shape) else "goes on after its end"
        raise DataError(
            f"{path} {state}: its header tells of {prod(shape):,} bytes {tuple(shape)}, and {there:,} follow"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def uncompressed(path: Path) -> bytes:
    """The content of a file, decompressed if it is gzipped."""
    content = bytearray()
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            while len(content) <= _MOST and (block := file.read(_BLOCK)):
                content += block
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path} is no whole gzip file ({error})") from None
    if len(content) > _MOST:
        raise DataError(f"{path} holds more than {_MOST:,} bytes: it is not MNIST")
    return bytes(content)
