"""Optimisers: they update parameters in place from their `.grad`. Imports Tensor.

State has the dtype of its parameter. A step works block by block, with all operations of an update on one block before
the next, so that memory is read once; several threads may share the blocks.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from math import cos, pi, sqrt
from typing import Any

import numpy as np

from minigrad.device import beside
from minigrad.errors import CheckpointError, ShapeError, UsageError
from minigrad.op import Array
from minigrad.tensor import Tensor

BLOCK = 1 << 18
"""The number of elements in a block: large enough that handing it to a thread costs little in comparison."""


class Optimizer:
    """Base class: parameters, learning rate `lr`, number of steps, and state arrays by name, one for each parameter.

    A parameter whose `.grad` is None is not changed. `lr` may be set between steps.
    """

    slots: tuple[str, ...] = ()

    def __init__(self, parameters: Iterable[Tensor], lr: float) -> None:
        self.parameters = list({id(p): p for p in parameters}.values())  # each once
        if not self.parameters or not all(isinstance(p, Tensor) and p.is_leaf for p in self.parameters):
            raise UsageError("an optimiser needs at least one parameter, in a list; what was computed is none")
        if not lr >= 0:
            raise UsageError(f"the learning rate is {lr}; it must be a number ≥ 0")
        self.lr = lr
        self.steps = 0
        self.state = {slot: [np.zeros_like(p.data) for p in self.parameters] for slot in self.slots}

    def zero_grad(self) -> None:
        """Clears all gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def step(self, spread: Callable[..., Iterable[None]] = map) -> None:
        """Updates all parameters that have a gradient. `spread` is `map`, or the `map` of a pool of threads."""
        self.steps += 1
        for _ in spread(self._update_block, list(self._blocks())):
            pass

    def _blocks(self) -> Iterator[list[Array]]:
        """Some rows of a parameter at a time, with the same rows of its gradient and its state."""
        for i, parameter in enumerate(self.parameters):
            if parameter.grad is not None:
                if parameter.grad.shape != parameter.shape:
                    name = parameter.name or f"parameter {i}"
                    raise ShapeError(f"{name} has shape {parameter.shape}, its gradient {parameter.grad.shape}")
                state = (self.state[slot][i] for slot in self.slots)
                arrays = [parameter.changing(), parameter.grad.data, *state]
                if all(a.flags.c_contiguous for a in arrays):
                    arrays = [a.reshape(-1) for a in arrays]
                rows = max(1, BLOCK * len(arrays[0]) // max(1, parameter.size))
                yield from ([a[k : k + rows] for a in arrays] for k in range(0, len(arrays[0]), rows))

    def _update_block(self, arrays: list[Array]) -> None:
        w, g, *state = arrays
        self.update(w, g, np.empty_like(w), *state)

    def update(self, w: Array, g: Array, scratch: Array, *state: Array) -> None:
        """Changes the values w and their state in place, by the gradient g; `scratch` is free memory of w's shape."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Array]:
        """State arrays by `name.index`, sharing memory with the optimiser; `steps` and `lr` as 0-d arrays."""
        arrays = {f"{slot}.{i}": a for slot, all_ in self.state.items() for i, a in enumerate(all_)}
        return arrays | {"steps": np.asarray(self.steps), "lr": np.asarray(self.lr)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what `state_dict` returned; CheckpointError names what is missing or has another shape."""
        own = self.state_dict()
        wrong = [k for k in own if k not in state or np.shape(state[k]) != own[k].shape]
        if wrong:
            raise CheckpointError(f"the optimiser's state lacks, or has in another shape: {', '.join(wrong)}")
        for slot, arrays in self.state.items():
            for i, array in enumerate(arrays):
                array[...] = beside(np.asarray(state[f"{slot}.{i}"]), array)
        self.steps, self.lr = int(state["steps"]), float(state["lr"])


class SGD(Optimizer):
    """v ← momentum · v − lr · g, w ← w + v; without momentum w ← w − lr · g. Weight decay adds decay · w to g."""

    def __init__(
        self, parameters: Iterable[Tensor], lr: float = 1e-2, momentum: float = 0.0, weight_decay: float = 0.0
    ) -> None:
        self.slots = ("velocity",) if momentum else ()
        super().__init__(parameters, lr)
        self.momentum, self.weight_decay = momentum, weight_decay

    def update(self, w: Array, g: Array, scratch: Array, *state: Array) -> None:
        """One step on a block."""
        np.multiply(w, self.weight_decay, out=scratch)
        scratch += g
        scratch *= -self.lr
        for velocity in state:
            velocity *= self.momentum
            velocity += scratch
            scratch = velocity
        w += scratch


class RMSProp(Optimizer):
    """s ← decay · s + (1 − decay) g², w ← w − lr · g / (√s + epsilon) (Tieleman & Hinton 2012)."""

    slots = ("square",)

    def __init__(
        self, parameters: Iterable[Tensor], lr: float = 1e-2, decay: float = 0.99, epsilon: float = 1e-8
    ) -> None:
        super().__init__(parameters, lr)
        self.decay, self.epsilon = decay, epsilon

    def update(self, w: Array, g: Array, scratch: Array, *state: Array) -> None:
        """One step on a block."""
        (square,) = state
        running_mean(square, np.multiply(g, g, out=scratch), self.decay)
        np.sqrt(square, out=scratch)
        scratch += self.epsilon
        np.divide(g, scratch, out=scratch)
        scratch *= self.lr
        w -= scratch


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015). m, v are running means of g and g².

    `correction="moments"`, Algorithm 1 of the paper and PyTorch: w ← w − lr · m̂ / (√v̂ + ε) with m̂ = m / (1 − β₁ᵗ),
    v̂ = v / (1 − β₂ᵗ). `correction="rate"`, the end of its section 2 and CS231n:
    w ← w − lr √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε).
    """

    slots = ("mean", "square")

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        correction: str = "moments",
    ) -> None:
        if correction not in ("moments", "rate"):
            raise UsageError(f"correction {correction!r} is neither 'moments' nor 'rate'")
        super().__init__(parameters, lr)
        self.betas, self.epsilon, self.correction = betas, epsilon, correction

    def update(self, w: Array, g: Array, scratch: Array, *state: Array) -> None:
        """One step on a block."""
        mean, square = state
        beta1, beta2 = self.betas
        np.multiply(g, g, out=scratch)
        running_mean(square, scratch, beta2)
        np.multiply(g, 1 - beta1, out=scratch)
        mean *= beta1
        mean += scratch
        root = sqrt(1 - beta2**self.steps)
        np.sqrt(square, out=scratch)
        scratch += self.epsilon * (root if self.correction == "moments" else 1.0)
        np.divide(mean, scratch, out=scratch)
        scratch *= self.lr * root / (1 - beta1**self.steps)
        w -= scratch


def running_mean(mean: Array, new: Array, decay: float) -> None:
    """mean ← decay · mean + (1 − decay) · new, in place; `new` is overwritten."""
    mean *= decay
    new *= 1 - decay
    mean += new


def clip_grad_norm(parameters: Iterable[Tensor], max_norm: float) -> float:
    """Scales all gradients by one factor so that their joint Euclidean norm is at most `max_norm`; returns the old
    norm.

    If the norm is not finite the gradients are left as they are.
    """
    arrays = [p.grad.data for p in parameters if p.grad is not None]
    norm = sqrt(squares(arrays))
    if max_norm < norm < float("inf"):
        for array in arrays:
            array *= max_norm / norm
    return norm


def squares(arrays: Iterable[Array]) -> float:
    """The sum of the squares of all elements, computed in float64 block by block in the order of memory."""
    flat = (a.ravel(order="K") for a in arrays)
    blocks = (a[k : k + BLOCK].astype(np.float64, copy=False) for a in flat for k in range(0, a.size, BLOCK))
    return sum(float(np.vdot(wide, wide)) for wide in blocks)


def clip_grad_value(parameters: Iterable[Tensor], limit: float) -> None:
    """Limits every element of every gradient to the range from −limit to limit."""
    for parameter in parameters:
        if parameter.grad is not None:
            np.clip(parameter.grad.data, -limit, limit, out=parameter.grad.data)


Schedule = Callable[[int], float]


def exponential(lr: float, decay: float, every: int = 1) -> Schedule:
    """lr · decay^⌊step / every⌋; with `every` the number of steps in an epoch, the course's decay per epoch."""
    return lambda step: lr * decay ** (step // every)


def warmup_cosine(lr: float, warmup: int, total: int, floor: float = 0.0) -> Schedule:
    """Rises linearly to lr over `warmup` steps, then falls along half a cosine to `floor` · lr at step `total`."""

    def at(step: int) -> float:
        if step < warmup:
            return lr * (step + 1) / warmup
        done = min((step - warmup) / max(total - warmup, 1), 1.0)
        return lr * (floor + (1 - floor) * 0.5 * (1 + cos(pi * done)))

    return at
