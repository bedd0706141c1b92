"""The training loop: steps, validation, checkpoints, and what happens when one of them fails.

Stopping after n steps and continuing for m gives the bits of n + m steps: a checkpoint holds parameters, the
optimiser's state, the generator's state and the place in the epoch, and nothing else decides what comes next.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from minigrad.check.finite import first_not_finite
from minigrad.compiler.parallel import one_blas_thread
from minigrad.errors import NotFiniteError, UsageError
from minigrad.op import Array
from minigrad.optim import Adam, clip_grad_norm
from models.captioner import Captioner
from models.data.coco import Batch, Split
from models.training.evaluation import words_in
from models.training.log import Log, Record, Warn
from models.training.run import Run, part
from models.training.step import Step
from models.training.stopping import StopWish

Validate = Callable[[Captioner], Record]
"""What is to be known after an epoch, such as {"val_loss": 0.4}."""

_SHOWN = 8
"""Rows named in an error."""


@dataclass
class Place:
    """How far training is: steps and epochs done, batches done of this epoch, and the seed of this epoch's order."""

    step: int = 0
    epoch: int = 0
    batch: int = 0
    order: int = 0
    validated: int = 0
    """The step of the last validation."""
    seconds: float = 0.0

    @property
    def running_epoch(self) -> int:
        """The epoch the last step was in, from 1."""
        return self.epoch + bool(self.batch)


class Training:
    """The training of a run's captioner on a split. `run()` yields every record of the log as it is made."""

    def __init__(self, run: Run, split: Split, validate: Validate, warn: Warn) -> None:
        if not len(split):
            raise UsageError(f"{run.source.folder} holds no captions to train on")
        self.settings, self.split, self.validate, self.warn = run.settings, split, validate, warn
        self.folder, self.checkpoints = run.folder, run.checkpoints
        self.captioner = run.build()
        self.optimizer = Adam(self.captioner.parameters(), self.settings.learning_rate)
        self._loss_and_gradients = Step(self.captioner, self.settings.threads, self.settings.eager)
        self.rng = np.random.default_rng(self.settings.seed)
        self.place = Place(order=self._any_seed())
        self.log = Log(run.log_path, warn)
        self.failed_saves = 0
        self.stopped_by: int | None = None
        self._mark = time.perf_counter()

    @property
    def finished(self) -> bool:
        """Whether every step is done."""
        return self.place.step >= self.settings.steps

    def resume(self) -> bool:
        """Goes back to the latest checkpoint that is whole; False where there is none, and training begins anew."""
        found = self.checkpoints.latest(warn=self.warn)
        if found is None:
            self.log.cut(0)
            return False
        arrays, state = found
        self.captioner.load_state_dict(part(arrays, "captioner"))
        self.optimizer.load_state_dict(part(arrays, "optimizer"))
        self.rng.bit_generator.state = state["generator"]
        self.place = Place(**state["place"])
        self.log.cut(state["records"])
        return True

    def save(self) -> None:
        """Writes a checkpoint; where that fails, warns, and training goes on."""
        arrays = {f"captioner.{k}": v for k, v in self.captioner.state_dict().items()}
        arrays |= {f"optimizer.{k}": v for k, v in self.optimizer.state_dict().items()}
        try:
            self.checkpoints.save(self.place.step, arrays, self._state())
        except OSError as error:
            self.failed_saves += 1
            self.warn(
                f"step {self.place.step} COULD NOT BE SAVED ({error}); training goes on and the checkpoint before it "
                "is intact, but make room now, or what comes is lost"
            )
        self._lap()

    def _state(self) -> dict[str, Any]:
        return {
            "place": asdict(self.place),
            "generator": self.rng.bit_generator.state,
            "records": len(self.log.records),
        }

    def run(self, until: int | None = None) -> Iterator[Record]:
        """Trains up to a step, all of them by default, and yields the records of steps and validations.

        The first Ctrl-C or SIGTERM finishes the step, saves and ends it (`stopped_by`). Raises NotFiniteError, with the
        parameters before the failing update saved.
        """
        last = min(until or self.settings.steps, self.settings.steps)
        self._mark = time.perf_counter()
        with one_blas_thread(), StopWish() as wish:
            while self.place.step < last and wish.signal is None:
                yield from self._epoch(last, wish)
            if self.finished and self.place.validated != self.place.step:
                yield self._validation()
            self.save()
            self.stopped_by = wish.signal

    def _epoch(self, last: int, wish: StopWish) -> Iterator[Record]:
        """What is left of the epoch, with the validation after it; less when the last step or a wish comes before."""
        place = self.place
        for batch in self._rest_of_epoch():
            yield self._step(batch)
            if place.step % self.settings.save_every == 0:
                self.save()
            if place.step >= last or wish.signal is not None:
                return
        place.epoch, place.batch, place.order = place.epoch + 1, 0, self._any_seed()
        yield self._validation()
        self.save()

    def _rest_of_epoch(self) -> Iterator[Batch]:
        """The batches of this epoch that are not done yet, in the order that its seed settles."""
        order = np.random.default_rng(self.place.order)
        batches = self.split.epoch(self.settings.batch_size, order, by_length=self.settings.by_length)
        return islice(batches, self.place.batch, None)

    def _step(self, batch: Batch) -> Record:
        """One update of the parameters."""
        before = self.rng.bit_generator.state
        try:
            loss = self._gradients(batch)
        except NotFiniteError:
            self.rng.bit_generator.state = before
            self.save()
            raise
        place = self.place
        self.optimizer.lr = self.settings.rate(place.step, place.epoch)
        self.optimizer.step(self._loss_and_gradients.map)
        place.step, place.batch = place.step + 1, place.batch + 1
        words = max(words_in(batch.captions, self.captioner.null), 1)
        return self.log.append(
            {
                "step": place.step,
                "epoch": place.running_epoch,
                "loss": loss * len(batch.captions) / words,
                "lr": self.optimizer.lr,
                "words_per_second": words / self._lap(),
                "seconds": place.seconds,
            }
        )

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

    def _validation(self) -> Record:
        """What `validate` finds, logged."""
        self.place.validated = self.place.step
        found = self.validate(self.captioner)
        self._lap()
        return self.log.append({"step": self.place.step, "epoch": self.place.running_epoch, **found})

    def _lap(self) -> float:
        """Seconds since the last call, added to the run's time."""
        now = time.perf_counter()
        elapsed, self._mark = now - self._mark, now
        self.place.seconds += elapsed
        return elapsed

    def _any_seed(self) -> int:
        return int(self.rng.integers(2**63))
