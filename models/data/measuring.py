"""Computes the features of many photographs in blocks, each kept in a file, so that an interruption loses little.

A block's file is written whole or not at all. It holds the features of the photographs that could be read and the
remarks on the others. `models.data.preparation` imports this.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.errors import DataError, MinigradError
from minigrad.files import write_whole
from minigrad.op import Array
from models.data.annotations import Photograph
from models.data.imagenet import framed, preprocess
from models.data.images import read_image
from models.weights.npz import DAMAGE, npz_bytes, read_npz

BLOCK = 16
"""The photographs in a block, which go through the network together."""
_SHOWN = 3


@dataclass(frozen=True)
class Block:
    """The features (n, …) of those photographs of a block that could be read, and the remarks on each photograph."""

    features: Array
    rows: tuple[int, ...]
    """The rows of these photographs in the split."""
    unreadable: tuple[str, ...]
    told: tuple[str, ...]


@dataclass(frozen=True)
class Measured:
    """The blocks of a split, stored in files."""

    paths: tuple[Path, ...]
    rows: tuple[int, ...]
    findings: tuple[str, ...]

    @property
    def count(self) -> int:
        """The number of photographs that have features."""
        return len(self.rows)

    def blocks(self) -> Iterator[Array]:
        """The features, one block (n, …) after another."""
        for path in self.paths:
            block = read_block(path)
            if block is None:
                raise DataError(f"{path} has changed since it was written: prepare again, which measures it anew")
            if block.rows:
                yield block.features


def measured(
    folder: Path,
    images: Path,
    photographs: Sequence[Photograph],
    see: Callable[[Array], Array],
    skip: bool,
    report: Callable[[int], None],
) -> Measured:
    """Computes what is still missing of a split's features with a network `see` that takes pictures (n, 3, 224, 224).

    Raises DataError if a photograph cannot be read, unless `skip` leaves it out. `report` is called after each block.
    """
    folder.mkdir(exist_ok=True)
    paths, blocks = [], []
    for start in range(0, len(photographs), BLOCK):
        path, some = folder / f"{start:07}.npz", photographs[start : start + BLOCK]
        block = read_block(path) if path.exists() else None
        if block is None:
            block = measured_block(images, start, some, see)
            if not block.unreadable or skip:  # others are tried again, when they may have come
                write_block(path, block)
        if block.unreadable and not skip:
            raise DataError(f"{block.unreadable[0]}; --skip-unreadable leaves such photographs out")
        paths.append(path)
        blocks.append(replace(block, features=block.features[:0].copy()))  # a view would hold all of them
        report(len(some))
    return Measured(tuple(paths), tuple(row for block in blocks for row in block.rows), summary(blocks))


def measured_block(images: Path, start: int, photographs: Sequence[Photograph], see: Callable[[Array], Array]) -> Block:
    """Computes the block of the photographs starting at row `start`."""
    pictures: list[Array] = []
    rows, unreadable, told = list[int](), list[str](), list[str]()
    for row, photograph in enumerate(photographs, start):
        try:
            pictures.append(preprocess(framed(read_image(images / photograph.file, told.append))))
            rows.append(row)
        except MinigradError as error:
            unreadable.append(str(error) if photograph.file in str(error) else f"{photograph.file}: {error}")
    features = see(np.concatenate(pictures)) if pictures else np.zeros((0, 1), np.float32)
    return Block(features, tuple(rows), tuple(unreadable), tuple(told))


def write_block(path: Path, block: Block) -> None:
    """Writes a block to its file."""
    about = json.dumps({"rows": block.rows, "unreadable": block.unreadable, "told": block.told}).encode()
    features = np.ascontiguousarray(block.features)
    write_whole(path, npz_bytes({"features": features, "about": np.frombuffer(about, np.uint8)}))


def read_block(path: Path) -> Block | None:
    """The block in a file; None if the file is damaged."""
    try:
        with path.open("rb") as file:
            arrays = read_npz(file)
        about: dict[str, Any] = json.loads(arrays["about"].tobytes())
        return Block(arrays["features"], *(tuple(about[key]) for key in ("rows", "unreadable", "told")))
    except (*DAMAGE, OSError):
        return None


def summary(blocks: Sequence[Block]) -> tuple[str, ...]:
    """One line about the photographs that were left out, and one for each kind of conversion."""
    unreadable = [reason for block in blocks for reason in block.unreadable]
    told = Counter(what for block in blocks for what in block.told)
    rest = " …" if len(unreadable) > _SHOWN else ""
    left_out = f"{len(unreadable)} photographs are left out: {'; '.join(unreadable[:_SHOWN])}{rest}"
    return (*([left_out] if unreadable else []), *(f"{count} photographs: {what}" for what, count in told.items()))


def photographs_of(photographs: Sequence[Photograph], found: Measured) -> list[Photograph]:
    """The photographs that have features, one for each row."""
    return [photographs[row] for row in found.rows]
