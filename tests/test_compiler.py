"""The compiler: the same values as the interpreter, the expert's number of products, memory that never clashes."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import blas
from minigrad.compiler.function import Compiled
from minigrad.compiler.passes import PASSES, Pass
from minigrad.compiler.plan import replaced
from minigrad.errors import UsageError
from minigrad.op import Array
from minigrad.ops.conv import ConvTranspose2d
from minigrad.ops.linalg import MatMul
from minigrad.ops.logic import Greater

N, D, W, H, V = 6, 5, 3, 4, 11


def unrolled(cell: str, steps: int) -> tuple[Callable[..., Any], Array, Array]:
    """A captioner's loss and gradients as the textbook has them, in float64, and a batch."""
    rng = np.random.default_rng(0)
    gates = 4 if cell == "lstm" else 1
    shapes = {"We": (V, W), "Wp": (D, H), "Wx": (W, gates * H), "Wh": (H, gates * H), "b": (gates * H,), "Wv": (H, V)}
    p = {name: mg.Parameter(rng.normal(size=shape), name) for name, shape in shapes.items()}

    def step(x: Any, h: Any, c: Any) -> tuple[Any, Any]:
        a = x @ p["Wx"] + h @ p["Wh"] + p["b"]
        if cell == "rnn":
            return mg.tanh(a), c
        i, f, o = (mg.sigmoid(a[:, k * H : (k + 1) * H]) for k in range(3))
        c = f * c + i * mg.tanh(a[:, 3 * H :])
        return o * mg.tanh(c), c

    def loss_and_gradients(features: Any, captions: Any) -> Any:
        x = mg.embedding(captions[:, :-1], p["We"])
        h, c = features @ p["Wp"], np.zeros((N, H))
        states = []
        for t in range(steps):
            with mg.scope("cell", step=t):
                h, c = step(x[:, t], h, c)
            states.append(h)
        scores = mg.stack(states, 1) @ p["Wv"]
        loss = mg.softmax_cross_entropy(scores, captions[:, 1:], captions[:, 1:] != 0)
        return loss, mg.grad(loss, list(p.values()))

    return loss_and_gradients, rng.normal(size=(N, D)), rng.integers(0, V, (N, steps + 1))


def leaves(result: Any) -> list[Array]:
    """The arrays of a result."""
    return [result.numpy()] if isinstance(result, mg.Tensor) else [a for part in result for a in leaves(part)]


def agree(a: Any, b: Any, tolerance: float = 1e-12) -> None:
    for x, y in zip(leaves(a), leaves(b), strict=True):
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        assert np.abs(x - y).max() <= tolerance * max(1e-30, np.abs(x).max(), np.abs(y).max())


def products(graph: mg.Graph) -> int:
    return sum(isinstance(node.op, MatMul) for node in graph.nodes)


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_the_unrolled_loop_compiles_to_the_same_values(cell: str, steps: int) -> None:
    f, features, captions = unrolled(cell, steps)
    agree(mg.compile(f)(features, captions), f(features, captions))


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_only_the_recurrence_stays_in_the_loop(cell: str) -> None:
    # By hand. Left in the loop, h @ Wh and its gradient. Once each: features @ Wp, all x @ Wx, the scores,
    # and the gradients of the scores' h, of x, and of Wp, Wx, Wh and Wv.
    steps = 9
    f, features, captions = unrolled(cell, steps)
    compiled = mg.compile(f)
    agree(compiled(features, captions), f(features, captions))
    assert products(compiled.traced) == 2 + 2 * steps + 2 + 4 * steps + 1
    assert products(compiled.graph) == 2 * steps + 9


@pytest.mark.parametrize("rewriting", PASSES, ids=lambda p: p.name)
def test_each_pass_alone_keeps_the_values(rewriting: Pass) -> None:
    f, features, captions = unrolled("lstm", 4)
    agree(Compiled(f, passes=(rewriting,))(features, captions), f(features, captions))


@pytest.mark.parametrize("left_out", range(len(PASSES)), ids=[p.name for p in PASSES])
def test_each_pass_can_be_left_out(left_out: int) -> None:
    f, features, captions = unrolled("lstm", 3)
    compiled = mg.compile(f, without=[PASSES[left_out].name])
    agree(compiled(features, captions), f(features, captions))
    assert [change.name for change in compiled.explain().changes] == [
        p.name for p in PASSES if p is not PASSES[left_out]
    ]


