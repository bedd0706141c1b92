"""Every Op against its record: value, rules of shape and dtype, gradients of both orders, refusals, conventions."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import minigrad as mg
import minigrad.ops
from minigrad.check.differences import central
from minigrad.check.records import RECORDS, Corner, Draw, Record, Refusal
from minigrad.check.rule import check_op, op_problem
from minigrad.check.table import check_record
from minigrad.op import Array, Op, apply
from minigrad.ops.shape import SumTo

EACH_OP = pytest.mark.parametrize("record", list(RECORDS.values()), ids=lambda record: record.op.__name__)
DIFFERENTIABLE = pytest.mark.parametrize(
    "record", [r for r in RECORDS.values() if r.op.differentiable], ids=lambda record: record.op.__name__
)


def samples(record: Record, dtype: Any = np.float64) -> list[tuple[Op, list[Array]]]:
    """The record's samples, floating arrays in the dtype given."""
    return [
        (op, [x.astype(dtype) if x.dtype.kind == "f" else x for x in arrays]) for op, *arrays in record.samples(Draw(0))
    ]


def tensors(arrays: list[Array]) -> list[mg.Tensor]:
    return [mg.tensor(x, requires_grad=x.dtype.kind in "fc") for x in arrays]


def variables(operands: list[mg.Tensor]) -> list[mg.Tensor]:
    return [x for x in operands if x.requires_grad]


def differentiated(record: Record, dtype: Any = np.float64) -> Iterator[tuple[Op, list[mg.Tensor], mg.Tensor]]:
    """Each sample that has a gradient, applied to leaves that require one."""
    for op, arrays in samples(record, dtype):
        operands = tensors(arrays)
        y = apply(op, *operands)
        if y.requires_grad:
            yield op, operands, y


def relative(a: Array, b: Array) -> float:
    return float(np.abs(a - b).max(initial=0) / max(np.abs(a).max(initial=0), np.abs(b).max(initial=0), 1e-300))


def concrete(base: type[Op]) -> Iterator[type[Op]]:
    """The classes below `base` that have none below themselves."""
    for op in base.__subclasses__():
        yield from concrete(op) if op.__subclasses__() else [op]


def test_every_op_has_a_record() -> None:
    for module in pkgutil.iter_modules(minigrad.ops.__path__):
        importlib.import_module(f"minigrad.ops.{module.name}")
    ops = {op for op in concrete(Op) if op.__module__.startswith("minigrad.ops.")}
    assert ops - set(RECORDS) == set(), "write records for these Ops in minigrad/check/records"


@EACH_OP
def test_the_value_is_numpys(record: Record) -> None:
    for op, arrays in samples(record):
        value, expected = apply(op, *arrays), np.asarray(record.reference(op, *arrays))
        assert value.shape == expected.shape, op
        np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-14)


@EACH_OP
def test_the_rules_of_shape_and_dtype_say_what_comes_out(record: Record) -> None:
    for dtype in ("float32", "float64", "complex64") if record.analytic else ("float32", "float64"):
        for op, arrays in samples(record, dtype):
            value = np.asarray(op.forward(*arrays))
            assert value.shape == op.shape(*(x.shape for x in arrays)), op
            assert value.dtype == op.dtype(*(x.dtype for x in arrays)), op
            assert dtype != "complex64" or value.dtype == dtype, op


@EACH_OP
def test_a_trace_runs_to_the_same_bits(record: Record) -> None:
    for op, arrays in samples(record):
        graph = mg.trace(lambda *xs, op=op: apply(op, *xs), *arrays).verify()
        (value,) = graph.run(*arrays)
        np.testing.assert_array_equal(value, apply(op, *arrays))


@EACH_OP
def test_memory_order_does_not_matter(record: Record) -> None:
    for op, arrays in samples(record):
        strided = [np.repeat(x.copy("F"), 2, -1)[..., ::2] if x.ndim else x for x in arrays]
        np.testing.assert_allclose(apply(op, *strided), apply(op, *arrays), rtol=1e-13)


@EACH_OP
def test_inputs_and_cotangents_are_left_alone(record: Record) -> None:
    for op, arrays in samples(record):
        before = [x.copy() for x in arrays]
        y = np.asarray(op.forward(*arrays))
        if op.differentiable and y.dtype.kind == "f":
            g = np.ones(y.shape)
            for gx in op.vjp(g, y.copy(), *arrays):
                _ = gx() if callable(gx) else gx
            assert (g == 1).all(), op
        for old, now in zip(before, arrays, strict=True):
            np.testing.assert_array_equal(old, now)


@DIFFERENTIABLE
def test_gradients_of_both_orders(record: Record) -> None:
    row = check_record(record)
    assert row.problems == ()
    assert row.errors[1] <= (1e-12 if record.analytic else 1e-7)
    assert row.errors[2] <= (1e-12 if record.analytic else 1e-6)


@DIFFERENTIABLE
def test_gradients_against_central_differences_too(record: Record) -> None:
    for op, arrays in samples(record):
        report = check_op(op, tuple(arrays))
        assert report.ok and report.error <= 1e-7, report


@DIFFERENTIABLE
def test_float32_stays_float32_to_second_order(record: Record) -> None:
    for op, operands, y in differentiated(record, np.float32):
        leaves = variables(operands)
        if y.dtype != np.float32:
            assert getattr(op, "to", None) == "float64", op  # the one way to leave float32 is to ask for it
            continue
        g = mg.tensor(np.ones(y.shape, np.float32), requires_grad=True)
        plain = mg.grad(y, leaves, g, allow_unused=True)
        graphed = mg.grad(y, leaves, g, create_graph=True, allow_unused=True)
        again = mg.grad([x for x in graphed if x is not None], [*leaves, g], ones_like(graphed), allow_unused=True)
        for x, gx in zip([*leaves, *leaves, *leaves, g], [*plain, *graphed, *again], strict=True):
            assert gx is None or (gx.dtype, gx.shape) == (np.float32, x.shape), op


