"""BLEU (Papineni et al. 2002) of a corpus. `models.scores` offers it."""

from collections.abc import Sequence

import numpy as np

from minigrad.op import Array
from models.scores.captions import Caption, Captions, NGrams, ngrams, pairs


def bleu(candidates: Captions, references: Sequence[Captions], most: int = 4) -> tuple[float, ...]:
    """BLEU-1 to BLEU-`most`, from 0 to 1: the share of n-grams found in a reference, with a penalty for brevity.

    Counts are summed over the corpus before they are divided. An n-gram counts at most as often as it occurs in a
    single reference. The brevity penalty uses the reference whose length is nearest the candidate's, the shorter of two
    equally near. Nothing is smoothed: without one matching four-gram in the corpus BLEU-4 is 0. Raises UsageError.
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
    """For n = 1 to `most` the number of matched n-grams, then of all n-grams, then both lengths."""
    own, allowed = ngrams(candidate, most), NGrams()
    for reference in references:
        allowed |= ngrams(reference, most)
    nearest = min((abs(len(reference) - len(candidate)), len(reference)) for reference in references)[1]
    return np.concatenate([_by_length(own & allowed, most), _by_length(own, most), [len(candidate), nearest]])


def _by_length(counts: NGrams, most: int) -> Array:
    """The number of n-grams of each length."""
    totals = np.zeros(most, np.int64)
    for ngram, count in counts.items():
        totals[len(ngram) - 1] += count
    return totals
