"""A split of the data: encoded captions, the image of each, the images' features and addresses; and its batches.

Imports `features`; `models.data.coco` makes splits, training and evaluation take batches from them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from minigrad.errors import UsageError
from minigrad.op import Array
from models.data.features import FeatureTable


@dataclass(frozen=True)
class Batch:
    """Captions (N, T) int32, the features (N, D) or (N, P, C) float32 of their images, and the images' rows (N).

    If this is a part of a larger batch, `first` is the position of its first caption in the larger one.
    """

    captions: Array
    features: Array
    rows: Array
    first: int = 0


Part = Callable[[int], slice]
"""Which rows of a batch of a given length to read; the features of the others are not read."""


def whole(length: int) -> slice:
    """The slice of a whole batch: the default of `Split.epoch`'s `part`."""
    return slice(0, length)


@dataclass(frozen=True)
class Split:
    """Captions (N, T) int32 padded with `null`; `image_idxs` (N) is the row of each caption's image in the features."""

    captions: Array
    image_idxs: Array
    table: FeatureTable
    urls: tuple[str, ...]
    """The address of each image."""
    null: int

    def __len__(self) -> int:
        return len(self.captions)

    @property
    def feature_shape(self) -> tuple[int, ...]:
        """The shape of an image's features: (D), or (P, C) for a grid of P positions, row by row."""
        return self.table.shape[1:]

    @property
    def feature_dim(self) -> int:
        """The width of the features: D, or C for a grid."""
        return self.table.shape[-1]

    @cached_property
    def lengths(self) -> Array:
        """The length of each caption without its padding."""
        positions = np.arange(1, self.captions.shape[1] + 1)
        lengths: Array = np.where(self.captions != self.null, positions, 0).max(axis=1)
        return lengths

    def features(self, rows: npt.ArrayLike) -> Array:
        """The features (n, D) or (n, P, C) of these image rows (n), as float32, read from disk now."""
        return self.table.rows(rows)

    def take(self, indices: Array) -> "Split":
        """The split restricted to these captions, in this order; all images remain."""
        return replace(self, captions=self.captions[indices], image_idxs=self.image_idxs[indices])

    def batch(self, indices: Array) -> Batch:
        """The batch of these captions, in this order."""
        rows = self.image_idxs[indices]
        return Batch(self.captions[indices], self.features(rows), rows)

    def sample(self, batch_size: int, rng: np.random.Generator) -> Batch:
        """A batch drawn with replacement, as in the course."""
        return self.batch(rng.integers(len(self), size=at_least_one("batch_size", batch_size)))

    def epoch(
        self, batch_size: int, rng: np.random.Generator, by_length: bool = False, part: Part = whole
    ) -> Iterator[Batch]:
        """Batches that together hold every caption once, in random order; only one of them may be smaller.

        `by_length` groups captions of similar length and trims the padding that a whole batch shares. `part` selects
        the slice of each batch to read: with several ranks, the parts of all ranks make up the batch.
        """
        order, size = rng.permutation(len(self)), at_least_one("batch_size", batch_size)
        if not by_length:
            return (self._part(order[i : i + size], part) for i in range(0, len(order), size))
        order = order[np.argsort(self.lengths[order], kind="stable")]
        starts = rng.permutation(np.arange(0, len(order), size))
        return (self._trimmed(order[i : i + size], part) for i in starts)

    def _part(self, indices: Array, part: Part) -> Batch:
        rows = part(len(indices))
        return replace(self.batch(indices[rows]), first=rows.start)

    def _trimmed(self, indices: Array, part: Part) -> Batch:
        batch = self._part(indices, part)
        longest = max(2, self.lengths[indices].max())  # a captioner needs a first word and one to predict
        return replace(batch, captions=batch.captions[:, :longest])


def at_least_one(name: str, count: int) -> int:
    """The count itself. Raises UsageError if it is below 1."""
    if count < 1:
        raise UsageError(f"{name} is {count}; it must be at least 1")
    return count
