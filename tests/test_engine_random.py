"""The engine against a second one that knows no rule: tangents pushed forward through each Op by differences."""

import numpy as np
import pytest
from random_programs import Program, random_program

import minigrad as mg
from minigrad.op import Array

H = 1e-6


def pushed_forward(program: Program, tangents: list[Array]) -> float:
    """The output's tangent when the inputs move along theirs: every Op differentiated by its own values alone."""
    moved = dict(zip(map(id, program.inputs), tangents, strict=True))
    for node in program.graph.nodes:
        if node.op is not None:
            xs = [x.numpy() for x in node.inputs]
            dxs = [moved[id(x)] for x in node.inputs]
            ahead, behind = (
                node.op.forward(*(stepped(x, dx, h) for x, dx in zip(xs, dxs, strict=True))) for h in (H, -H)
            )
            moved[id(node)] = (np.asarray(ahead, float) - behind) / (2 * H)
        else:
            moved.setdefault(id(node), np.zeros(node.shape))
    return float(moved[id(program.output)])


def stepped(x: Array, dx: Array, h: float) -> Array:
    return x + h * dx if x.dtype.kind == "f" else x


@pytest.mark.parametrize("seed", range(40))
def test_gradients_of_random_programs(seed: int) -> None:
    program, rng = random_program(seed), np.random.default_rng(seed)
    tangents = [rng.standard_normal(x.shape) for x in program.inputs]
    gradients = mg.grad(program.output, program.inputs, allow_unused=True)
    graphed = mg.grad(program.output, program.inputs, create_graph=True, allow_unused=True)
    backward = sum(float((g.numpy() * v).sum()) for g, v in zip(gradients, tangents, strict=True) if g is not None)
    assert backward == pytest.approx(pushed_forward(program, tangents), rel=1e-6, abs=1e-7)
    (forward,) = mg.jvp(program.output, program.inputs, [mg.tensor(v) for v in tangents])
    assert forward.item() == pytest.approx(backward, rel=1e-10, abs=1e-12)
    for a, b in zip(gradients, graphed, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_traced_programs_run_and_differentiate_to_the_same_numbers(seed: int) -> None:
    program = random_program(seed)
    graph = mg.trace(program, *program.arrays).verify()
    np.testing.assert_array_equal(graph.run(*program.arrays)[0], program.output.numpy())
    gradients = mg.differentiate(graph).verify().run(*program.arrays)
    for traced, eager in zip(gradients, mg.grad(program.output, program.inputs, allow_unused=True), strict=True):
        np.testing.assert_allclose(
            traced, np.zeros_like(traced) if eager is None else eager.numpy(), rtol=1e-12, atol=1e-14
        )
    listing = str(graph).splitlines()
    assert len(listing) == len(graph) + 1 and "arg0" in listing[0]


@pytest.mark.parametrize("seed", range(10))
def test_float32_programs_stay_float32(seed: int) -> None:
    program = random_program(seed)
    inputs = [mg.tensor(x.astype(np.float32), requires_grad=True) for x in program.arrays]
    for constant in program.graph.leaves:
        if constant.dtype == np.float64:
            constant.data = constant.numpy().astype(np.float32)
    loss = program(*inputs)
    assert {node.dtype for node in mg.Graph.of(loss).nodes} <= {np.dtype(d) for d in ("float32", "bool", "int64")}
    for create_graph in (False, True):
        gradients = mg.grad(loss, inputs, create_graph=create_graph, allow_unused=True)
        assert {g.dtype for g in gradients if g is not None} == {np.dtype(np.float32)}
