"""How similar written captions are to people's: BLEU, ROUGE-L and CIDEr-D, in Python and NumPy alone.

    scored(candidates, references) -> {"BLEU-1": 0.62, ..., "CIDEr-D": 0.41}

A caption is a sequence of words (or of any hashable things, such as ids). Each image has one candidate and at least one
reference. The numbers agree with pycocoevalcap and sacrebleu. Imports only the errors of the engine.
"""

from models.scores.bleu import bleu
from models.scores.captions import Caption, Captions
from models.scores.cider import CiderD, cider_d
from models.scores.results import read_results, write_results
from models.scores.rouge import rouge_l
from models.scores.table import SCORES, scored

__all__ = [
    "SCORES",
    "Caption",
    "Captions",
    "CiderD",
    "bleu",
    "cider_d",
    "read_results",
    "rouge_l",
    "scored",
    "write_results",
]
