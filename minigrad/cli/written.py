"""Captions of held-out images by one run or several together. Imported by `evaluate` and `view`."""

import argparse
from collections.abc import Iterable, Sequence

import numpy as np

from minigrad.cli import console
from minigrad.errors import UsageError
from models.data.coco import CaptionData
from models.decode import Captioner, beam_search
from models.ensemble import Ensemble
from models.training import Run

Beams = list[tuple[str, float]]
"""Captions with their log-probabilities, the most probable first."""
BATCH = 100
"""The number of images that are decoded together."""
LONGEST = 30
"""The most words in a caption."""


def add_writing(parser: argparse.ArgumentParser, beams: int) -> None:
    """Adds the options that say which runs write captions, and how."""
    parser.add_argument("run", metavar="RUN", help="the folder of a run")
    parser.add_argument(
        "--with", dest="others", action="append", default=[], metavar="RUN",
        help="another run on the same data, to write together; repeatable",
    )  # fmt: skip
    parser.add_argument("--data", metavar="DIR", help="where the run's data is now")
    parser.add_argument("--beams", type=int, default=beams, metavar="N", help=f"how many captions to follow ({beams})")


def together(run: Run, others: Iterable[str]) -> Captioner:
    """The run's captioner, or an ensemble of several runs; UsageError if they do not fit together."""
    runs = [run, *map(Run.open, others)]
    for other in runs[1:]:
        if (other.vocabulary, other.feature_dim) != (run.vocabulary, run.feature_dim):
            raise UsageError(f"{other.folder} and {run.folder} have other words or features: train both on the same")
    captioners = [one.trained(console.warn) for one in runs]
    return Ensemble(captioners) if len(captioners) > 1 else captioners[0]


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
