"""How much written captions are like people's: BLEU, ROUGE-L and CIDEr-D, in Python and NumPy alone.

scored(candidates, references) -> {"BLEU-1": 0.62, ..., "CIDEr-D": 0.41}

A caption is a sequence of words (any hashable things: ids will do), and of each image there is one candidate and one
reference or more. The numbers are those of pycocoevalcap and sacrebleu. Imports errors alone of the engine.
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
