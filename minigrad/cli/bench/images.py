"""SqueezeNet's scores and their gradient with respect to the pictures: ours compiled, and PyTorch's (channels-last)."""

from argparse import ArgumentParser, Namespace
from functools import partial
from typing import Any

import numpy as np

from minigrad.cli.bench.benchmark import Benchmark, Contestant, Work
from minigrad.errors import UsageError
from minigrad.op import Array

HELP = "SqueezeNet 1.1: scores and their gradient by the pictures"


def add_options(parser: ArgumentParser) -> None:
    """Adds the options for the number and size of pictures."""
    group = parser.add_argument_group("the pictures")
    group.add_argument("--batch", type=int, default=1, metavar="N", help="how many (1)")
    group.add_argument("--size", type=int, default=224, metavar="PX", help="their height and width (224)")


def benchmark(arguments: Namespace) -> Benchmark:
    """Our gradient against PyTorch's, with random weights (not differentiated) and random pictures."""
    n, size, threads = arguments.batch, arguments.size, arguments.threads
    if n < 1 or size < 32:
        raise UsageError("--batch must be at least 1, --size at least 32")
    contestants = (("minigrad", "minigrad", gradient), ("torch channels-last", "torch", torch_gradient))
    return Benchmark(
        f"SqueezeNet 1.1, forward and gradient of the input: N={n} at {size} × {size} float32",
        tuple(Contestant(name, package, partial(prepare, n, size, threads)) for name, package, prepare in contestants),
        calls=15,
    )


def pictures(n: int, size: int) -> Array:
    """Random pictures (N, 3, size, size)."""
    return np.random.default_rng(0).normal(size=(n, 3, size, size)).astype(np.float32)


def gradient(n: int, size: int, threads: int) -> Work:
    """Our computation."""
    import minigrad as mg
    from models.squeezenet import SqueezeNet

    network = SqueezeNet()

    def scores_and_gradient(x: Any) -> Any:
        scores = network(x)
        return scores, mg.grad(scores[:, 0].sum(), x)

    compiled, x = mg.compile(scores_and_gradient, workers=threads), pictures(n, size)
    return lambda: compiled(x)


def torch_gradient(n: int, size: int, threads: int) -> Work:
    """PyTorch's computation."""
    import torch

    torch.set_num_threads(threads)
    network = torch_squeezenet().to(memory_format=torch.channels_last)
    x = torch.tensor(pictures(n, size)).contiguous(memory_format=torch.channels_last)

    def work() -> object:
        leaf = x.detach().requires_grad_()
        scores = network(leaf)
        return scores, torch.autograd.grad(scores[:, 0].sum(), leaf)

    return work


def torch_squeezenet() -> Any:
    """The network in PyTorch."""
    import torch
    from torch import nn

    from models.squeezenet import FIRES

    class Fire(nn.Module):  # type: ignore[misc,unused-ignore]
        """The same block as ours."""

        def __init__(self, inputs: int, squeezed: int, expanded: int) -> None:
            super().__init__()
            self.squeeze = nn.Conv2d(inputs, squeezed, 1)
            self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
            self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

        def forward(self, x: Any) -> Any:
            """Maps (N, inputs, H, W) to (N, 2 · expanded, H, W)."""
            x = self.squeeze(x).relu()
            return torch.cat([self.expand1x1(x).relu(), self.expand3x3(x).relu()], 1)

    fires, pool = [Fire(*channels) for channels in FIRES], nn.MaxPool2d(3, 2, ceil_mode=True)
    features = [nn.Conv2d(3, 64, 3, 2), nn.ReLU(), pool, *fires[:2], pool, *fires[2:4], pool, *fires[4:]]
    classifier = [nn.Conv2d(512, 1000, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*features, *classifier).requires_grad_(False)
