"""Captions of held-out images by a run, with their log-probabilities. `evaluate` and `view` import it."""

from collections.abc import Sequence

import numpy as np

from minigrad.cli import console
from models.captioner import Captioner
from models.data.coco import CaptionData
from models.decode import beam_search

Beams = list[tuple[str, float]]
"""Captions and their log-probabilities, the likeliest first."""
BATCH = 100
"""Images whose beams are followed together."""
LONGEST = 30
"""Words of a caption."""


def written(captioner: Captioner, data: CaptionData, rows: Sequence[int], beams: int, show: bool) -> dict[int, Beams]:
    """The beams of each held-out row."""
    found: dict[int, Beams] = {}
    with console.Progress("captions", len(rows), show=show) as progress:
        for start in range(0, len(rows), BATCH):
            some = rows[start : start + BATCH]
            best = beam_search(captioner, data.val.features(np.array(some)), beams, LONGEST)
            for row, hypotheses in zip(some, best, strict=True):
                found[row] = [(data.vocabulary.decode(ids), probability) for ids, probability in hypotheses]
            progress.at(len(found))
    return found
