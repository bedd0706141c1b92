"""Nothing is called proved that differs somewhere: pairs made to deceive, and all that shares a normal form."""

import os
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from proof_values import compared

import minigrad as mg
from minigrad.check.counterexample import places, run_real
from minigrad.check.proof.algebra import TooMuchWork
from minigrad.check.proof.lemmas import Lemmas
from minigrad.op import Array

Program = Callable[..., Any]


def gradient(f: Program) -> Program:
    """By the first argument."""
    return lambda x, *others: mg.grad(f(x, *others).sum(), x, create_graph=True)[0]


ID, MASK, BYTE = np.zeros(3, int), np.zeros(3, bool), np.zeros(3, np.uint8)
R, S = (3,), (3, 3)

REFUTED: dict[str, tuple[Program, Program, list[Any]]] = {
    "√x² is |x|": (lambda x: mg.sqrt(x * x), lambda x: x, [R]),
    "e^log|x| is |x|": (lambda x: mg.exp(mg.log(mg.abs(x))), lambda x: x, [R]),
    "|x|' at 0": (gradient(mg.abs), lambda x: mg.where(x >= 0, 1.0, -1.0), [R]),
    "relu' at 0": (gradient(mg.relu), lambda x: (x >= 0).astype(float), [R]),
    "sign 0": (mg.sign, lambda x: mg.where(x >= 0, 1.0, -1.0), [R]),
    "a tie of two": (gradient(mg.maximum), lambda x, y: (x >= y).astype(float), [R, R]),
    "a tie of several": (gradient(lambda x: x.max(axis=0)), lambda x: (x == x.max(axis=0)).astype(float), [S]),
    "the edges of clip": (gradient(lambda x: mg.clip(x, -1, 1)), lambda x: (mg.abs(x) < 1).astype(float), [R]),
    "a square matrix transposed": (lambda x, y: x @ y, lambda x, y: x @ y.T, [S, S]),
    "letters of a product": (
        lambda x, y: mg.einsum("ij,jk->ik", x, y), lambda x, y: mg.einsum("ij,kj->ik", x, y), [S, S],
    ),
    "a mean for a sum": (lambda x, y: x.sum() * y, lambda x, y: x.mean() * y, [R, R]),
    "the other axis": (lambda x: mg.softmax(x, axis=0), lambda x: mg.softmax(x, axis=1), [S]),
    "the count less one": (lambda x: x.var(axis=0), lambda x: x.var(axis=0, ddof=1), [S]),
    "words that come twice": (
        lambda i: mg.one_hot(i, 5).sum(axis=0), lambda i: mg.one_hot(i, 5).max(axis=0), [ID],
    ),
    "a row that was not picked": (lambda i, x: mg.gather(x, i).sum(), lambda i, x: x.sum(), [ID, S]),
    "an index from the end": (lambda x: x[[-1]], lambda x: x[[0]], [R]),
    "a condition that is a number": (mg.where, lambda c, a, b: c * a + (1 - c) * b, [ID, R, R]),
    "numbers that are no ids": (lambda i: i * i, lambda i: i, [ID]),
    "numbers cut to integers": (lambda x: x.astype(int).astype(float), lambda x: x, [R]),
    "whole quotients": (lambda i: (i // 2).astype(float), lambda i: i / 2, [ID]),
    "either and both": (lambda a, b: (a | b).astype(float), lambda a, b: (a ^ b).astype(float), [MASK, MASK]),
    "true and true is true": (lambda a: (a + a).astype(float), lambda a: a.astype(float) * 2, [MASK]),
    "a mask left out": (lambda x, m: x * m, lambda x, m: x, [R, MASK]),
    "bytes that overflow": (lambda a: (a + np.uint8(255)).astype(float), lambda a: a.astype(float) + 255, [BYTE]),
    "bytes below zero": (lambda a, b: (a - b).astype(float), lambda a, b: a.astype(float) - b, [BYTE, BYTE]),
    "a number too large for a byte": (lambda i: (i * 100).astype(np.int8), lambda i: i * 100, [ID]),
    "a sum of logarithms": (lambda x: mg.log(x).sum(), lambda x: mg.log(x).mean(), [(20,)]),
    "half precision": (lambda x: x.astype(np.float16).astype(float) * 1.001, lambda x: x, [R]),
}  # fmt: skip

NOT_DECIDED: dict[str, tuple[Program, Program, list[Any]]] = {
    "x / x at 0": (lambda x: x / x, lambda x: x * 0 + 1, [R]),
    "0 / 0 is no number": (lambda x: (x * 0) / (x * 0), lambda x: x * 0, [R]),
    "log x² for x < 0": (lambda x: mg.log(x * x), lambda x: 2 * mg.log(x), [R]),
    "(√x)² for x < 0": (lambda x: mg.square(mg.sqrt(x)), mg.abs, [R]),
    "0 / x at 0, chosen": (
        lambda x, y: mg.where(x == 0, 0.0, y / mg.where(x == 0, 1.0, x)),
        lambda x, y: y / x,
        [R, R],
    ),
    "too near for numbers": (lambda x: x * (1 + 1e-8), lambda x: x, [R]),
    "no element to compare": (lambda x: x * 2, lambda x: x * 3, [(0,)]),
    "sin² + cos² = 1, unknown": (lambda x: mg.sin(x) ** 2 + mg.cos(x) ** 2 - 1, lambda x: x * 0, [R]),
}


@pytest.mark.parametrize("name", REFUTED)
def test_programs_that_differ_somewhere_are_refuted(name: str) -> None:
    f, g, sizes = REFUTED[name]
    proof = compared(f, g, *sizes, below=3)
    assert proof.status == "refuted"
    example = proof.verdicts[0].counterexample
    assert example is not None and example.automatic != example.textbook


@pytest.mark.parametrize("name", NOT_DECIDED)
def test_what_holds_not_everywhere_or_is_not_known_is_left_open(name: str) -> None:
    f, g, sizes = NOT_DECIDED[name]
    assert compared(f, g, *sizes).status == "not decided"


def convolved(f: Program) -> Program:
    """Its gradients."""
    return lambda x, w, g: mg.grad(f(x, w), [x, w], g, create_graph=True)


def shifted(x: Any, w: Any) -> Any:
    """A convolution as a sum over the places in the kernel."""
    (height, width), (kh, kw) = x.shape[2:], w.shape[2:]
    return sum(
        mg.einsum("nchw,kc->nkhw", x[:, :, i : height - kh + 1 + i, j : width - kw + 1 + j], w[:, :, i, j])
        for i in range(kh)
        for j in range(kw)
    )


PROVED: dict[str, tuple[Program, Program, list[Any]]] = {
    "max(a, b)": (mg.maximum, lambda a, b: mg.where(a > b, a, b), [R, R]),
    "its gradient": (
        gradient(mg.maximum), lambda a, b: ((a > b).astype(float) + (a >= b).astype(float)) / 2, [R, R],
    ),
    "clip": (lambda x: mg.clip(x, -1, 1), lambda x: mg.minimum(mg.maximum(x, -1.0), 1.0), [R]),
    "leaky relu": (lambda x: mg.leaky_relu(x, 0.1), lambda x: mg.where(x > 0, x, x / 10), [R]),
    "its slope": (gradient(lambda x: mg.leaky_relu(x, 0.1)), lambda x: mg.where(x > 0, 1.0, 0.1), [R]),
    "a guarded quotient": (
        lambda x: mg.where(x > 0, 1 / mg.where(x > 0, x, 1.0), 0.0),
        lambda x: (x > 0) / mg.where(x <= 0, 1.0, x), [R],
    ),
    "distribution, where rounding alone differs": (
        lambda x, y: x * (y + 1 / 3) - x * y - x / 3, lambda x, y: x * 0, [R, R],
    ),
    "rows by number": (lambda i, x: mg.gather(x, i), lambda i, x: mg.one_hot(i, 3) @ x, [ID, S]),
    "the last row": (lambda x: x[[-1]], lambda x: x[2:], [S]),
    "a convolution's gradients": (convolved(mg.conv2d), convolved(shifted), [(2, 3, 5, 4), (2, 3, 2, 3), (2, 2, 4, 2)]),
    "means of windows": (
        lambda x: mg.avg_pool2d(x, (1, 2)), lambda x: (x[..., ::2] + x[..., 1::2]) / 2, [(1, 2, 3, 4)],
    ),
    "x / |x|, where it is something": (gradient(mg.norm), lambda x: x / mg.norm(x), [R]),
    "a root of squares is positive": (
        lambda x: 1 / mg.sqrt((x * x).sum() + 1), lambda x: mg.sqrt((x * x).sum() + 1) / ((x * x).sum() + 1), [R],
    ),
    "single precision": (
        lambda x: mg.tanh(x) * np.float32(0.1), lambda x: np.float32(0.1) * (2 * mg.sigmoid(2 * x) - 1),
        [np.zeros(3, np.float32)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROVED)
def test_what_is_equal_everywhere_is_proved(name: str) -> None:
    f, g, sizes = PROVED[name]
    assert compared(f, g, *sizes, below=3).status == "proved"


# programs of few Ops, of which many are equal

ONE: tuple[Program, ...] = (
    mg.tanh, mg.sigmoid, mg.exp, mg.abs, mg.relu, mg.sqrt, mg.log, mg.log1p, mg.square, mg.softplus, mg.sign,
    lambda a: -a, lambda a: 1 / a, lambda a: a + 1, lambda a: 2 * a, lambda a: a**3, lambda a: a**-0.5,
    lambda a: mg.clip(a, -0.5, 0.5), lambda a: mg.leaky_relu(a, 0.5), lambda a: (a >= 0).astype(float),
    lambda a: (a == 0).astype(float), lambda a: a.astype(bool).astype(float), lambda a: a.astype(int).astype(float),
    lambda a: a - a.mean(), lambda a: mg.softmax(a, 0), lambda a: a * 0 + a.max(), lambda a: mg.flip(a, 0),
)  # fmt: skip
TWO: tuple[Program, ...] = (
    lambda a, b, i, m: a + b, lambda a, b, i, m: a - b, lambda a, b, i, m: a * b, lambda a, b, i, m: a / b,
    lambda a, b, i, m: mg.maximum(a, b), lambda a, b, i, m: mg.minimum(a, b), lambda a, b, i, m: (a > b).astype(float),
    lambda a, b, i, m: (a <= b).astype(float), lambda a, b, i, m: (a == b).astype(float),
    lambda a, b, i, m: mg.where(m, a, b), lambda a, b, i, m: mg.where(i > 1, a, b), lambda a, b, i, m: a * m,
    lambda a, b, i, m: mg.where(a, b, 0.0), lambda a, b, i, m: mg.where((i == 0) | m, a, b), lambda a, b, i, m: i * a,
    lambda a, b, i, m: mg.gather(mg.stack([a, b, a * b]), i)[:, 0], lambda a, b, i, m: mg.one_hot(i, 3)[:, 0] * a,
)  # fmt: skip


def small_program(seed: int) -> Program:
    """Up to three Ops, sometimes their gradient."""

    def f(x: Any, y: Any, i: Any, m: Any) -> Any:
        rng = np.random.default_rng(seed)
        pool = [x, y, m.astype(float)]
        for _ in range(rng.integers(1, 4)):
            a, b = (pool[k] for k in rng.integers(max(0, len(pool) - 3), len(pool), 2))
            one = rng.random() < 0.5
            pool.append(ONE[rng.integers(len(ONE))](a) if one else TWO[rng.integers(len(TWO))](a, b, i, m))
        wanted = rng.random() < 0.3
        (gx,) = mg.grad(pool[-1].sum(), x, create_graph=True, allow_unused=True) if wanted else (None,)
        return pool[-1] if gx is None else gx

    return f


def points(count: int) -> list[list[Array]]:
    """Arguments; every other time of few values, so that there are ties and zeros."""
    found = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        pair = [rng.integers(-2, 3, 2) / 2 if seed % 2 else rng.standard_normal(2) for _ in range(2)]
        found.append([*pair, rng.integers(0, 3, 2), rng.random(2) < 0.5])
    return found


def test_programs_of_one_normal_form_have_one_value() -> None:
    symbols = [
        mg.tensor(np.zeros(2, dtype), name=name) for name, dtype in zip("xyim", (float, float, int, bool), strict=True)
    ]
    lemmas, tried = Lemmas(symbols, (), 10**12), points(24)
    forms: dict[Any, list[list[Array]]] = defaultdict(list)
    for seed in range(int(os.environ.get("MINIGRAD_FUZZ", "400")) * 3):
        graph = mg.trace(small_program(seed), *symbols)
        lemmas.inputs = [lemmas._input(x, i) for i, x in enumerate(graph.inputs)]
        lemmas.algebra.limit = lemmas.algebra.work + 20_000
        try:
            (form,) = lemmas.outputs(graph, [np.full(node.shape, None, object) for node in graph.nodes])
        except (TooMuchWork, RecursionError):
            continue
        forms[tuple(form.flat)].append([defined_value(graph, arguments) for arguments in tried])
    several = [values for values in forms.values() if len(values) > 1]
    assert sum(map(len, several)) > 400
    for first, *others in several:
        for other in others:
            for a, b in zip(first, other, strict=True):
                both = np.isfinite(a) & np.isfinite(b)
                assert np.abs(a - b)[both].max(initial=0) <= 1e-6 * max(np.abs(a)[both].max(initial=0), 1e-3)


def defined_value(graph: mg.Graph, arguments: list[Array]) -> Array:
    """The result, NaN where an operation on the way was outside its domain."""
    values = run_real(graph, arguments)
    allowed = all(np.isfinite(v).all() for v in values)
    return values[places(graph)[0]] * (1.0 if allowed else np.nan)
