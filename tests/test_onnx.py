"""ONNX: every Op and every gradient as nodes that onnxruntime computes alike; names; what is refused.

onnxruntime is written by others in another language: beside a test of the export, this is an independent oracle for
the value of every Op, on the samples by which its gradient is checked.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_ops import DIFFERENTIABLE, EACH_OP, concrete, samples

import minigrad as mg
from minigrad.check.records import Draw, Record
from minigrad.errors import ExportError, MissingPackageError, UsageError
from minigrad.op import Array, Op, apply
from minigrad.ops import activation, conv, elementwise, logic, pool, reduce

onnx = pytest.importorskip("onnx", reason="needs onnx: python -m pip install 'minigrad[onnx]'")
pytest.importorskip("onnxruntime", reason="needs onnxruntime: python -m pip install 'minigrad[onnx]'")

from minigrad.export.onnx import runtime  # noqa: E402
from minigrad.export.onnx.table import CANNOT, TABLE  # noqa: E402

CLOSE = {"float32": 1e-6, "float64": 1e-13}

WITHOUT_FLOAT64: dict[type[Op], str] = {  # onnxruntime has these operators in single precision only
    conv.Conv2d: "Conv",
    conv.ConvWeight2d: "Conv",
    conv.ConvTranspose2d: "ConvTranspose",
    pool.AvgPoolGrad: "ConvTranspose",
    pool.AvgPool2d: "AveragePool",
}


def differences(graph: mg.Graph, arrays: list[Array]) -> list[float]:
    """How far onnxruntime is from the interpreter, for a model that the checker accepts."""
    model = mg.to_onnx(graph)
    onnx.checker.check_model(model, full_check=True)
    return runtime.differences(model.SerializeToString(), graph, arrays)  # type: ignore[no-any-return]


def applied(op: Op, *arrays: Any) -> mg.Graph:
    return mg.trace(lambda *xs: apply(op, *xs), *arrays)


def test_every_op_is_in_the_table_or_said_to_be_inexpressible() -> None:
    ops = {op for op in concrete(Op) if op.__module__.startswith("minigrad.ops.")}
    assert ops - set(TABLE) - set(CANNOT) == set(), "write rules for these Ops in minigrad/export/onnx"
    assert not set(TABLE) & set(CANNOT)


@EACH_OP
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_onnxruntime_computes_what_the_op_does(record: Record, dtype: str) -> None:
    kind = WITHOUT_FLOAT64.get(record.op) if dtype == "float64" else None
    for op, arrays in samples(record, dtype):
        if kind is None:
            assert differences(applied(op, *arrays), arrays)[0] <= CLOSE[dtype], op
        else:  # a release that has the operator should be told of
            with pytest.raises(ExportError, match=rf"Could not find an implementation for {kind}\("):
                differences(applied(op, *arrays), arrays)


@DIFFERENTIABLE
def test_gradients_are_exported_too(record: Record) -> None:
    for op, arrays in samples(record, np.float32):
        y = np.asarray(op.forward(*arrays))
        if y.dtype == np.float32:
            g = Draw(6).normal(*y.shape).astype(y.dtype)
            graph = mg.trace(lambda *xs, op=op, g=g: pulled(op, xs, g), *arrays)
            assert max(differences(graph, arrays), default=0) <= 1e-5, op


def pulled(op: Op, xs: tuple[mg.Tensor, ...], g: Array) -> list[Any]:
    """The gradients of op, weighted by g, that there are."""
    gradients = mg.grad(apply(op, *xs), [x for x in xs if x.requires_grad], mg.tensor(g), allow_unused=True)
    return [gx for gx in gradients if gx is not None]


@pytest.mark.parametrize(
    ("op", "arrays"),
    [
        (elementwise.Log1p(), [np.array([1e-10, -1e-10, np.inf, -1.0, 1e30])]),
        (activation.Softplus(), [np.array([1e3, -1e3, 0.0, 1e-8, -90.0])]),
        (activation.LeakyRelu(0.3), [np.array([0.0, np.nan, -np.inf])]),
        (elementwise.Maximum(), [np.array([np.nan, 1.0]), np.array([0.0, np.nan])]),
        (reduce.LogSumExp((0,)), [np.array([-np.inf, -np.inf])]),
        (reduce.LogSumExp((0,)), [np.array([1e4, 1e4])]),
        (logic.FloorDivide(), [np.array([1.0, -7.0, 7.0, -1.0]), np.array([0.1, 2.0, -2.0, 0.1])]),
        (logic.FloorDivide(), [np.array([7, -7, 7, -7]), np.array([2, 2, -2, -2])]),
        (elementwise.Add(), [np.array([True, False]), np.array([True, True])]),
        (elementwise.Add(), [np.array([1, 2], np.int32), np.array([1.5, 2.5], np.float32)]),
        (logic.Equal(), [np.array([1, 2]), np.array([1.0, 2.5])]),
        (logic.IsFinite(), [np.array([1, 2])]),
    ],
    ids=repr,
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_extremes_and_mixed_dtypes(op: Op, arrays: list[Array]) -> None:
    assert differences(applied(op, *arrays), arrays)[0] <= 1e-13


def test_a_compiled_graph_is_exported_with_all_that_the_passes_found() -> None:
    w = mg.tensor(np.eye(3, dtype=np.float32), requires_grad=True)
    x = Draw(0).normal(4, 2, 3).astype(np.float32)
    step = mg.compile(lambda x: mg.grad(sum(mg.tanh(x[:, t] @ w * 0.5).sum() for t in range(2)), [w]))
    step(x)
    assert len(step.graph) < len(step.traced)
    assert max(*differences(step.graph, [x]), *differences(step.traced, [x])) <= 1e-6


# names


def small_program() -> mg.Graph:
    """A module in a module, time steps, a Tensor with a name, a parameter."""

    class Inner(mg.Module):
        def __init__(self) -> None:
            self.w = mg.Parameter(np.eye(2, dtype=np.float32))

        def forward(self, x: mg.Tensor) -> Any:
            h = mg.tanh(x @ self.w)
            h.name = "h"
            return h

    class Outer(mg.Module):
        def __init__(self) -> None:
            self.cell = Inner()

        def forward(self, x: mg.Tensor) -> Any:
            for t in range(2):
                with mg.scope(step=t):
                    x = self.cell(x)
            return mg.softplus(x)

    return mg.trace(Outer(), mg.tensor(np.ones((1, 2), np.float32), name="features"))


def test_a_viewer_shows_our_names() -> None:
    model = mg.to_onnx(small_program(), outputs=["y"])
    nodes = {node.name: node for node in model.graph.node}
    assert [x.name for x in model.graph.input] == ["features"] and [y.name for y in model.graph.output] == ["y"]
    assert "outer.cell.w" in {x.name for x in model.graph.initializer}
    first, second = nodes["outer/cell/t=0/h"], nodes["outer/cell/t=1/MatMul"]
    assert (first.op_type, list(first.output), first.doc_string) == ("Tanh", ["outer/cell/t=0/h"], "Tanh()")
    assert list(second.input) == ["outer/cell/t=0/h", "outer.cell.w"]
    assert {"outer/Softplus", "outer/Softplus/Exp", "outer/Softplus/Log"} <= set(nodes)
    assert list(nodes["outer/Softplus"].output) == ["y"]


def test_names_are_unique_and_shapes_are_told() -> None:
    model = mg.to_onnx(mg.trace(lambda x: mg.tanh(mg.tanh(x)) + mg.tanh(x * x), np.ones((2, 3), np.float32)))
    values = [name for node in model.graph.node for name in node.output]
    assert len(set(values)) == len(values) == len({node.name for node in model.graph.node}) == 5
    told = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in model.graph.value_info}
    assert told["Tanh"] == [2, 3] and set(told) | {"output"} == set(values)


def test_an_output_may_be_an_input_a_parameter_or_named_twice() -> None:
    w = mg.tensor([2.0], name="w")
    graph = mg.trace(lambda x: (x, w, y := x * 2, y), mg.tensor([1.0], name="x"))
    assert max(differences(graph, [np.ones(1)])) == 0
    model = mg.to_onnx(graph).graph
    assert [x.name for x in [*model.input, *model.initializer]][:2] == ["x", "w"]
    assert [y.name for y in model.output] == ["x_2", "w_2", "output", "output_2"]
    with pytest.raises(UsageError, match="1 names for 4 outputs"):
        mg.to_onnx(graph, outputs=["x"])


# refusals


class Unknown(elementwise.Unary):
    """An Op of a user's."""

    ufunc = np.cbrt


