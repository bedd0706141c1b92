"""Captions copied from the most similar images: the baseline that a captioner must beat (Devlin et al. 2015).

Among all captions of the k images with the most similar features, the one most similar to the others is taken. Imports
NumPy and the scores.
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
"""The values of k that are tried."""
TRIED = 200
"""The number of images on which they are tried."""
_BLOCK = 256
_KEPT = 5_000
"""Images whose captions' weights are kept: those near one image are near others."""

Direction = dict[tuple[Hashable, ...], float]
"""A caption's n-grams, weighted so that the product of two captions is their CIDEr, but for a factor."""


class Neighbours:
    """Images with their features (images, D) and captions. Raises UsageError for a single image."""

    def __init__(self, features: Array, captions: Sequence[Captions]) -> None:
        if len(features) != len(captions):
            raise UsageError(f"features of {len(features)} images and captions of {len(captions)}: give both of each")
        self._features, self._captions = of_length_one(features), captions
        self.rarity = Rarity(captions)
        self._directions = lru_cache(_KEPT)(self._weighted)

    def written(self, features: Array, k: int) -> list[Caption]:
        """The consensus caption of the k nearest images, for each row of features (N, D)."""
        return [self.consensus(images) for images in self._nearest(of_length_one(features), k)]

    def best_number(self) -> int:
        """The k in `NUMBERS` whose captions for known images score the highest CIDEr-D, each image left out of its own.

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
        """Among all captions of some images, the first that is most similar to the others by CIDEr."""
        pool = [(caption, own) for image in images for caption, own in self._directions(int(image))]
        sums: Direction = defaultdict(float)
        for _, own in pool:
            for ngram, weight in own.items():
                sums[ngram] += weight
        return max(pool, key=lambda entry: likeness(entry[1], sums))[0]

    def _weighted(self, image: int) -> list[tuple[Caption, Direction]]:
        """The captions of an image with their n-gram weights."""
        return [(caption, direction(self.rarity.weighted(caption))) for caption in self._captions[image]]

    def _nearest(self, queries: Array, k: int) -> Iterator[Array]:
        """For each row (N, D) the k images with the largest cosine similarity, the nearest first."""
        if not 1 <= k <= len(self._captions):
            raise UsageError(f"{k} neighbours of {len(self._captions)} images: choose from 1 to all of them")
        for start in range(0, len(queries), _BLOCK):
            for cosines in queries[start : start + _BLOCK] @ self._features.T:
                nearest = np.argpartition(-cosines, k - 1)[:k]
                yield nearest[np.lexsort((nearest, -cosines[nearest]))]


def of_length_one(features: Array) -> Array:
    """Rows (N, D) scaled to length 1; rows of zeros stay."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    scaled: Array = features / np.where(lengths, lengths, 1)
    return scaled


def direction(caption: Weighted) -> Direction:
    """The n-gram weights divided by their norms, without n-grams of weight 0."""
    return {ngram: weight / caption.norms[len(ngram) - 1] for ngram, weight in caption.weights.items() if weight}


def likeness(own: Direction, sums: Direction) -> float:
    """The inner product of a caption's direction with the sum of all the others."""
    return sum(weight * (sums[ngram] - weight) for ngram, weight in own.items())
