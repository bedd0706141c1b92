"""What decides a run's numbers beside its data. Imports optim's schedule; all of `models.training` may import it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from inspect import signature
from math import isfinite
from typing import Any, TypeVar

from minigrad.errors import CheckpointError, UsageError
from minigrad.optim import warmup_cosine


@dataclass(frozen=True)
class Settings:
    """How a captioner is built and trained; written to config.json, so that a run can be repeated and continued."""

    cell: str = "lstm"
    word_dim: int = 256
    hidden_dim: int = 512
    batch_size: int = 128
    """Captions in a step."""
    steps: int = 5_000
    learning_rate: float = 1e-3
    """Adam's, at its highest."""
    warm_up: int = 100
    """Steps in which the rate grows from nothing."""
    floor: float = 0.05
    """Where the cosine that follows ends, as a share of the highest rate."""
    decay: float | None = None
    """Instead of warm-up and cosine: the factor on the rate after every epoch, as in the course."""
    clip_norm: float = 5.0
    """The largest norm of all gradients together."""
    feature_noise: float = 0.0
    """Deviation of the Gaussian noise added to the features."""
    embedding_deviation: float | None = None
    """Initial word vectors have this over √word_dim; None is the course's, 1/100."""
    forget_bias: float = 0.0
    """Initial bias of an LSTM's forget gates; with 1 they begin open (Jozefowicz et al. 2015)."""
    by_length: bool = True
    """Whether the captions of a batch are of about the same length."""
    seed: int = 0
    threads: int = 1
    """Workers that share each step; the last bits depend on it."""
    eager: bool = False
    """Whether each operation is computed when it is written, and not by a compiled program: slower, to compare."""
    save_every: int = 200
    """Steps between checkpoints; one more follows every epoch."""

    def __post_init__(self) -> None:
        for name in ("word_dim", "hidden_dim", "batch_size", "steps", "threads", "save_every"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name in ("learning_rate", "clip_norm"):
            if not 0 < getattr(self, name) < float("inf"):
                raise UsageError(f"{name} is {getattr(self, name)}; it must be a number above 0")
        for name in ("feature_noise", "seed"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise UsageError(f"{name} is {getattr(self, name)}; it must be a number, 0 or more")
        if not isfinite(self.forget_bias):
            raise UsageError(f"forget_bias is {self.forget_bias}; it must be a finite number")
        if self.decay is not None and not 0 < self.decay <= 1:
            raise UsageError(f"decay is {self.decay}; it must be above 0 and at most 1")

    def rate(self, step: int, epoch: int) -> float:
        """The learning rate of a step, both counted from 0."""
        if self.decay is not None:
            return self.learning_rate * self.decay**epoch
        return warmup_cosine(self.learning_rate, min(self.warm_up, self.steps // 10), self.steps, self.floor)(step)

    def as_dict(self) -> dict[str, Any]:
        """Names and values, for config.json."""
        return asdict(self)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Settings":
        """What `as_dict` gave; CheckpointError where a name is missing or unknown."""
        return restored(cls, values)


AnySettings = TypeVar("AnySettings")


def restored(cls: type[AnySettings], values: Mapping[str, Any]) -> AnySettings:
    """A dataclass of settings from its names and values; CheckpointError where a name is missing or unknown."""
    names = set(signature(cls).parameters)
    if set(values) != names:
        raise CheckpointError(f"the run's settings are not this version's: {sorted(set(values) ^ names)} differ")
    return cls(**values)
