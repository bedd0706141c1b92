"""ROUGE-L (Lin 2004), by the longest common subsequence. `models.scores` offers it."""

from collections.abc import Sequence

from models.scores.captions import Caption, Captions, pairs

BETA = 1.2
"""The weight of recall relative to precision."""


def rouge_l(candidates: Captions, references: Sequence[Captions]) -> float:
    """The mean over images of F = (1 + β²) P R / (R + β² P), from 0 to 1. Raises UsageError.

    P and R are the shares of the candidate's and of a reference's words that lie in their longest common subsequence,
    each the best over the references.
    """
    return sum(_f_measure(candidate, others) for candidate, others in pairs(candidates, references)) / len(candidates)


def _f_measure(candidate: Caption, references: Captions) -> float:
    common = [common_subsequence(candidate, reference) for reference in references]
    if not any(common):
        return 0.0
    precision = max(common) / len(candidate)
    recall = max(found / len(reference) for found, reference in zip(common, references, strict=True) if found)
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def common_subsequence(a: Caption, b: Caption) -> int:
    """The length of the longest sequence of words that occurs in both, in this order, gaps allowed."""
    row = [0] * (len(b) + 1)
    for word in a:
        diagonal = 0
        for j, other in enumerate(b, 1):
            diagonal, row[j] = row[j], diagonal + 1 if word == other else max(row[j], row[j - 1])
    return row[-1]
