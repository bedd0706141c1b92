"""Scores a captioner's held-out captions, and for comparison those of its neighbours and of people.

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
    """Held-out images with their reference captions, against which any captions of them can be scored.

    The references are `said`, by default what the data knows. An <UNK> never counts as right. `images` limits the
    number of images. Raises UsageError if no image has a caption.
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
        """The scores of one caption for each image."""
        return scored(captions, self.references)

    def each(self, captions: Sequence[Caption]) -> list[float]:
        """The CIDEr-D of one caption for each image, with word weights from all held-out images.

        Empty for a single image.
        """
        held_out = list(self.said.captions.values())
        return CiderD(self.references, Rarity(held_out)).each(captions).tolist() if len(held_out) > 1 else []

    @cached_property
    def number(self) -> int:
        """The number k of neighbours, chosen on the training images."""
        return self._neighbours.best_number()

    def neighbours(self) -> dict[str, float]:
        """The scores of captions copied from the `number` nearest training images."""
        return self.of(self._neighbours.written(vectors(self.features), self.number))

    def people(self) -> dict[str, dict[str, float]]:
        """The scores of people's captions against each other, as written and restricted to the vocabulary's words.

        The restriction removes unknown words from the caption that is scored, not from the references. Without the
        original wording there is only the restricted score; the result is empty if fewer than two images have several
        captions.
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
    """Features (N, D) as they are; of (N, P, C) the means (N, C) over the positions."""
    means: Array = features if features.ndim == 2 else features.mean(axis=1)
    return means
