"""The captioner's training: batches of captions, clipped gradients, and words for a step that went wrong.

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
from models.training.base import Loop
from models.training.evaluation import words_in
from models.training.log import Record, Warn
from models.training.run import Run
from models.training.step import Step

Validate = Callable[[Captioner], Record]
"""What is to be known after an epoch, such as {"val_loss": 0.4}."""

_SHOWN = 8
"""Rows named in an error."""


class Training(Loop[Batch]):
    """The training of a run's captioner on a split. `run()` yields every record of the log as it is made."""

    def __init__(self, run: Run, split: Split, validate: Validate, warn: Warn) -> None:
        if not len(split):
            raise UsageError(f"{run.source.folder} holds no captions to train on")
        self.settings, self.split, self.validate = run.settings, split, validate
        self.captioner = run.build()
        self.optimizer = Adam(self.captioner.parameters(), self.settings.learning_rate)
        self._loss_and_gradients = Step(self.captioner, self.settings.threads, self.settings.eager)
        super().__init__(run, run.settings, {"captioner": self.captioner, "optimizer": self.optimizer}, warn)

    def _epoch_batches(self, order: np.random.Generator) -> Iterator[Batch]:
        return self.split.epoch(self.settings.batch_size, order, by_length=self.settings.by_length)

    def _measured(self) -> Record:
        return self.validate(self.captioner)

    def _step(self, batch: Batch) -> Record:
        """One update of the parameters."""
        loss, place = self._gradients(batch), self.place
        self.optimizer.lr = self.settings.rate(place.step, place.epoch)
        self.optimizer.step(self._loss_and_gradients.map)
        words = max(words_in(batch.captions, self.captioner.null), 1)
        return {"loss": loss * len(batch.captions) / words, "lr": self.optimizer.lr, "words": words}

    def _gradients(self, batch: Batch) -> float:
        """The batch's loss; clipped gradients in the parameters. NotFiniteError when either is not finite."""
        features = self._noisy(batch.features)
        loss = self._loss_and_gradients(features, batch.captions)
        norm = clip_grad_norm(self.optimizer.parameters, self.settings.clip_norm)
        if not np.isfinite([loss, norm]).all():
            raise self._not_finite(loss, norm, replace(batch, features=features))
        return loss

    def _not_finite(self, loss: float, norm: float, batch: Batch) -> NotFiniteError:
        """The error for a step that went wrong, with the Op that was the first to; its replay file is in the run."""
        with np.errstate(all="ignore"):
            culprit = first_not_finite(self.captioner.loss(batch.features, batch.captions), self.folder)
        what = f"the loss became {loss}" if not np.isfinite(loss) else f"the gradients' norm became {norm}"
        rest = f" and {len(batch.rows) - _SHOWN} more" if len(batch.rows) > _SHOWN else ""
        return NotFiniteError(
            f"step {self.place.step + 1}, epoch {self.place.epoch + 1}: {what}, for images "
            f"{', '.join(map(str, batch.rows[:_SHOWN]))}{rest}; {culprit or 'only the sum of all is not finite'}; "
            "the parameters before this update are saved; a smaller learning rate or clip norm may help"
        )

    def _noisy(self, features: Array) -> Array:
        """Features with the noise of the settings added."""
        if not self.settings.feature_noise:
            return features
        noise = self.rng.standard_normal(features.shape, dtype=np.float32)
        return features + np.float32(self.settings.feature_noise) * noise
