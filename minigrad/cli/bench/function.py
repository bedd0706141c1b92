"""Benchmarks a function of the user's: compiled against eager, with the floor of its matrix products."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import Any

from minigrad.cli.bench.benchmark import Benchmark, Contestant, Work
from minigrad.cli.functions import called
from minigrad.errors import UsageError

HELP = "a function of yours: compiled, eagerly, and what its matrix products alone would take"


def add_options(parser: ArgumentParser) -> None:
    """Adds the argument that names the function."""
    parser.add_argument(
        "name",
        metavar="MODULE:FUNCTION",
        help="called without arguments, it returns a function to compile and the arguments to call that with; its "
        "module is found from the current folder",
    )
    parser.add_argument("--calls", type=int, metavar="N", default=15, help="in each process (15)")


def benchmark(arguments: Namespace) -> Benchmark:
    """The compiled function against the eager one."""
    import numpy as np

    import minigrad as mg
    from minigrad.measure import product_flops

    f, given = function_and_arguments(arguments.name)

    def compiled() -> Work:
        step = mg.compile(f)  # one worker for small work, else one for each core that this process is bound to
        return lambda: step(*given)

    def eager() -> Work:
        tensors = [mg.from_numpy(x) if isinstance(x, np.ndarray) else x for x in given]
        return lambda: f(*tensors)

    contestants = Contestant("minigrad", "minigrad", compiled), Contestant("minigrad eager", "minigrad", eager)
    flops = product_flops(mg.trace(f, *given))
    return Benchmark(f"function: {arguments.name}", contestants, arguments.calls, flops=flops)


def function_and_arguments(name: str) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """What `module:function` returns. Raises UsageError if that is not a function and its arguments."""
    found = called(name)
    if isinstance(found, tuple) and found and callable(found[0]):
        return found[0], found[1:]
    raise UsageError(f"{name} must return a function and its arguments, as a tuple, not {type(found).__name__}")
