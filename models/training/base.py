"""What all training loops share: epochs of steps, checkpoints, the log, and the handling of failures.

Training n steps, stopping and continuing for m steps gives the same bits as n + m steps at once: a checkpoint holds the
state of what is trained and of the optimisers, the state of the random generator and the place in the epoch, and
nothing else influences the rest.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from minigrad.compiler.parallel import one_blas_thread
from minigrad.errors import NotFiniteError
from minigrad.op import Array
from models.folders import alone
from models.parallel import COMPARED_EVERY, Ranks
from models.stopping import StopWish
from models.training.folder import RunFolder, Saved, Stateful, fitting, load
from models.training.log import Log, Record, Warn
from models.training.settings import restored

Batch = TypeVar("Batch")


class Schedule(Protocol):
    """The settings that the loop itself reads."""

    @property
    def steps(self) -> int:
        """The total number of steps."""
        ...

    @property
    def save_every(self) -> int:
        """The number of steps between checkpoints."""
        ...

    @property
    def seed(self) -> int:
        """The seed of everything random."""
        ...


@dataclass
class Place:
    """How far training is: steps and epochs done, batches done in this epoch, and the seed of this epoch's order."""

    step: int = 0
    epoch: int = 0
    batch: int = 0
    order: int = 0
    validated: int = 0
    """The step of the last validation."""
    seconds: float = 0.0

    @property
    def running_epoch(self) -> int:
        """The epoch of the last step, counted from 1."""
        return self.epoch + bool(self.batch)


