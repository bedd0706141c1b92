"""A small classifier of digits, trained here; its features are used to measure generated digits.

Imports the engine and `models.data.mnist`.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from minigrad import compile, grad
from minigrad import functional as F
from minigrad.compiler.parallel import one_blas_thread
from minigrad.context import no_grad
from minigrad.errors import NotFiniteError
from minigrad.layers import Conv2d, Flatten, Linear, ReLU, Sequential
from minigrad.losses import softmax_cross_entropy
from minigrad.module import Module
from minigrad.op import Array, Value
from minigrad.optim import Adam, warmup_cosine
from minigrad.tensor import Tensor
from models.data.mnist import CLASSES, SIDE, Digits

FEATURES = 128
_BATCH, _PARTS = 128, 500
_WARM_UP, _FLOOR = 50, 0.02

Progress = Callable[[int, int], None]
"""Called with the number of steps done and the total."""


class Judged(NamedTuple):
    """What a classifier says about pictures: features (N, 128) and probabilities (N, 10)."""

    features: Array
    probabilities: Array


class DigitClassifier(Module):
    """Two 5 × 5 convolutions with stride 2, a layer of 128 features, and scores for ten digits."""

    def __init__(self, seed: int = 0, dtype: Any = np.float32) -> None:
        make: dict[str, Any] = {"rng": np.random.default_rng(seed), "dtype": dtype}
        self.body = Sequential(
            Conv2d(1, 16, 5, 2, **make), ReLU(), Conv2d(16, 32, 5, 2, **make), ReLU(), Flatten(),
            Linear(512, FEATURES, **make), ReLU(),
        )  # fmt: skip
        self.head = Linear(FEATURES, CLASSES, **make)

    def features(self, x: Value) -> Value:
        """Features (N, 128), none negative, of pictures as rows (N, 784) from −1 to 1."""
        return self.body(x.reshape((x.shape[0], 1, SIDE, SIDE)))

    def forward(self, x: Value) -> Value:
        """Scores (N, 10) of rows (N, 784)."""
        return self.head(self.features(x))

    def judge(self, rows: Array) -> Judged:
        """Features and probabilities of pictures as rows (N, 784)."""
        with no_grad(), one_blas_thread():
            parts = [self._judged(Tensor(rows[i : i + _PARTS])) for i in range(0, len(rows), _PARTS)]
        return Judged(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _judged(self, x: Tensor) -> tuple[Array, Array]:
        features = self.features(x)
        return features.numpy(), F.softmax(self.head(features)).numpy()

    def accuracy(self, digits: Digits) -> float:
        """The fraction of pictures whose most probable class is their label."""
        found = self.judge(digits.rows()).probabilities.argmax(axis=1)
        return float(np.mean(found == digits.labels))


def train_classifier(
    digits: Digits, epochs: int = 10, seed: int = 0, threads: int = 1, progress: Progress | None = None
) -> DigitClassifier:
    """A classifier trained by Adam with a falling rate, from 1e-3; reproducible to the bit from its arguments.

    On MNIST's test digits it is right for 98.5 % after 3 epochs, 98.9 % after 6, 99.05 % after 10.
    """
    classifier = DigitClassifier(seed)
    parameters = classifier.parameters()
    optimizer = Adam(parameters)
    steps = epochs * -(-len(digits.images) // _BATCH)
    rate = warmup_cosine(1e-3, min(_WARM_UP, steps // 2), steps, _FLOOR)

    def differentiated(x: Any, labels: Any) -> Any:
        loss = softmax_cross_entropy(classifier(x), labels)
        return loss, grad(loss, parameters)

    program = compile(differentiated, workers=threads)
    with one_blas_thread():
        for rows in batches(len(digits.images), epochs, np.random.default_rng([seed, 2])):
            loss, gradients = program(digits.rows(rows), digits.labels[rows].astype(np.int64))
            if not np.isfinite(float(loss)):
                raise NotFiniteError(f"the classifier's loss became {float(loss)} in step {optimizer.steps + 1}")
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
            optimizer.lr = rate(optimizer.steps)
            optimizer.step(program.map)
            if progress:
                progress(optimizer.steps, steps)
    return classifier


def batches(count: int, epochs: int, rng: np.random.Generator) -> Iterator[Array]:
    """The row numbers of each batch, in a new order every epoch."""
    for _ in range(epochs):
        order = rng.permutation(count)
        yield from (order[start : start + _BATCH] for start in range(0, count, _BATCH))
