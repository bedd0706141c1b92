"""An iteration of the deep convolutional GAN, batch 128: a step of the discriminator and one of the generator.

Beside the same networks in eager PyTorch, with as many threads, each in a process of its own, in turn. Run:
python benchmarks/dcgan.py [THREADS]
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

BATCH, NOISE, ROUNDS, CALLS = 128, 96, 3, 5


def ours(threads: int) -> Callable[[], Any]:
    """Compiled steps, and Adam."""
    import tempfile
    from pathlib import Path

    from minigrad.compiler.parallel import one_blas_thread
    from models.data.mnist import Digits
    from models.training.adversarial import GanRun, GanSettings, GanTraining

    images = np.random.default_rng(0).integers(0, 256, (BATCH, 28, 28), np.uint8)
    settings = GanSettings(networks="convolutional", threads=threads)
    run = GanRun.create(Path(tempfile.mkdtemp()) / "run", settings, "random")
    training = GanTraining(run, Digits(images, np.zeros(BATCH, np.uint8)), print)
    batch = training.digits.rows()

    def step() -> Any:
        with one_blas_thread():  # as in the loop: the threads are ours
            return training._step(batch)

    return step


def torchs(threads: int) -> Callable[[], Any]:
    """The course's layers in PyTorch."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    discriminator = nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 32, 5), nn.LeakyReLU(0.01), nn.MaxPool2d(2, 2),
        nn.Conv2d(32, 64, 5), nn.LeakyReLU(0.01), nn.MaxPool2d(2, 2), nn.Flatten(),
        nn.Linear(1024, 1024), nn.LeakyReLU(0.01), nn.Linear(1024, 1),
    )  # fmt: skip
    generator = nn.Sequential(
        nn.Linear(NOISE, 1024), nn.ReLU(), nn.BatchNorm1d(1024), nn.Linear(1024, 6272), nn.ReLU(), nn.BatchNorm1d(6272),
        nn.Unflatten(1, (128, 7, 7)), nn.ConvTranspose2d(128, 64, 4, 2, 1), nn.ReLU(), nn.BatchNorm2d(64),
        nn.ConvTranspose2d(64, 1, 4, 2, 1), nn.Tanh(), nn.Flatten(),
    )  # fmt: skip
    adams = [torch.optim.Adam(m.parameters(), 1e-3, (0.5, 0.999)) for m in (discriminator, generator)]
    bce, real = nn.functional.binary_cross_entropy_with_logits, torch.rand(BATCH, 784) * 2 - 1
    one, zero = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)

    def step() -> tuple[float, float]:
        adams[0].zero_grad()
        fake = generator(torch.rand(BATCH, NOISE) * 2 - 1).detach()
        loss = bce(discriminator(real), one) + bce(discriminator(fake), zero)
        loss.backward()
        adams[0].step()
        adams[1].zero_grad()
        other = bce(discriminator(generator(torch.rand(BATCH, NOISE) * 2 - 1)), one)
        other.backward()
        adams[1].step()
        return loss.item(), other.item()

    return step


CONTESTANTS = {"minigrad": ours, "torch": torchs}


def contest(name: str, threads: int) -> None:
    """Prints the milliseconds of some calls."""
    step = CONTESTANTS[name](threads)
    for _ in range(2):
        step()
    times = []
    for _ in range(CALLS):
        start = time.perf_counter()
        step()
        times.append(1e3 * (time.perf_counter() - start))
    print(*times)


def main(threads: int) -> None:
    """Each in turn, several rounds; the least and the median of all calls."""
    times: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    for _ in range(ROUNDS):
        for name, found in times.items():
            words = [sys.executable, __file__, name, str(threads)]
            found += map(float, subprocess.run(words, capture_output=True, text=True, check=True).stdout.split())
    for name, found in times.items():
        print(f"{name:9} {min(found):7.1f} ms ({statistics.median(found):.1f}), {threads} threads")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        contest(sys.argv[1], int(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
