"""CIDEr and CIDEr-D (Vedantam et al. 2015): agreement in n-grams, weighted by rarity. `models.scores` offers it.

Weights are counts times log(images / images with that n-gram in a reference), for n = 1 to 4.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from minigrad.errors import UsageError
from minigrad.op import Array
from models.scores.captions import Caption, Captions, ngrams, pairs

LONGEST = 4
SIGMA = 6.0
"""The difference in length, in words, beyond which CIDEr-D penalises a caption strongly."""


@dataclass(frozen=True)
class Weighted:
    """A caption's n-grams with their weights, the norms of the weights for each n, and its number of words."""

    weights: dict[tuple[Hashable, ...], float]
    norms: tuple[float, ...]
    length: int


class Rarity:
    """How rare n-grams are among images, measured on their reference captions.

    Raises UsageError for a single image: every n-gram would then be in all images and have weight 0.
    """

    def __init__(self, references: Sequence[Captions]) -> None:
        if len(references) < 2:
            raise UsageError(
                f"CIDEr weighs words by how few images have them, and of {len(references)} image there is nothing to "
                "tell: give the captions of two images at least"
            )
        self._log_images = math.log(len(references))
        self._images: Counter[tuple[Hashable, ...]] = Counter()
        for captions in references:
            self._images.update({ngram for caption in captions for ngram in ngrams(caption, LONGEST)})

    def weighted(self, caption: Caption) -> Weighted:
        """The caption's n-grams with their weights."""
        counts = ngrams(caption, LONGEST)
        weights = {
            ngram: count * (self._log_images - math.log(max(1, self._images[ngram]))) for ngram, count in counts.items()
        }
        return Weighted(weights, _norms(weights), len(caption))


def _norms(weights: dict[tuple[Hashable, ...], float]) -> tuple[float, ...]:
    squares = [0.0] * LONGEST
    for ngram, weight in weights.items():
        squares[len(ngram) - 1] += weight * weight
    return tuple(map(math.sqrt, squares))


class CiderD:
    """Scores against the references of some images, which also determine rarity unless `rarity` is given."""

    def __init__(self, references: Sequence[Captions], rarity: Rarity | None = None) -> None:
        self.rarity = rarity or Rarity(references)
        self._references = [[self.rarity.weighted(caption) for caption in captions] for captions in references]

    def of(self, image: int, candidate: Caption) -> float:
        """The score of one image's candidate, from 0 to 10: ten times its mean similarity to the references."""
        own, references = self.rarity.weighted(candidate), self._references[image]
        return 10 * sum(similarity(own, reference) for reference in references) / len(references)

    def each(self, candidates: Iterable[Caption]) -> Array:
        """The score (images,) of each image's candidate."""
        return np.array([self.of(image, candidate) for image, candidate in enumerate(candidates)])


def cider_d(candidates: Captions, references: Sequence[Captions]) -> float:
    """The mean CIDEr-D of a corpus, from 0 to 10. Raises UsageError."""
    pairs(candidates, references)
    return float(CiderD(references).each(candidates).mean())


def similarity(candidate: Weighted, reference: Weighted) -> float:
    """From 0 to 1: the mean over n of the cosine similarities, with a penalty for a different length.

    No weight of the candidate counts for more than the reference's.
    """
    products = [0.0] * LONGEST
    for ngram, weight in candidate.weights.items():
        other = reference.weights.get(ngram)
        if other:
            products[len(ngram) - 1] += min(weight, other) * other
    norms = zip(candidate.norms, reference.norms, strict=True)
    cosines = [product / (a * b) for product, (a, b) in zip(products, norms, strict=True) if product]
    return sum(cosines) / LONGEST * math.exp(-((candidate.length - reference.length) ** 2) / (2 * SIGMA**2))