def ones_like(gradients: Any) -> list[mg.Tensor]:
    return [mg.tensor(np.ones(x.shape, x.dtype)) for x in gradients if x is not None]


@DIFFERENTIABLE
def test_the_gradient_as_a_graph_is_the_gradient(record: Record) -> None:
    for op, operands, y in differentiated(record):
        leaves = variables(operands)
        g = mg.tensor(Draw(1).normal(*y.shape))
        plain, graphed = (mg.grad(y, leaves, g, create_graph=flag, allow_unused=True) for flag in (False, True))
        for a, b in zip(plain, graphed, strict=True):
            assert (a is None) == (b is None), op
            assert a is None or relative(a.numpy(), b.numpy()) <= 1e-14, op


@DIFFERENTIABLE
def test_forward_mode_is_the_transpose_of_backward(record: Record) -> None:
    for op, operands, y in differentiated(record):
        leaves, draw = variables(operands), Draw(2)
        tangents = [mg.tensor(draw.normal(*x.shape)) for x in leaves]
        u = mg.tensor(draw.normal(*y.shape))
        (dy,) = mg.jvp(y, leaves, tangents)
        pulled = mg.grad(y, leaves, u, allow_unused=True)
        forward = float((u * dy).sum())
        backward = sum(float((gx * v).sum()) for gx, v in zip(pulled, tangents, strict=True) if gx is not None)
        assert abs(forward - backward) <= 1e-10 * max(1.0, abs(forward)), op


@DIFFERENTIABLE
def test_forward_mode_against_differences(record: Record) -> None:
    for op, operands, y in differentiated(record):
        arrays = [x.numpy().copy() for x in operands]
        problem = op_problem(op, tuple(arrays), np.random.default_rng(0))
        for i, (name, x) in enumerate(problem.variables.items()):
            leaf = variables(operands)[i]
            v = Draw(3).normal(*x.shape)
            (dy,) = mg.jvp(y, leaf, mg.tensor(v))
            expected = central(problem.line(name, v), 1e-6).value
            assert abs(float((problem.cotangents[0] * dy).sum()) - expected) <= 1e-6 * max(1.0, abs(expected)), op


@DIFFERENTIABLE
def test_a_rule_reads_what_it_declares_and_no_more(record: Record) -> None:
    """What a rule does not declare may be freed or changed before the backward pass: here it is poisoned."""
    for op, arrays in samples(record):
        y = np.asarray(op.forward(*arrays))
        if y.dtype.kind != "f":
            continue
        g = np.asarray(Draw(4).normal(*y.shape))
        xs = arrays if "x" in op.reads else [poisoned(x) for x in arrays]
        honest = pulled(op, g, y, arrays)
        spoilt = pulled(op, g, y if "y" in op.reads else poisoned(y), xs)
        for a, b in zip(honest, spoilt, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=repr(op))


def poisoned(x: Array) -> Array:
    return np.full_like(x, np.nan) if x.dtype.kind == "f" else np.full_like(x, 1)


def pulled(op: Op, g: Array, y: Array, xs: list[Array]) -> list[Any]:
    gradients = [gx() if callable(gx) else gx for gx in op.vjp(g, y, *xs)]
    return [
        gx if gx is None or not op.broadcasts else SumTo(x.shape).forward(gx)
        for gx, x in zip(gradients, xs, strict=True)
    ]


@pytest.mark.parametrize("kind", [op for op in RECORDS if op.accumulate], ids=lambda op: op.__name__)
def test_adding_in_place_is_the_same_rule(kind: type[Op]) -> None:
    for op, (x, *_) in samples(RECORDS[kind]):
        g = np.asarray(Draw(5).normal(*op.shape(x.shape)))
        total = np.ones_like(x)
        op.accumulate(total, g, x)  # type: ignore[misc]
        np.testing.assert_allclose(total - 1, pulled(op, g, op.forward(x), [x])[0], atol=1e-15)


def each(part: str) -> list[Any]:
    """Every refusal, or every corner, as a parameter named after its Op."""
    return [
        pytest.param(x, id=f"{r.op.__name__}-{i}") for r in RECORDS.values() for i, x in enumerate(getattr(r, part))
    ]


@pytest.mark.parametrize("refusal", each("refusals"))
def test_what_an_op_refuses_it_names(refusal: Refusal) -> None:
    with pytest.raises(refusal.error) as caught:
        apply(refusal.op, *map(mg.tensor, refusal.arrays))
    for fragment in (*refusal.message, "test_ops.py:"):
        assert fragment in str(caught.value), str(caught.value)


@pytest.mark.parametrize("refusal", [p for p in each("refusals") if p.values[0].error is mg.errors.ShapeError])
def test_shapes_are_refused_inside_a_trace_too(refusal: Refusal) -> None:
    with pytest.raises(mg.errors.ShapeError) as caught:
        mg.trace(lambda *xs: apply(refusal.op, *xs), *refusal.arrays)
    assert type(refusal.op).__name__ in str(caught.value)


@pytest.mark.parametrize("corner", each("corners"))
@pytest.mark.parametrize("create_graph", [False, True])
def test_conventions_at_kinks_and_extremes(corner: Corner, create_graph: bool) -> None:
    operands = tensors(list(corner.arrays))
    y = apply(corner.op, *operands)
    g = mg.tensor(np.ones(y.shape))
    gradients = mg.grad(y, variables(operands), g, create_graph=create_graph)
    for gx, expected in zip(gradients, corner.gradients, strict=True):
        np.testing.assert_allclose(gx.numpy(), expected, atol=1e-12)
