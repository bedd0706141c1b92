"""What people said of a split's images, as words: as they wrote it if that is known, otherwise decoded from ids.

The original wording comes from a prepared folder's own list or from COCO's annotations. Training's scores import this.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minigrad.errors import UsageError
from models.data.annotations import read_annotations
from models.data.coco import CaptionData, Split, Vocabulary
from models.data.originals import listed
from models.data.tokens import tokenize
from models.data.vocabulary import UNK

Words = list[str]


@dataclass(frozen=True)
class Told:
    """The captions of images, and the images' numbers, both by row; `raw` says whether they are as people wrote them.

    In decoded captions every unknown word differs from all others and from <UNK>, so that none ever counts as a match.
    """

    captions: dict[int, list[Words]]
    numbers: dict[int, int]
    raw: bool


def told(data: CaptionData, annotations: str | Path | None = None) -> Told:
    """What was said of the held-out images.

    `annotations` is COCO's file of the original wording. Raises UsageError if that file is about other images.
    """
    if annotations is not None:
        return _annotated(data, annotations)
    photographs = listed(data, "val")
    if photographs is not None:
        return _as_written(enumerate((photograph.number, photograph.captions) for photograph in photographs))
    captions = {row: apart(said, row) for row, said in captions_of(data.val, data.vocabulary).items()}
    return Told(captions, {row: row for row in captions}, raw=False)


def captions_of(split: Split, vocabulary: Vocabulary) -> dict[int, list[Words]]:
    """The decoded captions, as words, of every image that has some, in the order of the images."""
    order = np.argsort(split.image_idxs, kind="stable")
    captions: dict[int, list[Words]] = {}
    for row, ids in zip(split.image_idxs[order].tolist(), split.captions[order], strict=True):
        captions.setdefault(row, []).append(vocabulary.decode(ids).split())
    return captions


def apart(captions: Sequence[Words], row: int) -> list[Words]:
    """The captions with every unknown word replaced by a word of its own, so that no two are equal."""
    return [
        [f"{UNK} {row}.{number}.{place}" if word == UNK else word for place, word in enumerate(words)]
        for number, words in enumerate(captions)
    ]


def _annotated(data: CaptionData, path: str | Path) -> Told:
    """The captions of annotated photographs, matched to the images by their addresses or files."""
    photographs = read_annotations(path).photographs
    rows = {address: row for row, address in enumerate(data.val.urls)}
    places = [(rows.get(p.address, rows.get(p.file)), (p.id, p.captions)) for p in photographs]
    found = sorted((row, said) for row, said in places if row is not None)
    if not found:
        raise UsageError(
            f"none of the {len(photographs)} photographs of {path} is held out in {data.folder}: their addresses differ"
        )
    return _as_written(found)


def _as_written(found: Iterable[tuple[int, tuple[int, Sequence[str]]]]) -> Told:
    captions, numbers = dict[int, list[Words]](), dict[int, int]()
    for row, (number, said) in found:
        words = [tokens for tokens in map(tokenize, said) if tokens]
        if words:
            captions[row], numbers[row] = words, number
    return Told(captions, numbers, raw=True)