def test_a_pass_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"no pass 'batching'; there are common subexpressions, .*batched products"):
        mg.compile(lambda x: x, without=["batching"])


def test_what_a_pass_makes_belongs_to_what_it_replaces() -> None:
    f, features, captions = unrolled("lstm", 3)
    compiled = mg.compile(f)
    compiled(features, captions)
    after_gradients = [node for node in compiled.graph.nodes if any(x.scope.backward for x in node.inputs)]
    assert len(after_gradients) > 40
    assert all(node.scope.backward for node in after_gradients)


def clashes(compiled: Compiled) -> list[tuple[Any, Any]]:
    """Pairs of values that live at the same time and share memory, in the program compiled last."""
    plan = compiled.last.program.plan
    roots = [r for r in plan.roots.values() if r.kind == "arena" and r.nbytes]
    in_place = {(id(x), id(r.node)) for r in roots for x in replaced(plan, r) if plan.root(x).offset == r.offset}
    return [
        (a.node, b.node)
        for a, b in combinations(roots, 2)
        if a.offset < b.offset + b.nbytes and b.offset < a.offset + a.nbytes
        if a.moments[0] <= b.moments[1] and b.moments[0] <= a.moments[1]
        if not {(id(a.node), id(b.node)), (id(b.node), id(a.node))} & in_place
    ]


@pytest.mark.parametrize("workers", [1, 2])
def test_values_that_live_at_the_same_time_never_overlap(workers: int) -> None:
    f, features, captions = unrolled("lstm", 4)
    compiled = mg.compile(f, workers=workers)
    compiled(features, captions)
    assert clashes(compiled) == []
    plan = compiled.last.program.plan
    assert sum(r.nbytes for r in plan.roots.values() if r.kind == "arena") > plan.arena  # memory is shared


def test_a_result_is_the_callers() -> None:
    double = mg.compile(lambda x: mg.tanh(x) * 2)
    first = double(np.ones(4))
    kept = first.numpy().copy()
    second = double(np.zeros(4))
    assert np.array_equal(first.numpy(), kept)
    assert np.array_equal(second.numpy(), np.zeros(4))


def test_programs_of_other_shapes_share_their_memory_and_do_not_mind() -> None:
    f = mg.compile(lambda x: (mg.tanh(x @ x.T) @ x).sum(axis=0))
    rng = np.random.default_rng(0)
    for rows in (3, 9, 4, 9, 3):
        x = rng.normal(size=(rows, 2))
        assert np.allclose(f(x).numpy(), (np.tanh(x @ x.T) @ x).sum(axis=0), atol=1e-14)


def test_an_argument_given_back_is_a_copy() -> None:
    x = np.ones(3)
    (same,) = mg.compile(lambda x: (x,))(x)
    same.numpy()[0] = 5
    assert x[0] == 1


def test_parameters_are_read_at_each_call() -> None:
    w = mg.Parameter(np.ones(3))
    f = mg.compile(lambda x: x * w)
    f(np.ones(3))
    with mg.no_grad():
        w[...] = 7
    assert f(np.ones(3)).numpy().tolist() == [7, 7, 7]
    w.data = np.full(3, 9.0)
    assert f(np.ones(3)).numpy().tolist() == [9, 9, 9]


def test_ids_out_of_range_are_refused_in_a_program_too() -> None:
    table = mg.Parameter(np.ones((3, 2)))
    f = mg.compile(lambda ids: mg.gather(table, ids))
    f(np.array([0, 2]))
    with pytest.raises(IndexError, match="outside"):
        f(np.array([0, 3]))


def test_few_rows_times_a_transposed_matrix_are_turned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "small_kernels", lambda: False)
    rng = np.random.default_rng(0)
    w = mg.Parameter(rng.normal(size=(300, 512)))
    for rows, turned in ((8, True), (200, False)):
        x = rng.normal(size=(rows, 512))
        f = mg.compile(lambda x: mg.tanh(x @ w.T) * 2, workers=1)
        assert np.allclose(f(x).numpy(), np.tanh(x @ w.numpy().T) * 2, atol=1e-12)
        (product,) = [node for node in f.graph.nodes if isinstance(node.op, MatMul)]
        assert (product.shape == (300, rows)) == turned
        assert np.allclose((mg.tensor(x) @ w.T).numpy(), x @ w.numpy().T, atol=1e-12)


