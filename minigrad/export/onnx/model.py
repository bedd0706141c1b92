"""A graph as an ONNX model: every node by its rule, under our names. Imports the table, and onnx."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
from onnx import ModelProto, ValueInfoProto, helper

from minigrad.errors import ExportError, UsageError
from minigrad.export.onnx.emit import Emit, onnx_dtype
from minigrad.export.onnx.table import CANNOT, OPSET, TABLE
from minigrad.export.rules import rule_for, told
from minigrad.files import write_whole
from minigrad.graph import Graph
from minigrad.tensor import Tensor

IR_VERSION = 8  # the one that belongs to the operator set: older readers take it too


def model(graph: Graph, outputs: Sequence[str], about: Mapping[str, str]) -> ModelProto:
    """The model, as ONNX's checker accepts it; `outputs` has a name for each output of the graph, or none at all."""
    if outputs and len(outputs) != len(graph.outputs):
        raise UsageError(f"{len(outputs)} names for {len(graph.outputs)} outputs")
    emit = Emit()
    known = leaves(emit, graph)
    wanted = [emit.values(named) for named in outputs or (y.name or "output" for y in graph.outputs)]
    own = {id(y): named for named, y in reversed([*zip(wanted, graph.outputs, strict=True)])}
    for node in graph.nodes:
        if id(node) not in known:
            known[id(node)] = written(emit, node, known, own.get(id(node), ""))
    for named, y in zip(wanted, graph.outputs, strict=True):
        if known[id(y)] != named:  # an input, a parameter, or the second time that it is an output
            emit.nodes.append(helper.make_node("Identity", [known[id(y)]], [named], emit.labels(named)))
    made = helper.make_model(
        helper.make_graph(
            emit.nodes,
            "minigrad",
            [described(known[id(x)], x) for x in graph.inputs],
            [described(named, y) for named, y in zip(wanted, graph.outputs, strict=True)],
            emit.initializers,
            value_info=[described(known[id(x)], x) for x in graph.nodes if x.op is not None and id(x) not in own],
        ),
        producer_name="minigrad",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    helper.set_model_props(made, dict(about))
    return checked(made)


def leaves(emit: Emit, graph: Graph) -> dict[int, str]:
    """Names of inputs, parameters and constants, by id. They are given first, so that none is numbered."""
    for node in graph.nodes:
        refuse_dtype(node)
    known = {id(x): emit.values(x.name or "input") for x in graph.inputs}
    for x in graph.nodes:
        if x.op is None and id(x) not in known:
            known[id(x)] = emit.initializer(x.numpy(), x.name or path_of(x, "constant"))
    return known


def written(emit: Emit, node: Tensor, known: dict[int, str], wanted: str) -> str:
    """Adds the nodes for one of ours; returns the name of its value, which is `wanted` if it is an output."""
    rule = rule_for(node, TABLE, CANNOT, "ONNX")
    emit.writing(node, path_of(node, node.name or type(node.op).__name__))
    return emit.finished(rule(emit, node.op, *(known[id(x)] for x in node.inputs)), wanted)


def path_of(node: Tensor, last: str) -> str:
    """The scope of a node as a path, `captioner/cell/t=3/h`, by which viewers group nodes."""
    return "/".join([*str(node.scope).replace(".", "/").split(), last])


def refuse_dtype(node: Tensor) -> None:
    """ExportError for dtypes with which ONNX cannot compute, such as complex ones."""
    if node.dtype.kind not in "fiub":
        raise ExportError(f"ONNX's operators do not compute with {node.dtype}: {told(node)}")


def described(name: str, x: Tensor) -> ValueInfoProto:
    """A name with its dtype and shape."""
    return helper.make_tensor_value_info(name, onnx_dtype(x.dtype), x.shape)


def checked(proto: ModelProto) -> ModelProto:
    """The model; ExportError if ONNX's own checker refuses it, as it does products of short integers."""
    try:
        onnx.checker.check_model(proto, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError(f"ONNX's checker refuses the graph: {' '.join(str(error).split())}") from None
    return proto


def write(proto: ModelProto, path: Path) -> None:
    """Writes the file, whole or not at all."""
    write_whole(path, proto.SerializeToString())
