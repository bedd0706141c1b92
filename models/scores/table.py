"""All scores of a corpus at once. `models.scores` offers it."""

from collections.abc import Sequence

from models.scores.bleu import bleu
from models.scores.captions import Captions
from models.scores.cider import cider_d
from models.scores.rouge import rouge_l

SCORES = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE-L", "CIDEr-D")
"""The scores, in the order of a table."""


def scored(candidates: Captions, references: Sequence[Captions]) -> dict[str, float]:
    """Each of `SCORES` by name; BLEU and ROUGE-L go from 0 to 1, CIDEr-D from 0 to 10. Raises UsageError."""
    values = (*bleu(candidates, references), rouge_l(candidates, references), cider_d(candidates, references))
    return dict(zip(SCORES, values, strict=True))
