"""Changing pictures by gradients of what a network computes from them: compiled gradients, and descent by Adam.

`models.image_gradients` and `models.style_transfer` import this. Pictures are float32 (N, 3, H, W), normalised.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.op import Array, Value
from minigrad.optim import Adam


@dataclass(frozen=True, eq=False)
class Iteration:
    """The state of an optimisation: its number, what was measured of the picture `x`, and x itself."""

    number: int
    measured: Mapping[str, float]
    x: Array

    @property
    def record(self) -> dict[str, float]:
        """A line of a log."""
        return {"step": self.number, **self.measured}


Progress = Callable[[Iteration], None]


def differentiated(
    f: Callable[..., tuple[Value, Any]], eager: bool = False, workers: int | None = None
) -> Callable[..., tuple[Any, Array]]:
    """A function of arrays x, … that returns what f returns second, and the gradient by x of what f returns first.

    Compiled, and traced once for each size of pictures; or computed eagerly, for comparison.
    """

    def run(x: Any, *others: Any) -> tuple[Any, Any]:
        objective, wanted = f(x, *others)
        return wanted, mg.grad(objective, [x])[0]

    program = eagerly(run) if eager else mg.compile(run, workers=workers)

    def called(x: Array, *others: Any) -> tuple[Any, Array]:
        wanted, gradient = program(x, *others)
        return wanted, gradient.numpy()

    return called


def eagerly(run: Callable[..., Any]) -> Callable[..., Any]:
    """The same function of arrays, computed one operation after another."""
    return lambda x, *others: run(mg.from_numpy(x, requires_grad=True), *others)


@dataclass(frozen=True)
class Descent:
    """Steps of Adam: the learning rate, its value after `decay_at` steps, and bounds on the picture until `free_at`.

    As in CS231n: Adam is restarted when the rate decays, and a little later the bounds are lifted.
    """

    steps: int = 200
    lr: float = 3.0
    decayed_lr: float = 0.1
    decay_at: int = 180
    bounds: tuple[Any, Any] = (-1.5, 1.5)
    free_at: int = 190


Terms = Callable[..., Mapping[str, Value]]
"""A function that gives a loss's terms, by name, for a picture and constants."""


def descend(
    terms: Terms,
    x: Array,
    constants: Sequence[Any] = (),
    descent: Descent | None = None,
    progress: Progress | None = None,
    eager: bool = False,
) -> Array:
    """The picture after descending the sum of the terms from x; the last report to `progress` is of the result."""
    descent = descent or Descent()
    program = differentiated(lambda x, *c: summed(terms(x, *c)), eager)
    picture = mg.Parameter(np.array(x))
    optimizer = Adam([picture], descent.lr)
    for number in range(descent.steps + 1):
        if number < descent.free_at:
            np.clip(picture.numpy(), *descent.bounds, out=picture.changing())
        losses, gradient = program(picture.numpy(), *constants)
        if progress:
            progress(Iteration(number, {name: float(loss) for name, loss in losses.items()}, picture.numpy()))
        if number == descent.decay_at:
            optimizer = Adam([picture], descent.decayed_lr)
        if number < descent.steps:
            picture.grad = mg.from_numpy(gradient)
            optimizer.step()
    return picture.numpy()


def summed(terms: Mapping[str, Value]) -> tuple[Value, Mapping[str, Value]]:
    """The sum of the terms, and all of them by name, with the sum as `loss`."""
    total = sum(terms.values())
    return total, {"loss": total, **terms}


def total_variation(x: Value) -> Value:
    """The sum of squared differences of neighbouring pixels, across and down: small for smooth pictures."""
    down, across = x[:, :, 1:] - x[:, :, :-1], x[:, :, :, 1:] - x[:, :, :, :-1]
    return (down * down).sum() + (across * across).sum()
