"""Fifty real COCO captions learnt by heart: loss and greedy captions, by the captioner and through the course's names.

DIR is a folder in CS231n's four-file schema. Hidden 512, word vectors 256, Adam 5e-3 decayed each epoch, 50 epochs of
two batches of 25, float32. Run: python benchmarks/real_captions.py DIR [--json]
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.op import Array
from minigrad.optim import Adam, exponential
from models import Captioner
from models.cs231n import CaptioningRNN, CaptioningSolver, load_coco_data
from models.data.coco import CaptionData, open_data

DECAY = {"rnn": 0.95, "lstm": 0.995}
EPOCHS, BATCH, RATE = 50, 25, 5e-3


def different_photographs(data: CaptionData, count: int = 50) -> Array:
    """The first captions of the first photographs."""
    _, first = np.unique(data.train.image_idxs, return_index=True)
    return first[:count]


def batches(count: int, rng: np.random.Generator) -> Iterator[Array]:
    """EPOCHS epochs of batches, each caption once an epoch."""
    for _ in range(EPOCHS):
        yield from np.split(rng.permutation(count), count // BATCH)


def by_heart(folder: Path, cell: str, seed: int) -> dict[str, Any]:
    """Trains a captioner on fifty captions of fifty photographs and asks for them again."""
    data = open_data(folder)
    batch = data.train.batch(different_photographs(data))
    captioner = Captioner(cell, len(data.vocabulary), data.train.feature_dim, 256, 512, seed=seed)
    optimizer = Adam(captioner.parameters())
    rate, losses = exponential(RATE, DECAY[cell], every=len(batch.captions) // BATCH), []
    for step, rows in enumerate(batches(len(batch.captions), np.random.default_rng(seed))):
        captioner.zero_grad()
        loss = captioner.loss(batch.features[rows], batch.captions[rows])
        loss.backward(retain_graph=False)
        optimizer.lr = rate(step)
        optimizer.step()
        losses.append(loss.item())
    told = [data.vocabulary.decode(ids) for ids in batch.captions]
    written = [data.vocabulary.decode(ids) for ids in captioner.sample(batch.features)]
    equal = sum(a == b for a, b in zip(told, written, strict=True))
    return {"path": "captioner", "cell": cell, "seed": seed, "loss": float(np.mean(losses[-10:])), "equal": equal}


def by_the_course(folder: Path, cell: str, seed: int) -> dict[str, Any]:
    """The course's own experiment, with its names: fifty captions drawn with replacement."""
    np.random.seed(seed)  # noqa: NPY002 (the course's global state)
    data = load_coco_data(str(folder), max_train=50, features=open_data(folder).feature_name)
    input_dim = data["train_features"].shape[1]
    model = CaptioningRNN(data["word_to_idx"], input_dim, hidden_dim=512, wordvec_dim=256, cell_type=cell)
    solver = CaptioningSolver(
        model,
        data,
        update_rule="adam",
        num_epochs=EPOCHS,
        batch_size=BATCH,
        optim_config={"learning_rate": RATE},
        lr_decay=DECAY[cell],
        verbose=False,
    )
    solver.train()
    return {"path": "cs231n", "cell": cell, "seed": seed, "loss": solver.loss_history[-1]}


def main() -> None:
    """Every seed, cell and path."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    seeds = range(arguments.seeds)
    results = [
        run(arguments.folder, cell, seed) for run in (by_heart, by_the_course) for cell in DECAY for seed in seeds
    ]
    if arguments.json:
        print(json.dumps({"results": results}))
        return
    for r in results:
        captions = f"   greedy captions equal: {r['equal']} of 50" if "equal" in r else ""
        what = "mean loss of the last ten steps" if "equal" in r else "last loss"
        print(f"{r['path']:10} {r['cell']:4} seed {r['seed']}   {what} {r['loss']:.3f}{captions}")


if __name__ == "__main__":
    main()