class Loop(ABC, Generic[Batch]):
    """The training loop; subclasses say what is trained. `run()` yields every record of the log as it is made.

    With several ranks, all go through it in step, and only the first writes files.
    """

    def __init__(
        self,
        run: RunFolder,
        schedule: Schedule,
        trained: Mapping[str, Stateful],
        warn: Warn,
        ranks: Ranks | None = None,
    ) -> None:
        self.folder, self.checkpoints, self.warn = run.folder, run.checkpoints, warn
        self.ranks = ranks or Ranks()
        self._schedule, self._trained = schedule, trained
        self.rng = np.random.default_rng(schedule.seed)
        self.place = Place(order=self._any_seed())
        self.log = Log(run.log_path, warn, written=self.ranks.first)
        self.failed_saves = 0
        self.saved = False
        """Whether the last checkpoint that was due has been written."""
        self.stopped_by: int | None = None
        self._mark = time.perf_counter()

    @abstractmethod
    def _epoch_batches(self, order: np.random.Generator) -> Iterator[Batch]:
        """This rank's parts of an epoch's batches, in an order that depends on `order` alone."""

    @abstractmethod
    def _step(self, batch: Batch) -> Record:
        """Takes one update with a batch and returns what to log. Raises NotFiniteError if it fails.

        Its random numbers come from `self.rng` and the place alone.
        """

    @abstractmethod
    def _measured(self) -> Record:
        """What is measured after an epoch. Ranks may share the work, and all get the result."""

    @property
    def finished(self) -> bool:
        """Whether every step is done."""
        return self.place.step >= self._schedule.steps

    def resume(self) -> bool:
        """Restores the latest intact checkpoint; without one returns False, and training begins anew."""
        with self._alone():
            return self._back_to(self.ranks.once(lambda: self.checkpoints.latest(warn=self.warn)))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """A context in which no other process may train in this run's folder.

        If one already does, UsageError on all ranks.
        """
        with ExitStack() as held:
            self.ranks.once(lambda: held.enter_context(alone(self.folder)))
            yield

    def _back_to(self, found: Saved | None) -> bool:
        """Restores a checkpoint, or the initial state if there is none."""
        if found is None:
            self.log.cut(0)
            return False
        arrays, state, path = found
        load(path, arrays, self._trained, self.ranks.cause)
        with fitting(path, self.ranks.cause):
            self.rng.bit_generator.state = state["generator"]
            self.place = restored(Place, state["place"])
            self.log.cut(state["records"])
            lost = state["records"] - len(self.log.records)
        if lost:
            self.warn(f"{self.log.path} lacks {lost} of {state['records']} records, and so will curves and reports")
        ranks = state.get("ranks", 1)
        if ranks != self.ranks.count:
            self.warn(f"{ranks} ranks came so far and {self.ranks.count} go on: other last bits, the same training")
        return True

    def save(self) -> None:
        """Writes a checkpoint; a failure only gives a warning, and training goes on."""
        try:
            if self.ranks.first:
                self.checkpoints.save(self.place.step, self._arrays(), self._state())
            self.saved = True
        except OSError as error:
            self.saved = False
            self.failed_saves += 1
            self.warn(
                f"step {self.place.step} COULD NOT BE SAVED ({error}); training goes on and the checkpoint before it "
                "is intact, but make room now, or what comes is lost"
            )
        self._lap()

    def _arrays(self) -> dict[str, Array]:
        return {f"{name}.{k}": v for name, trained in self._trained.items() for k, v in trained.state_dict().items()}

    def _state(self) -> dict[str, Any]:
        return {
            "place": asdict(self.place),
            "generator": self.rng.bit_generator.state,
            "records": len(self.log.records),
            "ranks": self.ranks.count,
        }

    def run(self, until: int | None = None) -> Iterator[Record]:
        """Trains up to the step `until`, by default to the end, and yields the records of steps and validations.

        The first Ctrl-C or SIGTERM, on any rank, lets the step finish, saves and stops (`stopped_by`). Raises
        NotFiniteError, with the state before the failing step saved, and RanksDifferError.
        """
        last = min(until or self._schedule.steps, self._schedule.steps)
        self._mark = time.perf_counter()
        self.ranks.compare(self._arrays(), self.place.step)
        with self._alone(), one_blas_thread(), StopWish() as self.ranks.wish:
            self.ranks.settle()
            while self.place.step < last and self.ranks.stop is None:
                yield from self._epoch(last)
            if self.finished and self.ranks.once(lambda: not self._is_validated()):
                yield self._validation()
            self.save()
            self.ranks.settle()
            self.stopped_by = self.ranks.stop
            self.ranks.wish.grant(self.stopped_by)

    def _epoch(self, last: int) -> Iterator[Record]:
        """The rest of the epoch and the validation after it; stops earlier at step `last` or when asked to."""
        place = self.place
        for batch in self._rest_of_epoch():
            yield self._logged(batch)
            if place.step % self._schedule.save_every == 0:
                self.save()
            if place.step >= last or self.ranks.stop is not None:
                return
        place.epoch, place.batch, place.order = place.epoch + 1, 0, self._any_seed()
        yield self._validation()
        self.save()

    def _rest_of_epoch(self) -> Iterator[Batch]:
        """The batches of this epoch that are not done yet, in the order that its seed determines."""
        return islice(self._epoch_batches(np.random.default_rng(self.place.order)), self.place.batch, None)

    def _logged(self, batch: Batch) -> Record:
        """Takes one step and returns its record."""
        before = self.rng.bit_generator.state
        try:
            found = self._step(batch)
        except NotFiniteError:
            self.rng.bit_generator.state = before
            self.save()
            raise
        place = self.place
        place.step, place.batch = place.step + 1, place.batch + 1
        if place.step % COMPARED_EVERY == 0:
            self.ranks.compare(self._arrays(), place.step)
        seconds = self._lap()
        rates = {f"{name}_per_second": found.pop(name) / seconds for name in ("words", "pictures") if name in found}
        return self.log.append(
            {"step": place.step, "epoch": place.running_epoch, **found, **rates, "seconds": place.seconds}
        )

    def _is_validated(self) -> bool:
        """Whether what is to be known after the last step was measured, and is in the log, which may have been lost."""
        place = self.place
        return place.validated == place.step and any(
            r["step"] == place.step and "seconds" not in r for r in self.log.records
        )

    def _validation(self) -> Record:
        """What is measured after an epoch, as a record of the log."""
        self.place.validated = self.place.step
        with np.errstate(all="ignore"):  # what overflows is found by its value, in words of ours
            found = self._measured()
        self._refuse_not_finite(found)
        self._lap()
        return self.log.append({"step": self.place.step, "epoch": self.place.running_epoch, **found})

    def _refuse_not_finite(self, found: Record) -> None:
        """Raises NotFiniteError if a measured value is not finite; the state after that update is not saved."""
        wrong = [f"{name} became {value}" for name, value in found.items() if not np.isfinite(value)]
        if wrong:
            raise NotFiniteError(
                f"step {self.place.step}, epoch {self.place.running_epoch}: {', '.join(wrong)} after the update; the "
                "checkpoint before it is kept; a smaller learning rate may help"
            )

    def _lap(self) -> float:
        """The seconds since the last call, which are added to the run's time."""
        now = time.perf_counter()
        elapsed, self._mark = now - self._mark, now
        self.place.seconds += elapsed
        return elapsed

    def _any_seed(self) -> int:
        return int(self.rng.integers(2**63))
