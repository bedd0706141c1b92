"""Scores of what a captioner wrote for held-out images, beside those of its rivals: neighbours' captions, and people's.

Imports the scores and the data; the command line imports it.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from minigrad.errors import UsageError
from minigrad.op import Array
from models.data.coco import CaptionData, Split, Vocabulary
from models.data.vocabulary import UNK
from models.scores import Caption, Captions, scored
from models.scores.neighbours import Neighbours
from models.scores.people import leave_one_out, unchanged

Words = list[str]


class Scoring:
    """Held-out images with their reference captions, against which any captions of them are scored.

    The references are the encoded captions, or `references` by image. Every word outside the vocabulary is one of its
    own there: what is written as <UNK> is never right. `images` takes that many images only. UsageError where none has
    a caption.
    """

    def __init__(
        self, data: CaptionData, references: Mapping[int, Sequence[Words]] | None = None, images: int | None = None
    ) -> None:
        found = captions_of(data.val, data.vocabulary) if references is None else references
        self.data, self.raw = data, references is not None
        self.rows = sorted(found)[:images]
        self.captions = [[" ".join(words) for words in found[row]] for row in self.rows]
        self.references: list[Captions] = [_unlike(found[row], row) for row in self.rows]
        if not self.rows:
            raise UsageError(f"{data.folder} has no held-out captions to score against")

    @property
    def features(self) -> Array:
        """The features of the images."""
        return self.data.val.features(np.array(self.rows))

    def of(self, captions: Sequence[Caption]) -> dict[str, float]:
        """The scores of a caption of each image."""
        return scored(captions, self.references)

    @cached_property
    def number(self) -> int:
        """The k of the neighbours, chosen on the training images."""
        return self._neighbours.best_number()

    def neighbours(self) -> dict[str, float]:
        """The scores of captions copied from the `number` nearest training images."""
        return self.of(self._neighbours.written(vectors(self.features), self.number))

    def people(self, known_words: bool = False) -> dict[str, float] | None:
        """The scores of people's captions against each other; None unless two images have several captions.

        `known_words` takes words outside the vocabulary out of what is scored, though not out of the references.
        """
        if sum(len(captions) > 1 for captions in self.references) < 2:
            return None
        known = set(self.data.vocabulary.idx_to_word)
        limit = (lambda caption: [w if w in known else UNK for w in caption]) if known_words else unchanged
        return leave_one_out(self.references, limit)

    @cached_property
    def _neighbours(self) -> Neighbours:
        captions = captions_of(self.data.train, self.data.vocabulary)
        return Neighbours(vectors(self.data.train.features(np.array(list(captions)))), list(captions.values()))


def captions_of(split: Split, vocabulary: Vocabulary) -> dict[int, list[Words]]:
    """The captions of every image that has some, as words, in the order of the images."""
    order = np.argsort(split.image_idxs, kind="stable")
    captions: dict[int, list[Words]] = {}
    for row, ids in zip(split.image_idxs[order].tolist(), split.captions[order], strict=True):
        captions.setdefault(row, []).append(vocabulary.decode(ids).split())
    return captions


def vectors(features: Array) -> Array:
    """Features (N, D), or the means (N, C) over places of (N, P, C)."""
    means: Array = features if features.ndim == 2 else features.mean(axis=1)
    return means


def _unlike(captions: Sequence[Words], row: int) -> list[Words]:
    """Captions in which no two unknown words are equal, and none is equal to a written <UNK>."""
    return [
        [f"{UNK} {row}.{number}.{place}" if word == UNK else word for place, word in enumerate(words)]
        for number, words in enumerate(captions)
    ]
