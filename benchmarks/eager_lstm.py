"""The captioner's training step as the textbook writes it, one time step after another, without a compiler.

Loss and all gradients; N=128 T=16 D=512 W=256 H=512 V=1004, float32. Both peers run the same loop.
"""

from collections.abc import Callable

import numpy as np
from peers import Benchmark, main

N, T, D, W, H, V = 128, 16, 512, 256, 512, 1004
rng = np.random.default_rng(0)
SHAPES = {
    "W_embed": (V, W),
    "W_proj": (D, H),
    "b_proj": (H,),
    "Wx": (W, 4 * H),
    "Wh": (H, 4 * H),
    "b": (4 * H,),
    "W_vocab": (H, V),
    "b_vocab": (V,),
}
WEIGHTS = {k: (rng.normal(size=s) / s[0] ** 0.5).astype(np.float32) for k, s in SHAPES.items()}
FEATURES = rng.normal(size=(N, D)).astype(np.float32)
CAPTIONS = rng.integers(4, V, size=(N, T + 1))


def minigrad() -> Callable[[], object]:
    import models

    captioner = models.Captioner("lstm", V, D, W, H, dtype=np.float32)
    captioner.load_state_dict({f"cell.{k}" if k in ("Wx", "Wh", "b") else k: v for k, v in WEIGHTS.items()})

    def work() -> float:
        captioner.zero_grad()
        loss = captioner.loss(FEATURES, CAPTIONS)
        loss.backward()
        return float(loss)

    return work


def pytorch() -> Callable[[], object]:
    import torch
    from torch.nn.functional import cross_entropy, embedding

    torch.set_num_threads(torch.get_num_threads())
    p = {k: torch.tensor(v, requires_grad=True) for k, v in WEIGHTS.items()}
    features, captions = torch.tensor(FEATURES), torch.tensor(CAPTIONS)

    def step(x: torch.Tensor, h: torch.Tensor, c: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        a = x @ p["Wx"] + h @ p["Wh"] + p["b"]
        i, f, o = torch.sigmoid(a[:, : 3 * H]).chunk(3, 1)
        c = f * c + i * torch.tanh(a[:, 3 * H :])
        return o * torch.tanh(c), c

    def work() -> float:
        for weight in p.values():
            weight.grad = None
        words = embedding(captions[:, :-1], p["W_embed"])
        h, c = features @ p["W_proj"] + p["b_proj"], torch.zeros(N, H)
        states = []
        for t in range(T):
            h, c = step(words[:, t], h, c)
            states.append(h)
        scores = torch.stack(states, 1) @ p["W_vocab"] + p["b_vocab"]
        loss = cross_entropy(scores.reshape(N * T, V), captions[:, 1:].reshape(-1), reduction="sum") / N
        loss.backward()
        return float(loss)

    return work


if __name__ == "__main__":
    title = f"eager unrolled LSTM captioner step: N={N} T={T} D={D} W={W} H={H} V={V} float32, loss and all gradients"
    main(Benchmark(title, {"minigrad": minigrad, "pytorch": pytorch}, calls=10))
