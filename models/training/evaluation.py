"""How good a captioner is on held-out data: its loss per word and the captions it writes. Imports decoding and data."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice

import numpy as np

from minigrad.context import no_grad
from minigrad.op import Array
from models.captioner import Captioner
from models.data.coco import Batch, CaptionData, Split, Vocabulary
from models.data.scenes import Scenes
from models.data.split import Part, whole
from models.decode import Captioner as Writer
from models.decode import greedy
from models.parallel import Ranks
from models.training.log import Record

BATCH = 500
"""The captions evaluated at once; large, since no activations are kept."""


class Validation:
    """What is measured on held-out data after an epoch: the loss per word, and for scenes the shares of true captions.

    With several ranks, all of them must call it, and they share the work.
    """

    def __init__(self, data: CaptionData, scenes: Scenes | None = None, ranks: Ranks | None = None) -> None:
        self.data, self.scenes, self.ranks = data, scenes, ranks or Ranks()
        self._features = data.val.features(np.arange(len(scenes.scenes["val"]))) if scenes else None

    def __call__(self, captioner: Captioner) -> Record:
        """`{"val_loss"}`, and for scenes `{"right", "right_seen", "right_never_seen"}` as well."""
        return {"val_loss": loss_per_word(captioner, self.data.val, ranks=self.ranks), **self.shares(captioner)}

    def shares(self, captioner: Writer) -> Record:
        """`{"right", "right_seen", "right_never_seen"}` for scenes, an empty dict for other data."""
        return {"right" if k == "all" else f"right_{k}": v for k, v in self.right(captioner).items()}

    def right(self, captioner: Writer, shuffled: bool = False) -> dict[str, float]:
        """The judge's shares of strictly true greedy captions; `shuffled` gives each scene the features of another."""
        if self.scenes is None or self._features is None:
            return {}
        order = np.roll(np.arange(len(self._features)), 1 if shuffled else 0)
        own = self._features[order[self.ranks.part(len(order))]]
        parts = self.ranks.each(written(captioner, own, self.data.vocabulary))
        return self.scenes.judge(dict(enumerate(chain.from_iterable(parts))))


def loss_per_word(captioner: Captioner, split: Split, limit: int = 2_000, ranks: Ranks | None = None) -> float:
    """The mean negative log-probability of a word, in nats, over about `limit` captions, always the same ones."""
    ranks = ranks or Ranks()
    with no_grad():
        own = [totals(captioner, batch) for batch in some(split, limit, ranks.part) if len(batch.rows)]
    loss, words = np.sum(list(chain.from_iterable(ranks.each(own))), axis=0)
    return float(loss / words)


def some(split: Split, limit: int, part: Part = whole) -> Iterator[Batch]:
    """Parts of batches with about `limit` captions of a split, or with all of them if there are fewer."""
    return islice(split.epoch(BATCH, np.random.default_rng(0), by_length=True, part=part), -(-limit // BATCH))


def totals(captioner: Captioner, batch: Batch) -> tuple[float, int]:
    """The loss summed over the batch, and the number of words in it."""
    loss = captioner.loss(batch.features, batch.captions)
    return float(loss) * len(batch.captions), words_in(batch.captions, captioner.null)


def words_in(captions: Array, null: int) -> int:
    """The number of words in captions (N, T) that a captioner must predict: all but the first of each, no padding."""
    return int(np.count_nonzero(captions[:, 1:] != null))


def written(captioner: Writer, features: Array, vocabulary: Vocabulary) -> list[str]:
    """The greedy captions for features (N, D)."""
    parts = (features[i : i + BATCH] for i in range(0, len(features), BATCH))
    return [vocabulary.decode(ids) for rows in parts for ids in greedy(captioner, rows)]


def truths(split: Split, rows: Sequence[int], vocabulary: Vocabulary) -> list[list[str]]:
    """The reference captions of some images."""
    of = {row: np.flatnonzero(split.image_idxs == row) for row in rows}
    return [[vocabulary.decode(ids) for ids in split.captions[of[row]]] for row in rows]
