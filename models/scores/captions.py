"""Captions as words, their n-grams, and the checks common to all scores. All of `models.scores` may import it."""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from typing import TypeAlias

from minigrad.errors import UsageError

Caption: TypeAlias = Sequence[Hashable]
"""The words of a caption, in order."""
Captions: TypeAlias = Sequence[Caption]
NGrams: TypeAlias = Counter[tuple[Hashable, ...]]


def pairs(candidates: Captions, references: Sequence[Captions]) -> Iterator[tuple[Caption, Captions]]:
    """Each image's candidate with its references. Raises UsageError if there are none, or not as many of both."""
    if not candidates or len(candidates) != len(references):
        raise UsageError(f"{len(candidates)} captions and references of {len(references)} images: one of each an image")
    without = next((image for image, captions in enumerate(references) if not captions), None)
    if without is not None:
        raise UsageError(f"image {without} of {len(references)} has no reference caption: leave it out of the score")
    return zip(candidates, references, strict=True)


def ngrams(caption: Caption, most: int) -> NGrams:
    """How often each n-gram of 1 to `most` words occurs in a caption."""
    words = tuple(caption)
    return Counter(words[i : i + n] for n in range(1, most + 1) for i in range(len(words) - n + 1))
