"""Scores of what a captioner wrote for held-out images, beside those of its rivals: neighbours' captions, and people's.

Imports the scores and the data; the command line imports it.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from minigrad.errors import UsageError
from minigrad.op import Array
from models.data.coco import CaptionData
from models.data.told import Told, captions_of, told
from models.data.vocabulary import UNK
from models.scores import Caption, Captions, CiderD, scored
from models.scores.cider import Rarity
from models.scores.neighbours import Neighbours
from models.scores.people import leave_one_out


class Scoring:
    """Held-out images with their reference captions, against which any captions of them are scored.

    The references are what is `said` of them, by default what the data knows; what is written as <UNK> is never right.
    `images` takes so many images only. UsageError where none has a caption.
    """

    def __init__(self, data: CaptionData, said: Told | None = None, images: int | None = None) -> None:
        self.data, self.said = data, said or told(data)
        self.rows = sorted(self.said.captions)[:images]
        self.references: list[Captions] = [self.said.captions[row] for row in self.rows]
        if not self.rows:
            raise UsageError(f"{data.folder} has no held-out captions to score against")

    @property
    def features(self) -> Array:
        """The features of the images."""
        return self.data.val.features(np.array(self.rows))

    def of(self, captions: Sequence[Caption]) -> dict[str, float]:
        """The scores of a caption of each image."""
        return scored(captions, self.references)

    def each(self, captions: Sequence[Caption]) -> list[float]:
        """The CIDEr-D of a caption of each image, words weighed by all held-out images; nothing where there is one."""
        held_out = list(self.said.captions.values())
        return CiderD(self.references, Rarity(held_out)).each(captions).tolist() if len(held_out) > 1 else []

    @cached_property
    def number(self) -> int:
        """The k of the neighbours, chosen on the training images."""
        return self._neighbours.best_number()

    def neighbours(self) -> dict[str, float]:
        """The scores of captions copied from the `number` nearest training images."""
        return self.of(self._neighbours.written(vectors(self.features), self.number))

    def people(self) -> dict[str, dict[str, float]]:
        """The scores of people's captions against each other, as written and in the vocabulary's words alone.

        Words outside the vocabulary are taken out of what is scored, not out of the references. Without raw captions
        there is only the second; nothing where fewer than two images have several captions.
        """
        if sum(len(captions) > 1 for captions in self.references) < 2:
            return {}
        known = set(self.data.vocabulary.idx_to_word)

        def limited(words: Caption) -> Caption:
            return [word if word in known else UNK for word in words]

        raw = {"people": leave_one_out(self.references)} if self.said.raw else {}
        return {**raw, "people_in_known_words": leave_one_out(self.references, limited)}

    @cached_property
    def _neighbours(self) -> Neighbours:
        captions = captions_of(self.data.train, self.data.vocabulary)
        return Neighbours(vectors(self.data.train.features(np.array(list(captions)))), list(captions.values()))


def vectors(features: Array) -> Array:
    """Features (N, D), or the means (N, C) over places of (N, P, C)."""
    means: Array = features if features.ndim == 2 else features.mean(axis=1)
    return means
