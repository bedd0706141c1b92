"""`minigrad draw`: the graph of a run's loss, or of the result of a user's function, as a picture."""

import argparse
from pathlib import Path
from typing import Any

import viz
from minigrad.cli import console
from minigrad.cli.functions import called
from minigrad.errors import UsageError
from minigrad.graph import Graph
from minigrad.tensor import Tensor


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command."""
    parser = subparsers.add_parser(
        "draw",
        help="draw a graph",
        description="Draws the graph of a run's loss on one held-out caption, or that of the Tensor, Graph or compiled "
        "function which a function without arguments returns; its module is found from the current folder.",
    )
    parser.add_argument("what", metavar="RUN|MODULE:FUNCTION", help="the folder of a run, or as in examples.net:loss")
    out = "where to: .svg, .html, .dot, .json or .txt (graph.svg)"
    parser.add_argument("-o", "--out", type=Path, default=Path("graph.svg"), metavar="FILE", help=out)
    parser.add_argument("--view", choices=("forward", "backward", "both"), help="passes to show (those that are there)")
    fold = "time steps as boxes, one for all, loops found, nothing (auto: what is too large)"
    parser.add_argument("--fold", choices=("auto", "steps", "rolled", "repeats", "none"), default="auto", help=fold)
    expand = "a time step that stays open with --fold steps; may be given again"
    parser.add_argument("--expand", type=int, action="append", default=[], metavar="STEP", help=expand)
    parser.add_argument("--depth", type=int, metavar="N", help="levels of modules that stay open")
    backward = "each gradient as one box, or all its operations (gradients)"
    parser.add_argument("--backward", choices=("gradients", "ops"), default="gradients", help=backward)
    parser.add_argument("--labels", action="store_true", help="shapes on the edges")
    engine = "who places the boxes (auto: lanes where there are time steps, else layers)"
    parser.add_argument("--engine", choices=("auto", "lanes", "layered", "graphviz"), default="auto", help=engine)
    parser.add_argument("--title", default="", help="the heading")
    color = "what colours tell: kind, bytes, flops, ms, value_norm, grad_norm, check (kind)"
    parser.add_argument("--color", default="kind", metavar="NAME", help=color)
    parser.add_argument("--data", metavar="DIR", help="where the run's data is now")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Writes the picture."""
    graph = of_function(arguments.what) if ":" in arguments.what else of_run(arguments.what, arguments.data)
    names = ("view", "expand", "depth", "backward", "labels", "engine", "title", "color")
    options = {name: getattr(arguments, name) for name in names}
    viz.draw(graph, arguments.out, fold=None if arguments.fold == "none" else arguments.fold, **options)
    if arguments.json:
        console.say_json({"written": str(arguments.out), "nodes": len(graph)})
    else:
        console.say(f"{arguments.out}: {len(graph)} nodes")
    return 0


def of_run(folder: str, data: str | None) -> Graph:
    """The graph of the loss of a run's captioner, with the parameters it has now."""
    from minigrad.cli.results import loss_graph  # these need packages that a drawing does not
    from minigrad.cli.sources import elsewhere, open_source
    from models.training import Run

    run = Run.open(folder)
    return loss_graph(run.trained(console.warn), open_source(elsewhere(run.source, data)))


def of_function(name: str) -> Graph:
    """The graph of what `module:function` returns."""
    result = called(name)
    if isinstance(result, Tensor):
        return Graph.of(result)
    graph = result if isinstance(result, Graph) else getattr(result, "graph", None)
    if isinstance(graph, Graph):
        return graph
    raise UsageError(
        f"{name} returned {type(result).__name__}; it must return a Tensor, a Graph or a compiled function"
    )
