"""Captions copied from the most similar images: what a captioner must beat (Devlin et al. 2015). NumPy and the scores.

Of the k images whose features point the same way, the caption is taken that is most like all their captions.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from functools import lru_cache

import numpy as np

from minigrad.errors import UsageError
from minigrad.op import Array
from models.scores.captions import Caption, Captions
from models.scores.cider import CiderD, Rarity, Weighted

NUMBERS = (1, 2, 4, 8, 16, 32, 64)
"""The k that are tried."""
TRIED = 200
"""Images on which they are tried."""
_BLOCK = 256
_KEPT = 5_000
"""Images whose captions' weights are kept: those near one image are near others."""

Direction = dict[tuple[Hashable, ...], float]
"""A caption's n-grams, weighted so that the product of two captions is their CIDEr, but for a factor."""


class Neighbours:
    """Images by their features (images, D), and the captions of each; UsageError for a single image."""

    def __init__(self, features: Array, captions: Sequence[Captions]) -> None:
        if len(features) != len(captions):
            raise UsageError(f"features of {len(features)} images and captions of {len(captions)}: give both of each")
        self._features, self._captions = of_length_one(features), captions
        self.rarity = Rarity(captions)
        self._directions = lru_cache(_KEPT)(self._weighted)

    def written(self, features: Array, k: int) -> list[Caption]:
        """The consensus caption of the k nearest images of each row of features (N, D)."""
        return [self.consensus(images) for images in self._nearest(of_length_one(features), k)]

    def best_number(self) -> int:
        """The k of `NUMBERS` whose captions of known images, made without these, have the highest CIDEr-D.

        Tried on `TRIED` images spread evenly over all of them.
        """
        images = np.unique(np.linspace(0, len(self._captions) - 1, TRIED).astype(int))
        numbers = [k for k in NUMBERS if k < len(self._captions)]
        own = CiderD([self._captions[image] for image in images], self.rarity)
        nearest = self._nearest(self._features[images], numbers[-1] + 1)
        others = [found[found != image] for image, found in zip(images, nearest, strict=True)]
        means = [own.each(self.consensus(found[:k]) for found in others).mean() for k in numbers]
        return numbers[int(np.argmax(means))]

    def consensus(self, images: Array) -> Caption:
        """Of all captions of some images the first that is most like the others, by CIDEr."""
        pool = [(caption, own) for image in images for caption, own in self._directions(int(image))]
        sums: Direction = defaultdict(float)
        for _, own in pool:
            for ngram, weight in own.items():
                sums[ngram] += weight
        return max(pool, key=lambda entry: likeness(entry[1], sums))[0]

    def _weighted(self, image: int) -> list[tuple[Caption, Direction]]:
        """The captions of an image with their weights."""
        return [(caption, direction(self.rarity.weighted(caption))) for caption in self._captions[image]]

    def _nearest(self, queries: Array, k: int) -> Iterator[Array]:
        """For each row (N, D) the k images of the largest cosine, the nearest first."""
        if not 1 <= k <= len(self._captions):
            raise UsageError(f"{k} neighbours of {len(self._captions)} images: choose from 1 to all of them")
        for start in range(0, len(queries), _BLOCK):
            for cosines in queries[start : start + _BLOCK] @ self._features.T:
                nearest = np.argpartition(-cosines, k - 1)[:k]
                yield nearest[np.lexsort((nearest, -cosines[nearest]))]


def of_length_one(features: Array) -> Array:
    """Rows (N, D) of length 1; those of zeros stay."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    scaled: Array = features / np.where(lengths, lengths, 1)
    return scaled


def direction(caption: Weighted) -> Direction:
    """Weights over their norms, those of n-grams that every image has left out."""
    return {ngram: weight / caption.norms[len(ngram) - 1] for ngram, weight in caption.weights.items() if weight}


def likeness(own: Direction, sums: Direction) -> float:
    """The product of a caption with the sum of all others."""
    return sum(weight * (sums[ngram] - weight) for ngram, weight in own.items())
