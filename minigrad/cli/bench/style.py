"""An iteration of style transfer (losses, gradient, Adam): ours compiled, and PyTorch's in channels-last memory."""

from argparse import ArgumentParser, Namespace
from functools import partial
from typing import Any

import numpy as np

from minigrad.cli.bench.benchmark import Benchmark, Contestant, Work
from minigrad.cli.bench.images import torch_squeezenet
from minigrad.errors import UsageError
from minigrad.op import Array

HELP = "an iteration of style transfer by SqueezeNet 1.1"
LR, BOUND = 3.0, 1.5


def add_options(parser: ArgumentParser) -> None:
    """Adds the option for the picture's size."""
    group = parser.add_argument_group("the picture")
    group.add_argument("--size", type=int, default=192, metavar="PX", help="its height and width (192)")


def benchmark(arguments: Namespace) -> Benchmark:
    """Our iteration against PyTorch's, with random weights and pictures."""
    size, threads = arguments.size, arguments.threads
    if size < 64:
        raise UsageError("--size must be at least 64")
    contestants = (("minigrad", "minigrad", iteration), ("torch channels-last", "torch", torch_iteration))
    return Benchmark(
        f"style transfer, an iteration: losses, gradient, Adam; {size} × {size} float32",
        tuple(Contestant(name, package, partial(prepare, size, threads)) for name, package, prepare in contestants),
        calls=15,
    )


def picture(size: int, seed: int) -> Array:
    """A random picture (1, 3, size, size): seed 0 for the content, 1 for the painting."""
    return np.random.default_rng(seed).normal(size=(1, 3, size, size)).astype(np.float32)


def iteration(size: int, threads: int) -> Work:
    """Our iteration, as `models.style_transfer` computes it."""
    import minigrad as mg
    from models.image_optimisation import differentiated, summed
    from models.squeezenet import SqueezeNet
    from models.style_transfer import Style, objective

    x = mg.Parameter(picture(size, 0))
    terms, constants = objective(SqueezeNet(), x.numpy(), picture(size, 1), Style())
    program = differentiated(lambda x, *c: summed(terms(x, *c)), workers=threads)
    optimizer = mg.optim.Adam([x], LR)

    def work() -> None:
        np.clip(x.numpy(), -BOUND, BOUND, out=x.changing())
        _, gradient = program(x.numpy(), *constants)
        x.grad = mg.from_numpy(gradient)
        optimizer.step()

    return work


def torch_iteration(size: int, threads: int) -> Work:
    """PyTorch's iteration, with the same layers and terms."""
    import torch

    from models.style_transfer import Style

    torch.set_num_threads(threads)
    style, network = Style(), torch_squeezenet().to(memory_format=torch.channels_last)
    names = (style.content_layer, *style.style_layers)
    numbers = [int(name.removeprefix("features.")) for name in names]

    def activations(x: Any) -> list[Any]:
        found = []
        for layer in network[: max(numbers) + 1]:
            x = layer(x)
            found.append(x)
        return [found[i] for i in numbers]

    def gram(features: Any) -> Any:
        rows = features.flatten(2)
        return rows @ rows.mT / rows[0].numel()

    def channels_last(seed: int) -> Any:
        return torch.tensor(picture(size, seed)).contiguous(memory_format=torch.channels_last)

    x, wanted = channels_last(0).requires_grad_(), activations(channels_last(0))[0]
    grams = [gram(features) for features in activations(channels_last(1))[1:]]
    weights = [style.content_weight / wanted.square().sum(), style.tv_weight / x.numel()]
    style_weights = [w / g.square().sum() for w, g in zip(style.style_weights, grams, strict=True)]
    optimizer = torch.optim.Adam([x], LR)

    def work() -> None:
        with torch.no_grad():
            x.clamp_(-BOUND, BOUND)
        content, *layers = activations(x)
        loss = weights[0] * (content - wanted).square().sum()
        for weight, layer, a in zip(style_weights, layers, grams, strict=True):
            loss = loss + weight * (gram(layer) - a).square().sum()
        down, across = x[:, :, 1:] - x[:, :, :-1], x[:, :, :, 1:] - x[:, :, :, :-1]
        loss = loss + weights[1] * (down.square().sum() + across.square().sum())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return work