def test_tables_are_multiplied_before_rows_are_looked_up() -> None:
    rng = np.random.default_rng(0)
    table, w = (mg.Parameter(rng.normal(size=s)) for s in ((5, 3), (3, 4)))

    def step(ids: Any) -> Any:
        y = mg.tanh(mg.gather(table, ids) @ w)
        return y, mg.grad((y * y).sum(), [table, w])

    for count, rows in ((40, 5), (6, 6)):
        compiled = mg.compile(step, workers=1)
        ids = rng.integers(0, 5, count)
        agree(compiled(ids), step(ids))
        assert {n.shape for n in compiled.graph if isinstance(n.op, MatMul)} == {(rows, 4), (rows, 3), (3, 4)}


def test_the_gradient_of_a_transposed_matrix_lies_row_by_row() -> None:
    rng = np.random.default_rng(0)
    w = mg.Parameter(rng.normal(size=(30, 20)))

    def gradient(x: Any) -> Any:
        return mg.grad(mg.tanh(x @ w.T).sum(), [w])

    x = rng.normal(size=(40, 20))
    (found,) = mg.compile(gradient, workers=1)(x)
    agree([found], gradient(mg.tensor(x)))
    assert found.numpy().flags.c_contiguous
    both = mg.compile(lambda x: ((x @ w.T), (x @ w.T).T), workers=1)
    both(x)
    assert sum(isinstance(n.op, MatMul) for n in both.graph) == 1  # a product that is a result itself is not made twice


@pytest.mark.parametrize("dense", [False, True])
def test_zeros_around_the_gradient_of_one_score_are_not_multiplied(dense: bool) -> None:
    rng = np.random.default_rng(0)
    weights = mg.tensor(rng.normal(size=(7, 3) if dense else (7, 3, 1, 1)))
    x = rng.normal(size=(2, 3) if dense else (2, 3, 4, 5))

    def gradient(x: Any) -> Any:
        y = x @ weights.mT if dense else mg.mean(mg.relu(mg.conv2d(x, weights)), axis=(2, 3))
        return mg.grad(y[:, 4].sum(), x)[0]

    compiled = mg.compile(gradient)
    np.testing.assert_allclose(compiled(x).numpy(), gradient(mg.tensor(x, requires_grad=True)).numpy(), rtol=1e-12)
    (product,) = (n for n in compiled.graph if isinstance(n.op, MatMul | ConvTranspose2d))
    assert product.inputs[0].shape[:2] == (2, 1) or product.inputs[1].shape == (3, 1)


def test_the_gradient_of_a_matrix_times_itself_is_one_product() -> None:
    rng = np.random.default_rng(0)
    x, wanted = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(2, 3, 3))

    def gradient(x: Any) -> Any:
        return mg.grad((mg.gram_matrix(x) * wanted).sum(), x)[0]

    compiled = mg.compile(gradient)
    np.testing.assert_allclose(compiled(x).numpy(), gradient(mg.tensor(x, requires_grad=True)).numpy(), rtol=1e-12)
    assert sum(isinstance(n.op, MatMul) for n in compiled.graph) == 1
    assert sum(isinstance(n.op, MatMul) for n in compiled.traced) == 2


def test_relu_is_taken_after_a_pool_and_once_over_a_concatenation() -> None:
    rng = np.random.default_rng(0)
    x, y = (rng.integers(-3, 3, (2, 3, 7, 7)).astype(float) for _ in range(2))  # with equal elements, also at 0

    def gradients(x: Any, y: Any) -> Any:
        pooled = mg.max_pool2d(mg.concat([mg.relu(2 * x), mg.relu(y * x)], axis=1), 3, 2, ceil_mode=True)
        return mg.grad((pooled * np.arange(9.0).reshape(3, 3)).sum(), [x, y])

    compiled = mg.compile(gradients)
    expected = gradients(*(mg.tensor(a, requires_grad=True) for a in (x, y)))
    for found, wanted in zip(compiled(x, y), expected, strict=True):
        np.testing.assert_array_equal(found.numpy(), wanted.numpy())
    masks = [n.shape for n in compiled.graph if isinstance(n.op, Greater)]
    assert masks == [(2, 6, 3, 3)]  # of the pool's result, not of what is pooled