def test_an_op_that_onnx_cannot_express_is_named_and_so_is_its_place() -> None:
    def f(x: mg.Tensor) -> Any:
        with mg.scope("net.head", step=3):
            return apply(Unknown(), x)

    with pytest.raises(ExportError, match=r"Unknown\(\) in net.head t=3.*\(2,\) float64.*not in the table"):
        mg.to_onnx(mg.trace(f, np.ones(2)))
    with pytest.raises(ExportError, match="complex128"):
        mg.to_onnx(mg.trace(mg.exp, np.ones(2, complex)))
    narrow = np.ones((2, 2), np.int8)
    with pytest.raises(ExportError, match=r"checker refuses .*MatMul.* unsupported type: tensor\(int8\)"):
        mg.to_onnx(mg.trace(lambda x: x @ x, narrow))


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    mg.to_onnx(small_program(), tmp_path / "model.onnx")
    onnx.checker.check_model(str(tmp_path / "model.onnx"), full_check=True)
    with pytest.raises(ExportError):
        mg.to_onnx(mg.trace(lambda x: apply(Unknown(), x), np.ones(2)), tmp_path / "other.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def test_without_the_package_the_error_says_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("minigrad.export.onnx")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingPackageError, match=r"package onnx is not installed: .*'minigrad\[onnx\]'"):
        mg.to_onnx(small_program())
