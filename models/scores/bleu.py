"""BLEU (Papineni et al. 2002) of a corpus. `models.scores` offers it."""

from collections.abc import Sequence

import numpy as np

from minigrad.op import Array
from models.scores.captions import Caption, Captions, NGrams, ngrams, pairs


def bleu(candidates: Captions, references: Sequence[Captions], most: int = 4) -> tuple[float, ...]:
    """BLEU-1 to BLEU-`most`, each from 0 to 1: shares of n-grams found in a reference, and a penalty for brevity.

    Counts are summed over the corpus before they are divided, a candidate's n-gram counts as often as one reference has
    it, and of several references the length nearest the candidate's is compared, the shorter of two as near. Nothing is
    smoothed: a corpus without one right four-gram has BLEU-4 = 0. Raises UsageError.
    """
    counts = np.sum([_counts(candidate, others, most) for candidate, others in pairs(candidates, references)], axis=0)
    matched, found, (written, nearest) = counts[:most], counts[most:-2], counts[-2:]
    if not written:
        return (0.0,) * most
    with np.errstate(divide="ignore"):
        precisions = np.log(matched / np.maximum(found, 1))
    means = np.cumsum(precisions) / np.arange(1, most + 1)
    return tuple(np.exp(means + min(0.0, 1 - nearest / written)).tolist())


def _counts(candidate: Caption, references: Captions, most: int) -> Array:
    """For n = 1 to `most` the n-grams matched, then those there are, then both lengths."""
    own, allowed = ngrams(candidate, most), NGrams()
    for reference in references:
        allowed |= ngrams(reference, most)
    nearest = min((abs(len(reference) - len(candidate)), len(reference)) for reference in references)[1]
    return np.concatenate([_by_length(own & allowed, most), _by_length(own, most), [len(candidate), nearest]])


def _by_length(counts: NGrams, most: int) -> Array:
    """How many n-grams of each length there are."""
    totals = np.zeros(most, np.int64)
    for ngram, count in counts.items():
        totals[len(ngram) - 1] += count
    return totals
