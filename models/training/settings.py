"""Everything besides the data that determines a run's numbers.

Imports optim's schedule; all of `models.training` may import it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar, get_args

from minigrad.errors import CheckpointError, UsageError
from minigrad.optim import warmup_cosine

LARGEST, MOST_THREADS = 2**24, 1024
"""Upper limits for sizes and threads: more than any machine has, but not more than a program can ask for."""

FASTEST, STEEPEST = 1e30, 1e18
"""Upper limits of the learning rate and the gradients' norm: beyond, float32 or Adam's squares could overflow."""


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
    """Adam's highest learning rate."""
    warm_up: int = 100
    """The steps over which the learning rate rises from zero."""
    floor: float = 0.05
    """The end of the cosine schedule that follows, as a share of the highest rate."""
    decay: float | None = None
    """Instead of warm-up and cosine: the factor on the rate after every epoch, as in the course."""
    clip_norm: float = 5.0
    """The largest norm of all gradients together."""
    feature_noise: float = 0.0
    """The standard deviation of Gaussian noise added to the features."""
    embedding_deviation: float | None = None
    """Initial word vectors have this deviation over √word_dim; None means the course's, 1/100."""
    forget_bias: float = 0.0
    """Initial bias of an LSTM's forget gates; with 1 they begin open (Jozefowicz et al. 2015)."""
    by_length: bool = True
    """Whether the captions of a batch are of about the same length."""
    seed: int = 0
    threads: int = 1
    """The workers that share each step; the last bits depend on their number."""
    eager: bool = False
    """Whether operations are computed one by one instead of by a compiled program: slower, for comparison."""
    save_every: int = 200
    """Steps between checkpoints; one more follows every epoch."""

    def __post_init__(self) -> None:
        for name in ("batch_size", "steps", "save_every"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name, most in (("word_dim", LARGEST), ("hidden_dim", LARGEST), ("threads", MOST_THREADS)):
            if not 1 <= getattr(self, name) <= most:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be from 1 to {most:,}")
        for name, limit in (("learning_rate", FASTEST), ("clip_norm", STEEPEST)):
            if not 0 < getattr(self, name) <= limit:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be above 0 and at most {limit:g}")
        for name, limit in (("feature_noise", STEEPEST), ("seed", float("inf"))):
            if not 0 <= getattr(self, name) <= limit:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be from 0 to {limit:g}")
        if not -STEEPEST <= self.forget_bias <= STEEPEST:
            raise UsageError(f"forget_bias is {self.forget_bias}; it must be a number, and at most {STEEPEST:g}")
        if self.embedding_deviation is not None and not 0 <= self.embedding_deviation <= STEEPEST:
            raise UsageError(f"embedding_deviation is {self.embedding_deviation}; it must be from 0 to {STEEPEST:g}")
        if self.decay is not None and not 0 < self.decay <= 1:
            raise UsageError(f"decay is {self.decay}; it must be above 0 and at most 1")

    def rate(self, step: int, epoch: int) -> float:
        """The learning rate of a step, both counted from 0."""
        if self.decay is not None:
            return self.learning_rate * self.decay**epoch
        return warmup_cosine(self.learning_rate, min(self.warm_up, self.steps // 10), self.steps, self.floor)(step)

    def as_dict(self) -> dict[str, Any]:
        """The settings as names and values, for config.json."""
        return asdict(self)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Settings":
        """The settings that `as_dict` wrote. Raises CheckpointError if a name is missing or unknown."""
        return restored(cls, values)


AnySettings = TypeVar("AnySettings")


def restored(cls: type[AnySettings], values: Mapping[str, Any]) -> AnySettings:
    """A dataclass from names and values. Raises CheckpointError for a wrong name or a wrong type of value."""
    kinds = {field.name: field.type for field in fields(cls)}  # type: ignore[arg-type]
    if set(values) != set(kinds):
        raise CheckpointError(
            f"its {cls.__name__} has other names than this version's: {sorted(set(values) ^ set(kinds))}"
        )
    wrong = [f"{name} is {values[name]!r:.60}" for name, kind in kinds.items() if not _is_of(values[name], kind)]
    if wrong:
        raise CheckpointError(f"its {cls.__name__} has other kinds of values than this version's: {', '.join(wrong)}")
    return cls(**values)


def _is_of(value: Any, kind: Any) -> bool:
    """Whether a value from JSON fits a field's type: an int may stand for a float, but a bool for neither."""
    kinds = get_args(kind) or (kind,)
    return type(value) in kinds or (type(value) is int and float in kinds)
