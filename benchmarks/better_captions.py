"""What makes a captioner of few photographs better: CIDEr-D of held-out captions, several seeds of each variant.

DIR is a folder in CS231n's four-file schema; FILE is COCO's annotation of its held-out images, to score against what
people wrote. `together` writes with the mean of the runs' probabilities.
Run: python benchmarks/better_captions.py DIR [--annotations FILE] [--only NAME] [--seeds N] [--json]
"""

import argparse
import json
import tempfile
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.cli.written import written
from models.data.coco import CaptionData
from models.data.told import told
from models.decode import Captioner
from models.ensemble import Ensemble
from models.training import Run, Settings, Source, Training
from models.training.scoring import Scoring

EPOCHS = 30
PLAIN = Settings(word_dim=64, hidden_dim=128, learning_rate=5e-3, embedding_deviation=2.4, by_length=False)
VARIANTS = {
    "plain": PLAIN,
    "constant rate": replace(PLAIN, decay=1.0),
    "noise on the features": replace(PLAIN, feature_noise=1.5),
}
WAYS = {"greedy": 1, "3 beams": 3}


def trained(folder: Path, settings: Settings, source: Source, data: CaptionData, seed: int) -> Captioner:
    """A captioner after EPOCHS epochs."""
    steps = EPOCHS * ceil(len(data.train) / settings.batch_size)
    run = Run.create(folder, replace(settings, seed=seed, steps=steps, save_every=steps), source, data)
    training = Training(run, data.train, lambda captioner: {}, print)
    for _ in training.run():
        pass
    return training.captioner


def cider(captioner: Captioner, scoring: Scoring, way: str) -> float:
    """CIDEr-D of the captions written in a way."""
    beams = written(captioner, scoring.data, scoring.rows, WAYS[way], show=False)
    return scoring.of([best[0][0].split() for best in beams.values()])["CIDEr-D"]


def measured(name: str, seeds: int, source: Source, scoring: Scoring) -> dict[str, Any]:
    """A variant's scores: of every seed alone, and of all together."""
    with tempfile.TemporaryDirectory() as folder:
        runs = [trained(Path(folder) / str(seed), VARIANTS[name], source, scoring.data, seed) for seed in range(seeds)]
    alone = {way: [cider(run, scoring, way) for run in runs] for way in WAYS}
    return {"variant": name, "alone": alone, "together": {way: cider(Ensemble(runs), scoring, way) for way in WAYS}}


def line(result: dict[str, Any]) -> str:
    """A row of the table."""
    alone = [f"{np.mean(result['alone'][way]):.3f} ± {np.std(result['alone'][way]):.3f}" for way in WAYS]
    together = [f"{result['together'][way]:.3f}" for way in WAYS]
    return f"| {result['variant']} | {' | '.join([*alone, *together])} |"


def main() -> None:
    """Every variant, and what it is compared with."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--annotations", type=Path, metavar="FILE")
    parser.add_argument("--features", metavar="NAME")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=VARIANTS, metavar="NAME")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    source = Source(str(arguments.folder.absolute()), arguments.features)
    data = source.open()
    scoring = Scoring(data, told(data, arguments.annotations))
    rivals = {"neighbours": scoring.neighbours(), **scoring.people()}
    names = [arguments.only] if arguments.only else list(VARIANTS)
    if not arguments.json:
        for rival, scores in rivals.items():
            print(f"{rival}: CIDEr-D {scores['CIDEr-D']:.3f}")
        print(f"| variant | {' | '.join(WAYS)} | {' | '.join(f'together, {way}' for way in WAYS)} |")
        print("|---" * (1 + 2 * len(WAYS)) + "|")
    results = []
    for name in names:
        results.append(measured(name, arguments.seeds, source, scoring))
        if not arguments.json:
            print(line(results[-1]), flush=True)
    if arguments.json:
        print(json.dumps({"rivals": rivals, "neighbours": scoring.number, "results": results}))


if __name__ == "__main__":
    main()
