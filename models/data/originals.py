"""The photographs or scenes behind the rows of a data set, and what people said of them in their own spelling.

Imports `coco` and `scenes`; the command line imports this.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.errors import DataError, MinigradError
from models.data.coco import CaptionData
from models.data.images import Pixels, read_image
from models.data.preparation import PHOTOGRAPHS
from models.data.scenes import open_scenes


@dataclass(frozen=True, eq=False)
class Original:
    """One row: its picture (None if only the address is known or the file is gone), its captions and its name."""

    image: Pixels | None
    address: str
    captions: tuple[str, ...]
    name: str = ""
    """The name of its file, if the data folder knows it."""


@dataclass(frozen=True)
class Listed:
    """A photograph listed by a prepared folder: its number in COCO, its file and its captions as people wrote them."""

    number: int
    file: Path
    captions: tuple[str, ...]


def originals(data: CaptionData, split: str, rows: Sequence[int]) -> list[Original]:
    """The originals of these rows of "train" or "val", in the given order. Raises DataError if they cannot be read."""
    urls, photographs = _urls(data, split), listed(data, split)
    if photographs is not None:
        if len(photographs) != len(urls):
            raise DataError(f"{data.folder / PHOTOGRAPHS} lists {len(photographs)} photographs of {len(urls)}")
        chosen = [(photographs[row], urls[row]) for row in rows]
        return [Original(_picture(one.file), url, one.captions, one.file.name) for one, url in chosen]
    images = _scenes(data, split, rows)
    return [Original(image, urls[row], _decoded(data, split, row)) for row, image in zip(rows, images, strict=True)]


def listed(data: CaptionData, split: str) -> list[Listed] | None:
    """What a prepared folder lists of a split's photographs, by row; None for another kind of folder."""
    path = data.folder / PHOTOGRAPHS
    if not path.is_file():
        return None
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())[split]
        folder = Path(content["folder"])
        return [
            Listed(int(p["id"]), folder / p["file"], tuple(map(str, p["captions"]))) for p in content["photographs"]
        ]
    except (ValueError, LookupError, TypeError, OSError) as error:
        raise DataError(
            f"{path} does not list the photographs of {split} ({error!r}): prepare the data again"
        ) from None


def _picture(path: Path) -> Pixels | None:
    try:
        return read_image(path)
    except MinigradError:
        return None


def _scenes(data: CaptionData, split: str, rows: Sequence[int]) -> Sequence[Pixels | None]:
    """The pictures of these rows if the data are scenes; otherwise None for each row."""
    if (data.folder / "scenes.json").is_file():
        return open_scenes(data.folder).images(split, rows)  # type: ignore[return-value]
    return [None] * len(rows)


def _urls(data: CaptionData, split: str) -> tuple[str, ...]:
    return getattr(data, split).urls  # type: ignore[no-any-return]


def _decoded(data: CaptionData, split: str, row: int) -> tuple[str, ...]:
    """An image's captions, decoded from their ids."""
    of = getattr(data, split)
    return tuple(data.vocabulary.decode(of.captions[n]) for n in np.nonzero(of.image_idxs == row)[0])
