"""Exports graphs as programs of others: an ONNX model, a function of JAX. Each format has one table and one walk.

The packages are imported when first asked for: `import minigrad` neither needs nor loads them.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from minigrad.errors import MissingPackageError
from minigrad.graph import Graph


def to_onnx(
    graph: Graph, path: str | Path | None = None, outputs: Sequence[str] = (), about: Mapping[str, str] | None = None
) -> Any:
    """The graph as an `onnx.ModelProto`, also written to a file if a path is given.

    `outputs` are names for its outputs; `about` is kept as metadata. Parameters and constants become initializers with
    their present values; sizes are those the graph was traced with. ExportError for what ONNX cannot express.
    """
    onnx_model = part("onnx.model", "onnx")
    model = onnx_model.model(graph, outputs, about or {})
    if path is not None:
        onnx_model.write(model, Path(path))
    return model


def to_jax(graph: Graph) -> Callable[..., tuple[Any, ...]]:
    """The graph as a function of JAX arrays that returns a tuple of its outputs, for `jax.jit`, `jax.grad`, `jax.vmap`.

    The values of parameters are read when it is called or compiled: what is to change or to be differentiated must be
    among the graph's inputs (`Graph([*graph.inputs, *parameters], graph.outputs)`). JAX computes in single precision
    unless told otherwise (`jax_enable_x64`).
    """
    function: Callable[..., tuple[Any, ...]] = part("jax.function", "jax").Function(graph)
    return function


def part(name: str, extra: str) -> ModuleType:
    """A module of this package; MissingPackageError if what it imports is not installed."""
    try:
        return import_module(f"minigrad.export.{name}")
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if package in ("minigrad", ""):
            raise
        raise MissingPackageError(
            f"the package {package} is not installed: python -m pip install 'minigrad[{extra}]'", name=package
        ) from None
