"""The compiler finds structure, not models: cells that exist nowhere in the package get the same treatment."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_compiler import agree, products

import minigrad as mg
from minigrad.op import Array

ROOT = Path(__file__).resolve().parents[1]
N, T, W, H, V = 4, 6, 3, 5, 7
Weights = dict[str, mg.Parameter]


def gru(p: Weights, x: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
    """Cho et al. 2014, with the reset gate applied to the product, as in PyTorch."""
    (h,) = state
    a, b = x @ p["Wx"] + p["b"], h @ p["Wh"]
    r, z = mg.sigmoid(a[:, :H] + b[:, :H]), mg.sigmoid(a[:, H : 2 * H] + b[:, H : 2 * H])
    n = mg.tanh(a[:, 2 * H :] + r * b[:, 2 * H :])
    return (n + z * (h - n),)


def coupled(p: Weights, x: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
    """One gate forgets what it does not let in; both gates peep at the cell, which is normalised before it is shown."""
    h, c = state
    a = x @ p["Wx"] + h @ p["Wh"] + p["b"]
    i = mg.sigmoid(a[:, :H] + c * p["peep_i"])
    c = (1 - i) * c + i * mg.tanh(a[:, H : 2 * H])
    o = mg.sigmoid(a[:, 2 * H :] + c * p["peep_o"])
    centred = c - c.mean(axis=1, keepdims=True)
    normal = centred / mg.sqrt(mg.square(centred).mean(axis=1, keepdims=True) + 1e-5)
    return o * mg.tanh(normal * p["scale"]), c


CELLS: dict[str, tuple[Callable[..., Any], int]] = {"gru": (gru, 1), "coupled": (coupled, 2)}


def loss_and_gradients(name: str, steps: int = T) -> tuple[Callable[..., Any], Array, Array]:
    """Of a loop over words with scores at each step, as a user writes it."""
    cell, states = CELLS[name]
    rng = np.random.default_rng(0)
    shapes = {"We": (V, W), "Wx": (W, 3 * H), "Wh": (H, 3 * H), "b": (3 * H,), "Wv": (H, V)}
    shapes |= dict.fromkeys(("peep_i", "peep_o", "scale"), (H,)) if states == 2 else {}
    p = {k: mg.Parameter(rng.normal(size=s), k) for k, s in shapes.items()}

    def f(h0: Any, words: Any) -> Any:
        x = mg.embedding(words[:, :-1], p["We"])
        state = (h0, h0 * 0)[:states]
        shown = []
        for t in range(steps):
            state = cell(p, x[:, t], state)
            shown.append(state[0])
        loss = mg.softmax_cross_entropy(mg.stack(shown, 1) @ p["Wv"], words[:, 1:])
        return loss, mg.grad(loss, list(p.values()))

    return f, rng.normal(size=(N, H)), rng.integers(0, V, (N, steps + 1))


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", CELLS)
def test_a_cell_unknown_to_the_package_compiles_to_the_same_values(name: str, workers: int) -> None:
    f, h0, words = loss_and_gradients(name)
    agree(mg.compile(f, workers=workers)(h0, words), f(h0, words))


@pytest.mark.parametrize("name", CELLS)
def test_only_its_recurrence_stays_in_the_loop(name: str) -> None:
    # By hand. Left in the loop h @ Wh, T times, and its gradient, once less, as nobody asks for that of h0. Once each:
    # all x @ Wx, the scores, the gradients of the scores' h, of x, Wx and Wv. Twice that of Wh: of the states shown,
    # which lie in one piece of memory, and of h0.
    f, h0, words = loss_and_gradients(name)
    compiled = mg.compile(f, workers=1)
    compiled(h0, words)
    assert products(compiled.traced) > 6 * T
    assert products(compiled.graph) == T + (T - 1) + 6 + 2


def test_no_file_of_the_compiler_knows_a_model() -> None:
    words = re.compile(r"\b(lstm|rnn|gru|captioner|cell|gate|hidden|squeezenet|generator)s?\b", re.IGNORECASE)
    for path in (ROOT / "minigrad/compiler").glob("*.py"):
        found = [w for w in words.findall(path.read_text(encoding="utf-8")) if w.lower() not in ("cell", "generator")]
        assert not found, (path.name, found)
