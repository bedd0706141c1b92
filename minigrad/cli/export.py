"""`minigrad export`: a trained network, or a user's graph, as an ONNX model that is tried after writing."""

import argparse
import importlib.util
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.cli import console
from minigrad.cli.draw import of_function
from minigrad.errors import UsageError
from minigrad.export import part, to_onnx
from minigrad.op import Array
from minigrad.tensor import Tensor
from models.exports import Program, Programs, captioner_programs, gan_programs, network_programs, photograph_programs

TOLERANCE = 1e-5
"""The largest relative difference allowed between onnxruntime's outputs and ours."""


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command."""
    parser = subparsers.add_parser(
        "export",
        help="write an ONNX model",
        description="Writes the captioner or the generator of a run, a network that sees pictures, or the graph that a "
        "function without arguments returns, as an ONNX model. ONNX's checker must accept it, and where onnxruntime is "
        "installed, it must compute the same; the exit code is 1 where it does not.",
    )
    source = "the folder of a run, a file of weights, or as in examples.net:graph"
    parser.add_argument("source", metavar="RUN|WEIGHTS|MODULE:FUNCTION", help=source)
    out = "where to (model.onnx)"
    parser.add_argument("-o", "--out", type=Path, default=Path("model.onnx"), metavar="FILE", help=out)
    what = (
        "of a captioner: captions, begin, step, loss, gradients, photographs; of a pair: generator, discriminator; of "
        "a network: scores, gradient (the first)"
    )
    parser.add_argument("--what", metavar="NAME", help=what)
    parser.add_argument("--batch", type=int, default=1, metavar="N", help="rows at once (1)")
    parser.add_argument("--length", type=int, default=16, metavar="T", help="words of a caption (16)")
    parser.add_argument("--size", type=int, default=224, metavar="N", help="sides of the pictures that go in (224)")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Writes the model, tries it and prints the result; returns 1 if onnxruntime computes something else."""
    if min(arguments.batch, arguments.length, arguments.size) < 1:
        raise UsageError("--batch, --length and --size must be at least 1")
    program = of_function_of_users(arguments) if ":" in arguments.source else chosen(arguments)
    model = to_onnx(program.graph, arguments.out, program.outputs, program.about)
    found = {
        "written": str(arguments.out),
        "nodes": len(model.graph.node),
        "operator_set": model.opset_import[0].version,
        "bytes": arguments.out.stat().st_size,
        "inputs": [described(x.name, a) for x, a in zip(model.graph.input, program.arguments, strict=True)],
        "outputs": [described(x.name, y) for x, y in zip(model.graph.output, program.graph.outputs, strict=True)],
        "onnx": version("onnx"),
        **tried(arguments.out, program),
    }
    if arguments.json:
        console.say_json(found)
    else:
        console.say("\n".join(in_words(found)))
    return int((found["difference"] or 0) > TOLERANCE)


def of_function_of_users(arguments: argparse.Namespace) -> Program:
    """The graph that a user's function returns, with random arguments to try it with."""
    if arguments.what is not None:
        raise UsageError(f"--what chooses among the parts of a model, and {arguments.source} is one graph")
    graph = of_function(arguments.source)
    rng = np.random.default_rng(0)
    return Program(graph, (), tuple(drawn(x, rng) for x in graph.inputs))


def drawn(x: Tensor, rng: np.random.Generator) -> Array:
    """A random argument: Gaussian numbers, or zeros for integers, which may be counts or ids."""
    kind = rng.standard_normal(x.shape) if x.dtype.kind == "f" else np.zeros(x.shape)
    return kind.astype(x.dtype)


def chosen(arguments: argparse.Namespace) -> Program:
    """The part of the model that was asked for."""
    programs = programs_of(Path(arguments.source), arguments)
    name = arguments.what or next(iter(programs))
    if name not in programs:
        raise UsageError(f"{arguments.source} has no {name!r}: --what is one of {', '.join(programs)}")
    return programs[name]()


def programs_of(path: Path, arguments: argparse.Namespace) -> Programs:
    """The parts that can be exported of a run or of weights."""
    if not path.is_dir() and path.suffix:
        from minigrad.cli.seeing import network_of  # these need packages that a graph of one's own does not

        return network_programs(network_of(path)[0], arguments.batch, arguments.size)
    from minigrad.cli.photographs import seeing
    from models.training import Run
    from models.training.adversarial import GanRun
    from models.training.folder import read_config

    if "gan" not in read_config(path, Run.command):
        run = Run.open(path)
        words = run.vocabulary.idx_to_word
        sizes = arguments.batch, arguments.length
        if arguments.what == "photographs":
            return photograph_programs(seeing(run, None), *sizes, arguments.size, words)
        return captioner_programs(run.trained(console.warn), *sizes, words)
    pair = GanRun.open(path)
    return gan_programs(pair.trained(console.warn), pair.settings.noise_dim, arguments.batch)


def described(name: str, x: Any) -> dict[str, Any]:
    """The name, shape and dtype of an input or output."""
    return {"name": name, "shape": list(x.shape), "dtype": str(x.dtype)}


def tried(path: Path, program: Program) -> dict[str, Any]:
    """The largest relative difference between onnxruntime's outputs and ours; None if it is not installed."""
    if importlib.util.find_spec("onnxruntime") is None:
        return {"onnxruntime": None, "difference": None}
    differences = part("onnx.runtime", "onnx").differences(path, program.graph, program.arguments)
    return {"onnxruntime": version("onnxruntime"), "difference": max(differences)}


def in_words(found: dict[str, Any]) -> list[str]:
    """The result in words."""
    lines = [
        f"{found['written']}: {found['nodes']} nodes of operator set {found['operator_set']}, {found['bytes']:,} bytes",
        f"  the checker of onnx {found['onnx']} accepts it",
        *(
            f"  {kind[:-1]:6}  {x['name']}  {x['dtype']} {tuple(x['shape'])}"
            for kind in ("inputs", "outputs")
            for x in found[kind]
        ),
    ]
    if found["onnxruntime"] is None:
        return [*lines, "not run: python -m pip install 'minigrad[onnx]' brings onnxruntime, which would"]
    verdict = "the same" if found["difference"] <= TOLERANCE else "NOT THE SAME"
    about = f"worst relative difference {found['difference']:.1e}"
    return [*lines, f"onnxruntime {found['onnxruntime']} computes {verdict}: {about}"]
