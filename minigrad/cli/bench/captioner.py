"""The captioner's training step: ours, compiled from the unrolled loop or eager, compared with other packages."""

from argparse import ArgumentParser, Namespace
from functools import partial
from typing import Any

from minigrad.cli.bench import captioner_numpy, captioner_torch
from minigrad.cli.bench.benchmark import Benchmark, Contestant, Work
from minigrad.cli.bench.task import FEATURES, HIDDEN, VOCABULARY, WORD, Task
from minigrad.errors import UsageError

HELP = "the captioner's training step: loss and all gradients"


def add_options(parser: ArgumentParser) -> None:
    """Adds the options for the cell, the sizes, with or without the update, compiled or eager."""
    group = parser.add_argument_group("the step")
    group.add_argument("--cell", choices=("lstm", "rnn"), default="lstm", help="the recurrence (lstm)")
    group.add_argument("--batch", type=int, default=128, metavar="N", help="captions in a step (128)")
    group.add_argument("--steps", type=int, default=16, metavar="T", help="words of a caption (16)")
    group.add_argument("--adam", action="store_true", help="the parameters' update included")
    group.add_argument("--eager", action="store_true", help="one operation after another, peers too")


def benchmark(arguments: Namespace) -> Benchmark:
    """Our compiled loop against fused layers and other compilers; or, when eager, loop against loop."""
    task = Task(arguments.cell, arguments.batch, arguments.steps, arguments.adam, arguments.eager, arguments.threads)
    if min(task.batch, task.steps) < 1:
        raise UsageError("--batch and --steps must be at least 1")
    loop = captioner_numpy.autograd_loop
    if task.eager:
        others = [("torch loop", "torch", captioner_torch.step), ("autograd loop", "autograd", loop)]
    else:
        jax = [("jax loop", "jax", captioner_numpy.jax_loop), ("jax scan", "jax", captioner_numpy.jax_scan)]
        others = [("torch layer", "torch", captioner_torch.step), *jax, ("autograd loop", "autograd", loop)]
    contestants = [("minigrad", "minigrad", step), *others]
    return Benchmark(
        f"{task.cell} captioner step{' and Adam' if task.adam else ''}, {'eager' if task.eager else 'compiled'}: "
        f"N={task.batch} T={task.steps} D={FEATURES} W={WORD} H={HIDDEN} V={VOCABULARY} float32",
        tuple(Contestant(name, package, partial(prepare, task)) for name, package, prepare in contestants),
        calls=15,
        flops=flops(task),
    )


def step(task: Task) -> Work:
    """Our training step."""
    import minigrad as mg
    from minigrad.optim import Adam
    from models import Captioner

    captioner = Captioner(task.cell, VOCABULARY, FEATURES, WORD, HIDDEN)
    parameters = captioner.parameters()
    optimizer = Adam(parameters, 1e-4)

    def differentiated(features: Any, captions: Any) -> Any:
        loss = captioner.loss(features, captions)
        return loss, mg.grad(loss, parameters)

    compiled = None if task.eager else mg.compile(differentiated, workers=task.threads)
    run, spread = (compiled, compiled.map) if compiled else (differentiated, map)
    features, captions = task.data()

    def work() -> float:
        loss, gradients = run(features, captions)
        if task.adam:
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
            optimizer.step(spread)
        return float(loss)

    return work


def flops(task: Task) -> int:
    """The operations of all products: forward, and twice as many backward, less the gradient of the features."""
    n, gates = task.batch, 4 if task.cell == "lstm" else 1
    projection = n * FEATURES * HIDDEN
    forward = projection + task.steps * n * HIDDEN * (gates * (WORD + HIDDEN) + VOCABULARY)
    return 2 * (3 * forward - projection)
