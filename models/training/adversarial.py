"""Trains a generator and a discriminator on pictures of digits: settings, run folders, alternating steps.

A step updates the discriminator with one batch and, every `critic_steps` steps, the generator; if any value is not
finite, the step changes nothing. Both losses and their gradients are compiled programs. The generator's step does not
change the discriminator. The discriminator's step uses generated pictures detached from the graph, so it changes
nothing of the generator except batch norm's running statistics. Imports `base`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np

from minigrad import compile, grad
from minigrad.context import no_grad
from minigrad.errors import NotFiniteError, UsageError
from minigrad.module import Module, Parameter
from minigrad.op import Array
from minigrad.optim import Adam, squares
from minigrad.tensor import Tensor
from models.data.mnist import Digits
from models.gan import LOSSES, NETWORKS, Pair, gradient_penalty, noise
from models.training.base import Loop
from models.training.folder import RunFolder, Stateful, software
from models.training.log import Record, Warn
from models.training.settings import FASTEST, LARGEST, MOST_THREADS, STEEPEST, restored

SHOWN = 100
"""The samples in a grid, always from the same noise, so that grids of different steps can be compared."""


@dataclass(frozen=True)
class GanSettings:
    """How the pair is built and trained; written to config.json, so that a run can be repeated and continued."""

    networks: str = "dense"
    loss: str = "vanilla"
    noise_dim: int = 96
    batch_size: int = 128
    steps: int = 4_680
    learning_rate: float = 1e-3
    beta1: float = 0.5
    beta2: float = 0.999
    penalty: float = 0.0
    """Weight of the gradient penalty in the discriminator's loss."""
    critic_steps: int = 1
    """Updates of the discriminator for one of the generator."""
    seed: int = 0
    threads: int = 1
    """The parts into which the work is divided; the last bits depend on it."""
    save_every: int = 200
    """Steps between checkpoints; one more follows every epoch."""
    sample_every: int = 250
    """Steps between grids of samples."""

    def __post_init__(self) -> None:
        for name, known in (("networks", NETWORKS), ("loss", LOSSES)):
            if getattr(self, name) not in known:
                raise UsageError(f"{name} is {getattr(self, name)!r}; choose one of {', '.join(known)}")
        for name in ("steps", "critic_steps", "save_every", "sample_every"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name, most in (("noise_dim", LARGEST), ("threads", MOST_THREADS)):
            if not 1 <= getattr(self, name) <= most:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be from 1 to {most:,}")
        if self.batch_size < 2:
            raise UsageError(f"batch_size is {self.batch_size}; batch norm needs at least 2")
        if not 0 < self.learning_rate <= FASTEST:
            raise UsageError(f"learning_rate is {self.learning_rate}; it must be above 0 and at most {FASTEST:g}")
        if not 0 <= self.penalty < float("inf") or self.seed < 0:
            raise UsageError(f"penalty is {self.penalty}, seed {self.seed}; neither may be below 0")
        if not (0 <= self.beta1 < 1 and 0 <= self.beta2 < 1):
            raise UsageError(f"Adam's β are {self.beta1} and {self.beta2}; they must be at least 0 and below 1")

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "GanSettings":
        """The settings that `asdict` wrote. Raises CheckpointError if a name is missing or unknown."""
        return restored(cls, values)


KINDS: dict[str, dict[str, Any]] = {
    "vanilla": {},
    "ls": {"loss": "least squares"},
    "dc": {"networks": "convolutional"},
    "wgan-gp": {"loss": "wasserstein", "penalty": 10.0, "critic_steps": 5, "learning_rate": 1e-4, "beta2": 0.9},
}
"""How `minigrad gan KIND` changes the settings. The last keeps the dense pair, with Gulrajani's Adam."""
EPOCHS = {"vanilla": 10, "ls": 10, "dc": 5, "wgan-gp": 30}
"""The default number of epochs on MNIST: the course's, or more if the generator is updated in a fifth of the steps."""


@dataclass(frozen=True)
class GanRun(RunFolder):
    """A run's folder: config.json, log.jsonl, checkpoints. `data` is a folder in MNIST's format, or `drawn`."""

    command = "minigrad gan"
    settings: GanSettings
    data: str

    @classmethod
    def create(cls, folder: Path, settings: GanSettings, data: str) -> "GanRun":
        """Makes the folder. Raises UsageError if it is not empty."""
        return cls(folder, settings, data).make()

    @classmethod
    def described(cls, folder: Path, config: Mapping[str, Any]) -> "GanRun":
        """The run described by what `config` returned."""
        return cls(folder, GanSettings.of(config["gan"]), str(config["data"]))

    def config(self) -> dict[str, Any]:
        """The content of config.json."""
        return {"gan": asdict(self.settings), "data": self.data, "software": software()}

    def build(self) -> Pair:
        """The pair before its first step."""
        return NETWORKS[self.settings.networks](self.settings.noise_dim, np.float32, self.settings.seed)

    def trained(self, warn: Warn) -> Pair:
        """The pair in the state of the latest intact checkpoint."""
        pair = self.build()
        self.load_latest(pair._asdict(), warn)
        return pair


class GanTraining(Loop[Array]):
    """Trains a run's pair on digits. `run()` yields every record of the log as it is made."""

    def __init__(self, run: GanRun, digits: Digits, warn: Warn) -> None:
        if len(digits.images) < run.settings.batch_size:
            raise UsageError(f"{len(digits.images)} pictures make no batch of {run.settings.batch_size}")
        self.settings, self.digits, self.losses = run.settings, digits, LOSSES[run.settings.loss]
        self.discriminator, self.generator = pair = run.build()
        self._pair: dict[str, Module] = pair._asdict()
        self._parameters: dict[str, list[Parameter]] = {name: m.parameters() for name, m in self._pair.items()}
        betas = (run.settings.beta1, run.settings.beta2)
        self.optimizers = {name: Adam(p, run.settings.learning_rate, betas) for name, p in self._parameters.items()}
        self._latest: dict[str, float] = {}
        self._programs = {
            name: compile(f, workers=run.settings.threads)
            for name, f in (("discriminator", self._discriminator_step), ("generator", self._generator_step))
        }
        trained: dict[str, Stateful] = {**self._pair, **{f"{name}_optimizer": o for name, o in self.optimizers.items()}}
        super().__init__(run, run.settings, trained, warn)

    def _epoch_batches(self, order: np.random.Generator) -> Iterator[Array]:
        """Batches of pictures. The last incomplete batch is dropped.

        Which pictures that affects changes every epoch.
        """
        size, count = self.settings.batch_size, len(self.digits.images)
        rows = order.permutation(count)
        return (self.digits.rows(rows[i : i + size]) for i in range(0, count - size + 1, size))

    def _step(self, batch: Array) -> Record:
        """Updates the discriminator, and the generator when it is its turn; if either fails, neither is changed."""
        count, s = len(batch), self.settings
        shares = self.rng.random((count, 1), dtype=np.float32) if s.penalty else np.zeros((count, 1), np.float32)
        both = (self.place.step + 1) % s.critic_steps == 0
        before = self._may_be_undone(both)
        try:
            found = {"discriminator_loss": self._update("discriminator", batch, self._noise(count), shares)}
            if both:
                found["generator_loss"] = self._update("generator", self._noise(count))
        except NotFiniteError:
            for name, arrays in before.items():
                self._trained[name].load_state_dict({**self._trained[name].state_dict(), **arrays})
            raise
        return {**found, "pictures": count}

    def _may_be_undone(self, both: bool) -> dict[str, dict[str, Array]]:
        """Copies of what a failed step must restore: running statistics, and a discriminator updated first."""
        at_risk = self._statistics()
        if both:
            at_risk |= {n: self._trained[n].state_dict() for n in ("discriminator", "discriminator_optimizer")}
        return {name: {k: v.copy() for k, v in arrays.items()} for name, arrays in at_risk.items()}

    def _statistics(self) -> dict[str, dict[str, Array]]:
        """What training changes in each network besides the parameters: batch norm's running statistics."""
        parameters = {name: dict(network.named_parameters()) for name, network in self._pair.items()}
        return {
            name: {k: v for k, v in network.state_dict().items() if k not in parameters[name]}
            for name, network in self._pair.items()
        }

    def _update(self, name: str, *arrays: Array) -> float:
        """Takes one Adam step for one of the two networks and returns its loss.

        Raises NotFiniteError, without updating, if the loss or the gradients are not finite.
        """
        program, optimizer = self._programs[name], self.optimizers[name]
        with np.errstate(all="ignore"):  # what overflows is found by its value, in words of ours
            loss, gradients = program(*arrays)
        wrong = self._not_finite(float(loss), sqrt(squares(g.numpy() for g in gradients)))
        if wrong:
            raise self._diverged(f"the {name}'s {wrong}")
        for parameter, gradient in zip(self._parameters[name], gradients, strict=True):
            parameter.grad = gradient
        optimizer.step(program.map)
        optimizer.zero_grad()
        self._latest[name] = float(loss)
        return self._latest[name]

    def _not_finite(self, loss: float, norm: float) -> str | None:
        """What is not finite: the loss, the norm of the gradients, or the running statistics after the program ran."""
        if not np.isfinite(loss):
            return f"loss became {loss}"
        if not norm <= STEEPEST:
            return f"gradients' norm became {norm:g}"
        statistics = ((f"{n}.{k}", v) for n, arrays in self._statistics().items() for k, v in arrays.items())
        wrong = next((path for path, array in statistics if not np.isfinite(array).all()), None)
        return f"step left {wrong} not finite" if wrong else None

    def _diverged(self, what: str) -> NotFiniteError:
        """The error for a step that failed, with the losses before it."""
        before = ", ".join(f"{who} {value:.4g}" for who, value in self._latest.items())
        return NotFiniteError(
            f"step {self.place.step + 1}, epoch {self.place.epoch + 1}: training diverged: {what}; losses before: "
            f"{before or 'none yet'}; the state before this step is saved; a smaller learning rate may help"
        )

    def _discriminator_step(self, real: Tensor, z: Tensor, shares: Tensor) -> tuple[Tensor, Any]:
        """The discriminator's loss and gradients.

        `real` are pictures (N, 784), `z` noise (N, Z), `shares` (N, 1) the weights of the real pictures in the points
        at which the gradient penalty is taken.
        """
        fake = self.generator(z).detach()
        loss = self.losses.discriminator(self.discriminator(real), self.discriminator(fake))
        if self.settings.penalty:
            loss = loss + self.settings.penalty * gradient_penalty(self.discriminator, real, fake, shares)
        return loss, grad(loss, self._parameters["discriminator"])

    def _generator_step(self, z: Tensor) -> tuple[Tensor, Any]:
        """The generator's loss and gradients, through the discriminator."""
        loss = self.losses.generator(self.discriminator(self.generator(z)))
        return loss, grad(loss, self._parameters["generator"])

    def _measured(self) -> Record:
        """The mean losses of the epoch's steps."""
        epoch = [r for r in self.log.records[-self.settings.steps :] if r["epoch"] == self.place.running_epoch]
        names = ("discriminator_loss", "generator_loss")
        values = {name: [r[name] for r in epoch if name in r] for name in names}
        return {f"mean_{name}": float(np.mean(found)) for name, found in values.items() if found}

    def _noise(self, count: int) -> Array:
        return noise(self.rng, count, self.settings.noise_dim)

    def samples(self, count: int = SHOWN) -> Array:
        """Generated pictures (count, 784) in −1 … 1, always from the same noise."""
        z = noise(np.random.default_rng([self.settings.seed, 1]), count, self.settings.noise_dim)
        return made(self.generator, z)


def made(generator: Any, z: Array) -> Array:
    """Pictures (N, 784) made from noise (N, Z) with batch norm's running statistics; no gradient is recorded."""
    generator.eval()
    try:
        with no_grad():
            parts = [generator(Tensor(z[i : i + 250])).numpy() for i in range(0, len(z), 250)]
    finally:
        generator.train()
    return np.concatenate(parts)
