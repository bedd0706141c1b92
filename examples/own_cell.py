"""Recurrent cells that the package does not have, as a user writes them, and what the compiler finds in their loops.

Run: python examples/own_cell.py                             what is done to the loop, pass by pass
     minigrad bench function examples.own_cell:coupled       how long it takes, beside the loop itself; or :gru
"""

from collections.abc import Callable
from typing import Any

import numpy as np

import minigrad as mg

Weights = dict[str, mg.Parameter]
State = tuple[Any, ...]
Cell = Callable[[Weights, Any, State], State]


def gru_step(p: Weights, x: Any, state: State) -> State:
    """Cho et al. 2014, with the reset gate applied to the product, as in PyTorch."""
    (h,) = state
    a, b = x @ p["Wx"] + p["b"], h @ p["Wh"]
    ar, az, an = mg.split(a, 3, axis=1)
    br, bz, bn = mg.split(b, 3, axis=1)
    r, z = mg.sigmoid(ar + br), mg.sigmoid(az + bz)
    n = mg.tanh(an + r * bn)
    return (n + z * (h - n),)


def coupled_step(p: Weights, x: Any, state: State) -> State:
    """One gate forgets what it does not let in; both gates peep at the cell, which is normalised before it is shown."""
    h, c = state
    i, g, o = mg.split(x @ p["Wx"] + h @ p["Wh"] + p["b"], 3, axis=1)
    i = mg.sigmoid(i + c * p["peep_i"])
    c = (1 - i) * c + i * mg.tanh(g)
    o = mg.sigmoid(o + c * p["peep_o"])
    centred = c - c.mean(axis=1, keepdims=True)
    normal = centred / mg.sqrt(mg.square(centred).mean(axis=1, keepdims=True) + 1e-5)
    return o * mg.tanh(normal * p["scale"]), c


def task(
    cell: Cell, N: int = 128, T: int = 16, W: int = 256, H: int = 512, V: int = 1004, dtype: Any = np.float32
) -> tuple[Callable[..., Any], Any, Any]:
    """Loss and gradients of a loop over words with scores at each step; and what to call that with."""
    rng = np.random.default_rng(0)
    shapes = {"We": (V, W), "Wx": (W, 3 * H), "Wh": (H, 3 * H), "b": (3 * H,), "Wv": (H, V)}
    shapes |= dict.fromkeys(("peep_i", "peep_o", "scale"), (H,)) if cell is coupled_step else {}
    p = {k: mg.Parameter((rng.normal(size=s) / s[0] ** 0.5).astype(dtype), k) for k, s in shapes.items()}

    def loss_and_gradients(h0: Any, words: Any) -> Any:
        x = mg.embedding(words[:, :-1], p["We"])
        state = (h0,) if cell is gru_step else (h0, h0)
        shown = []
        for t in range(T):
            with mg.scope("cell", step=t):
                state = cell(p, x[:, t], state)
            shown.append(state[0])
        loss = mg.softmax_cross_entropy(mg.stack(shown, 1) @ p["Wv"], words[:, 1:])
        return loss, mg.grad(loss, list(p.values()))

    return loss_and_gradients, rng.normal(size=(N, H)).astype(dtype), rng.integers(0, V, (N, T + 1))


def gru() -> tuple[Any, ...]:
    """The step with gated recurrent units."""
    return task(gru_step)


def coupled() -> tuple[Any, ...]:
    """The step with coupled gates."""
    return task(coupled_step)


if __name__ == "__main__":
    f, h0, words = coupled()
    step = mg.compile(f)
    step(h0, words)
    print(step.explain())
