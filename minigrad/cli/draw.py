"""`minigrad draw`: the graph of a run's loss, or of what a function of the user's returns, as a picture."""

import argparse
import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import viz
from minigrad.cli import console
from minigrad.errors import UsageError
from minigrad.graph import Graph
from minigrad.tensor import Tensor


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command."""
    parser = subparsers.add_parser(
        "draw",
        help="draw a graph",
        description="Draws the graph of a run's loss on one held-out caption, or that of the Tensor or Graph which a "
        "function without arguments returns; its module is found from the current folder.",
    )
    parser.add_argument("what", metavar="RUN|MODULE:FUNCTION", help="the folder of a run, or as in examples.net:loss")
    out = "where to: .svg, .html, .dot, .json or .txt (graph.svg)"
    parser.add_argument("-o", "--out", type=Path, default=Path("graph.svg"), metavar="FILE", help=out)
    parser.add_argument("--view", choices=("forward", "backward", "both"), help="passes to show (those that are there)")
    fold = "time steps as boxes, one for all, loops found, nothing (auto: what is too large)"
    parser.add_argument("--fold", choices=("auto", "steps", "rolled", "repeats", "none"), default="auto", help=fold)
    parser.add_argument("--depth", type=int, metavar="N", help="levels of modules that stay open")
    color = "what colours tell: kind, bytes, flops, ms, value_norm, grad_norm, check (kind)"
    parser.add_argument("--color", default="kind", metavar="NAME", help=color)
    parser.add_argument("--data", metavar="DIR", help="where the run's data is now")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Writes the picture."""
    graph = of_function(arguments.what) if ":" in arguments.what else of_run(arguments.what, arguments.data)
    fold = None if arguments.fold == "none" else arguments.fold
    options = {"view": arguments.view, "fold": fold, "depth": arguments.depth, "color": arguments.color}
    viz.draw(graph, arguments.out, **options)
    if arguments.json:
        console.say_json({"written": str(arguments.out), "nodes": len(graph)})
    else:
        console.say(f"{arguments.out}: {len(graph)} nodes")
    return 0


def of_run(folder: str, data: str | None) -> Graph:
    """The loss of a run's captioner, trained as far as it is."""
    from minigrad.cli.results import loss_graph  # these need packages that a drawing does not
    from minigrad.cli.sources import elsewhere, open_source
    from models.training import Run

    run = Run.open(folder)
    return loss_graph(run.trained(console.warn), open_source(elsewhere(run.source, data)))


def of_function(name: str) -> Graph:
    """The graph that `module:function` returns."""
    result = called(name)
    if isinstance(result, Tensor):
        return Graph.of(result)
    if isinstance(result, Graph):
        return result
    raise UsageError(f"{name} returned {type(result).__name__}; it must return a Tensor or a Graph")


def called(name: str) -> Any:
    """What the function returns; what it raises is the user's to see, traceback and all."""
    found = function(name)
    try:
        inspect.signature(found).bind()
    except TypeError as error:
        raise UsageError(f"{name} cannot be called without arguments ({error})") from None
    except ValueError:
        pass  # a builtin function that does not tell its parameters
    return found()


def function(name: str) -> Callable[[], Any]:
    """The function that `module:function` names, imported with the current folder on the path."""
    module, _, attribute = name.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), attribute)):
        raise UsageError(f"{name} is neither a run's folder nor of the form module:function, as in examples.net:loss")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except ModuleNotFoundError as error:
        raise UsageError(f"{name}: there is no module {error.name!r}, neither installed nor in {Path.cwd()}") from None
    if not callable(found):
        raise UsageError(f"{name}: the module {module} has no function {attribute!r}")
    return found  # type: ignore[no-any-return]
