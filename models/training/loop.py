"""The captioner's training: batches of captions, clipped gradients, and the error message for a step that failed.

What it shares with other trainings is in `base`.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from minigrad.check.finite import first_not_finite
from minigrad.errors import NotFiniteError, UsageError
from minigrad.op import Array
from minigrad.optim import Adam, clip_grad_norm
from models.captioner import Captioner
from models.data.coco import Batch, Split
from models.parallel import Ranks
from models.training.base import Loop
from models.training.evaluation import words_in
from models.training.log import Record, Warn
from models.training.run import Run
from models.training.step import Step
from models.training.streams import RowStreams, normal

Validate = Callable[[Captioner], Record]
"""Measures something after an epoch, such as {"val_loss": 0.4}. All ranks call it."""

NOISE = 1
"""The number that identifies the noise's random streams."""
_SHOWN = 8
"""The most rows named in an error."""


class Training(Loop[Batch]):
    """Trains a run's captioner on a split. `run()` yields every record of the log as it is made.

    With several ranks, each takes a part of every batch; the losses equal those of a single process except for
    rounding.
    """

    def __init__(self, run: Run, split: Split, validate: Validate, warn: Warn, ranks: Ranks | None = None) -> None:
        if not len(split):
            raise UsageError(f"{run.source.folder} holds no captions to train on")
        self.settings, self.split, self.validate = run.settings, split, validate
        self.captioner = run.build()
        self.optimizer = Adam(self.captioner.parameters(), self.settings.learning_rate)
        self._loss_and_gradients = Step(self.captioner, self.settings.threads, self.settings.eager)
        self._noise = RowStreams(run.settings.seed, NOISE)
        super().__init__(run, run.settings, {"captioner": self.captioner, "optimizer": self.optimizer}, warn, ranks)

    def _epoch_batches(self, order: np.random.Generator) -> Iterator[Batch]:
        return self.split.epoch(self.settings.batch_size, order, self.settings.by_length, self.ranks.part)

    def _measured(self) -> Record:
        return self.validate(self.captioner)

    def _step(self, batch: Batch) -> Record:
        """Takes one update of the parameters."""
        (loss, words), place = self._gradients(batch), self.place
        self.optimizer.lr = self.settings.rate(place.step, place.epoch)
        self.optimizer.step(self._loss_and_gradients.map)
        return {"loss": loss / max(words, 1), "lr": self.optimizer.lr, "words": words}

    def _gradients(self, batch: Batch) -> tuple[float, float]:
        """The loss and the number of words, summed over all ranks; leaves the clipped mean gradients in the parameters.

        Raises NotFiniteError, on all ranks, if the loss or the gradients are not finite.
        """
        batch, rows = replace(batch, features=self._noisy(batch)), len(batch.captions)
        own = self._loss_and_gradients(batch.features, batch.captions) * rows if rows else 0.0
        sums = own, words_in(batch.captions, self.captioner.null)
        loss, words = self.ranks.added(self.optimizer.parameters, rows, sums)
        norm = clip_grad_norm(self.optimizer.parameters, self.settings.clip_norm)
        if not np.isfinite([loss, norm]).all():
            what = self.ranks.blamed(lambda: self._not_finite(loss, norm, batch))
            raise NotFiniteError(what) from self.ranks.cause
        return loss, words

    def _not_finite(self, loss: float, norm: float, batch: Batch) -> str:
        """The message about a failed step: names the first Op with a non-finite result.

        A replay file is put in the run.
        """
        folder = self.folder if self.folder.is_dir() else None  # another rank's machine may not have it
        with np.errstate(all="ignore"):
            culprit = first_not_finite(self.captioner.loss(batch.features, batch.captions), folder)
        what = f"the loss became {loss}" if not np.isfinite(loss) else f"the gradients' norm became {norm}"
        rest = f" and {len(batch.rows) - _SHOWN} more" if len(batch.rows) > _SHOWN else ""
        return (
            f"step {self.place.step + 1}, epoch {self.place.epoch + 1}: {what}, for images "
            f"{', '.join(map(str, batch.rows[:_SHOWN]))}{rest}; {culprit or 'only the sum of all is not finite'}; "
            "the parameters before this update are saved; a smaller learning rate or clip norm may help"
        )

    def _noisy(self, batch: Batch) -> Array:
        """The batch's features with the noise that the settings ask for."""
        scale, features = np.float32(self.settings.feature_noise), batch.features
        if not scale:
            return features
        return features + scale * self._noise.drawn(normal, self.place.step, batch.first, features.shape)
