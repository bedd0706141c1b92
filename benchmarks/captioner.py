"""The captioner's training step: ours compiled from the unrolled loop, PyTorch's with its fused recurrent layer.

Loss and all gradients, and with --adam the update; T=16 D=512 W=256 H=512 V=1004, float32. Prints the floor too: what
the step's matrix products alone take at the rate of a 2048³ product, by one call with that many BLAS threads, and by as
many calls at once with one thread each.
Run: python benchmarks/captioner.py --threads 2 [--cell rnn] [--batch 25] [--adam]
"""

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from peers import Benchmark, main

T, D, W, H, V = 16, 512, 256, 512, 1004
parser = argparse.ArgumentParser(add_help=False)
parser.add_argument("--cell", choices=("lstm", "rnn"), default="lstm")
parser.add_argument("--batch", type=int, default=128)
parser.add_argument("--adam", action="store_true")
parser.add_argument("--threads", type=int, default=1)
OPTIONS, _ = parser.parse_known_args()
N, GATES = OPTIONS.batch, 4 if OPTIONS.cell == "lstm" else 1
rng = np.random.default_rng(0)
FEATURES = rng.normal(size=(N, D)).astype(np.float32)
CAPTIONS = rng.integers(4, V, size=(N, T + 1))


def minigrad() -> Callable[[], object]:
    import minigrad as mg
    from minigrad.optim import Adam
    from models import Captioner

    captioner = Captioner(OPTIONS.cell, V, D, W, H)
    parameters = captioner.parameters()
    optimizer = Adam(parameters, 1e-4)

    def differentiated(features: mg.Tensor, captions: mg.Tensor) -> tuple[mg.Tensor, tuple[mg.Tensor, ...]]:
        loss = captioner.loss(features, captions)
        return loss, mg.grad(loss, parameters)

    step = mg.compile(differentiated, workers=OPTIONS.threads)

    def work() -> float:
        loss, gradients = step(FEATURES, CAPTIONS)
        if OPTIONS.adam:
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
            optimizer.step(step.map)
        return float(loss)

    return work


def pytorch() -> Callable[[], object]:
    import torch
    from torch import nn
    from torch.nn.functional import cross_entropy

    torch.set_num_threads(OPTIONS.threads)
    embed, project, scores = nn.Embedding(V, W), nn.Linear(D, H), nn.Linear(H, V)
    recurrent = (nn.LSTM if OPTIONS.cell == "lstm" else nn.RNN)(W, H, batch_first=True)
    parameters = [p for module in (embed, project, recurrent, scores) for p in module.parameters()]
    optimizer = torch.optim.Adam(parameters, 1e-4)
    features, captions = torch.tensor(FEATURES), torch.tensor(CAPTIONS)

    def work() -> float:
        optimizer.zero_grad()
        h = project(features)[None]
        state = (h, torch.zeros_like(h)) if OPTIONS.cell == "lstm" else h
        states, _ = recurrent(embed(captions[:, :-1]), state)
        flat = scores(states).reshape(N * T, V)
        loss = cross_entropy(flat, captions[:, 1:].reshape(-1), reduction="sum") / N
        loss.backward()
        if OPTIONS.adam:
            optimizer.step()
        return float(loss)

    return work


def flops() -> int:
    """Of all products: forward, and twice that backward, less the gradient of the features."""
    forward = N * D * H + T * N * (GATES * H * (W + H) + H * V)
    return 2 * (3 * forward - N * D * H)


def best_rate(threads: int, at_once: int) -> float:
    """Floating-point operations a second of 2048³ products, `at_once` of them, each with that many BLAS threads."""
    from threadpoolctl import threadpool_limits

    a = np.ones((2048, 2048), np.float32)
    results = [np.empty_like(a) for _ in range(at_once)]
    times = []
    with threadpool_limits(threads, "blas"), ThreadPoolExecutor(at_once) as pool:
        for _ in range(5):
            start = time.perf_counter()
            list(pool.map(lambda c: np.matmul(a, a, c), results))
            times.append(time.perf_counter() - start)
    return at_once * 2 * 2048**3 / min(times)


def floor() -> str:
    """The step's products at the rate of large ones."""
    one, each = best_rate(OPTIONS.threads, 1), best_rate(1, OPTIONS.threads)
    at = f"{1e3 * flops() / one:.1f} ms in one call, {1e3 * flops() / each:.1f} ms in {OPTIONS.threads} calls at once"
    return f"  {flops() / 1e9:.1f} GFLOP of products; at a 2048³ product's rate {at}"


if __name__ == "__main__":
    what = f"{OPTIONS.cell} captioner step{' and Adam' if OPTIONS.adam else ''}"
    title = f"{what}: N={N} T={T} D={D} W={W} H={H} V={V} float32, {OPTIONS.threads} threads"
    if main(Benchmark(title, {"minigrad": minigrad, "pytorch": pytorch}, calls=15)):
        print(floor())
