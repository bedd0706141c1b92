"""Functions that cannot be compiled: each error says what to write instead."""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import MinigradError
from minigrad.optim import SGD

X = np.arange(6.0).reshape(2, 3)
W = mg.Parameter(np.ones((3, 2)), "W")


class Counter(mg.Module):
    def __init__(self) -> None:
        self.calls = 0

    def forward(self, x: Any) -> Any:
        return x * 2


def assigned(x: Any) -> Any:
    with mg.no_grad():
        W[...] = W * 2
    return x @ W


def assigned_in_part(x: Any) -> Any:
    y = x * 2
    y[0] = 0.0
    return y


def stepped(x: Any) -> Any:
    (W.grad,) = mg.grad((x @ W).sum(), [W])
    SGD([W], 0.1).step()
    return x


def doubled(x: Any) -> Any:
    while x.sum() < 100:
        x = x * 2
    return x


def assigned_unrecorded(x: Any) -> Any:
    with mg.no_grad():
        x[0] *= 2
    return x


def counted(x: Any) -> Any:
    COUNTER.calls += 1
    return COUNTER(x)


def in_a_thread(x: Any) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: x * 2).result()


COUNTER, FROZEN = Counter(), mg.Parameter(np.ones((3, 2)), "F").requires_grad_(False)
UNTRACEABLE: dict[str, tuple[Callable[[Any], Any], str]] = {
    "if": (lambda x: x if x.sum() > 0 else -x, r"mg\.where"),
    "and": (lambda x: (x > 0) and (x < 1), r"mg\.where"),
    "max": (lambda x: max(x.sum(), x.mean()), r"mg\.where"),
    "while": (doubled, "loop over a size"),
    "range": (lambda x: [x * i for i in range(x.sum())], r"x\.shape\[0\]"),
    "float": (lambda x: x * float(x.sum()), "compute with the Tensor itself"),
    "item": (lambda x: x * x.sum().item(), "compute with the Tensor itself"),
    "format": (lambda x: f"{x.sum():.2f}", "return it"),
    "numpy": (lambda x: x.numpy(), "look at it outside"),
    "tolist": (lambda x: x.tolist(), "look at it outside"),
    "np.array": (lambda x: np.array([x.sum(), x.mean()]), "stay with Tensors"),
    "another library": (lambda x: np.fft.fft(x), "use a function of minigrad"),
    "a boolean index": (lambda x: x[x > 0], r"mg\.where\(mask, x, 0\)"),
    "backward": (lambda x: (x @ W).sum().backward(), r"mg\.grad"),
    "assignment": (assigned, "return the new value and assign it outside"),
    "assignment in part": (assigned_in_part, r"mg\.where"),
    "an optimiser": (stepped, r"optimizer\.step\(compiled\.map\) outside"),
    "assignment under no_grad": (assigned_unrecorded, r"build a new one with mg\.where"),
    "a table of NumPy": (lambda x: np.eye(7)[x], r"mg\.tensor\(a\)\[x\], not a\[x\]"),
    "a count": (lambda x: x.reshape(int(x.sum()), -1), "count by a size"),
    "a counter": (counted, r"\d, which it changes outside.*pass it as an argument"),
    "a thread": (in_a_thread, "of another thread"),
    "a frozen parameter": (lambda x: mg.grad((x @ FROZEN).sum(), [FROZEN]), "requires_grad=True"),
    "a random number": (lambda x: x * random.random(), "pass it as an argument"),
    "random numbers": (lambda x: x * np.random.default_rng().random(x.shape), "pass it as an argument"),
    "a clock": (lambda x: (x, time.perf_counter()), "pass it as an argument"),
    "a generator": (lambda x: (x + i for i in range(3)), "return Tensors"),
    "a set": (lambda x: {x}, "return Tensors"),
    "an array": (lambda x: (x, np.ones(3)), "would be the same at each call: return Tensors"),
    "a symbol kept from before": (lambda x: KEPT.append(x) or x + KEPT[0], "differ|another trace"),
}
KEPT: list[Any] = []


@pytest.mark.parametrize("name", UNTRACEABLE)
@pytest.mark.fault(number=22)
def test_what_cannot_be_traced_says_what_to_write_instead(name: str) -> None:
    f, instead = UNTRACEABLE[name]
    with pytest.raises(MinigradError, match=instead):
        mg.compile(f)(X)
    assert W.numpy().tolist() == np.ones((3, 2)).tolist()
