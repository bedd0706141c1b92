"""Convolution, pooling and normalisation: PyTorch's numbers where it is there, small cases by hand always."""

from functools import partial
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.check import gradcheck
from minigrad.check.differences import central
from minigrad.errors import ShapeError, TraceError, UsageError
from minigrad.measure import flops
from minigrad.op import Array

rng = np.random.default_rng(0)
DTYPES = pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-12)])


def error(a: Any, b: Any) -> float:
    a, b = (x.numpy() if isinstance(x, mg.Tensor) else np.asarray(x) for x in (a, b))
    assert a.shape == b.shape and a.dtype == b.dtype
    return float(np.abs(a - b).max(initial=0) / max(np.abs(a).max(initial=0), np.abs(b).max(initial=0), 1e-300))


def draw(shape: tuple[int, ...], dtype: Any) -> Array:
    """Around ½, so that long sums do not cancel to rounding errors."""
    return rng.uniform(-0.5, 1.5, shape).astype(dtype)


def agree(torch: Any, ours: Any, theirs: Any, arrays: list[Array], tolerance: float) -> None:
    """Value and gradients of the two functions of these arrays."""
    tensors = [mg.tensor(a, requires_grad=True) for a in arrays]
    peers = [torch.tensor(a, requires_grad=True) for a in arrays]
    y, z = ours(*tensors), theirs(*peers)
    assert error(y, z.detach()) <= tolerance
    g = draw(y.shape, y.dtype)
    for a, b in zip(mg.grad(y, tensors, g), torch.autograd.grad(z, peers, torch.tensor(g)), strict=True):
        assert error(a, b) <= tolerance


def random_case(rng: np.random.Generator) -> dict[str, Any]:
    """Sizes, stride and padding of one convolution."""
    kernel = [int(rng.choice([1, 2, 3, 4, 5, 7])) for _ in range(2)]
    padding = [int(rng.integers(0, k // 2 + 1)) for k in kernel]
    size = [int(rng.integers(max(1, k - 2 * p), 14)) for k, p in zip(kernel, padding, strict=True)]
    channels = [int(rng.choice([1, 2, 3, 8, 9, 17])) for _ in range(2)]
    return {
        "x": (int(rng.integers(1, 4)), channels[0], *size),
        "w": (channels[1], channels[0], *kernel),
        "stride": tuple(int(s) for s in rng.integers(1, 5, 2)),
        "padding": tuple(padding),
    }


CASES = [random_case(np.random.default_rng(seed)) for seed in range(60)]


@DTYPES
def test_convolution_is_pytorchs(torch: Any, dtype: Any, tolerance: float) -> None:
    for case in CASES:
        options = {k: case[k] for k in ("stride", "padding")}
        arrays = [draw(case["x"], dtype), draw(case["w"], dtype), draw(case["w"][:1], dtype)]
        ours, theirs = partial(mg.conv2d, **options), partial(torch.nn.functional.conv2d, **options)
        agree(torch, ours, theirs, arrays, tolerance)


@DTYPES
def test_transposed_convolution_is_pytorchs(torch: Any, dtype: Any, tolerance: float) -> None:
    for i, case in enumerate(CASES):
        n, _, h, w = case["x"]
        extra = tuple(i % s for s in case["stride"])
        sizes = zip((h, w), case["stride"], case["padding"], case["w"][2:], extra, strict=True)
        if any((m - 1) * s - 2 * p + k + e < 1 for m, s, p, k, e in sizes):
            continue
        options = {k: case[k] for k in ("stride", "padding")} | {"output_padding": extra}
        arrays = [draw((n, case["w"][0], h, w), dtype), draw(case["w"], dtype), draw(case["w"][1:2], dtype)]
        ours, theirs = partial(mg.conv_transpose2d, **options), partial(torch.nn.functional.conv_transpose2d, **options)
        agree(torch, ours, theirs, arrays, tolerance)


@DTYPES
def test_pooling_is_pytorchs(torch: Any, dtype: Any, tolerance: float) -> None:
    functions = torch.nn.functional
    for i, case in enumerate(CASES):
        kernel, x = case["w"][2:], [draw(case["x"], dtype).round(1)]  # rounded: some are equal
        options = (kernel, case["stride"], case["padding"])
        for mode in (False, True):
            ours = lambda x, o=options, m=mode: mg.max_pool2d(x, *o, ceil_mode=m)  # noqa: E731
            theirs = lambda x, o=options, m=mode: functions.max_pool2d(x, *o, ceil_mode=m)  # noqa: E731
            agree(torch, ours, theirs, x, tolerance)
        agree(torch, lambda x, o=options: mg.avg_pool2d(x, *o), lambda x, o=options: functions.avg_pool2d(x, *o), x,
              tolerance)  # fmt: skip
        size = (1 + i % 5, 1 + i % 3)
        agree(torch, lambda x, s=size: mg.adaptive_avg_pool2d(x, s),
              lambda x, s=size: functions.adaptive_avg_pool2d(x, s), x, tolerance)  # fmt: skip


@DTYPES
@pytest.mark.parametrize("shape", [(5, 3), (2, 3, 4, 5)])
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_is_pytorchs(torch: Any, dtype: Any, tolerance: float, shape: Any, training: bool) -> None:
    statistics = [draw((3,), dtype), np.abs(draw((3,), dtype)) + 1]
    ours, theirs = [mg.Buffer(s) for s in statistics], [torch.tensor(s) for s in statistics]
    agree(
        torch,
        lambda x, w, b: mg.batch_norm(x, *ours, w, b, training, momentum=0.3),
        lambda x, w, b: torch.nn.functional.batch_norm(x, *theirs, w, b, training, momentum=0.3),
        [draw(shape, dtype), draw((3,), dtype), draw((3,), dtype)],
        tolerance,
    )
    for a, b in zip(ours, theirs, strict=True):
        assert error(a, b) <= tolerance


@DTYPES
def test_layer_norm_is_pytorchs(torch: Any, dtype: Any, tolerance: float) -> None:
    agree(
        torch,
        lambda x, w, b: mg.layer_norm(x, (4, 5), w, b),
        lambda x, w, b: torch.nn.functional.layer_norm(x, (4, 5), w, b),
        [draw((2, 3, 4, 5), dtype), draw((4, 5), dtype), draw((4, 5), dtype)],
        tolerance,
    )


# Without PyTorch


def test_a_convolution_worked_out_by_hand() -> None:
    x = np.arange(1.0, 10).reshape(1, 1, 3, 3)
    w = np.array([[[[1.0, 0.0], [0.0, -2.0]]]])
    np.testing.assert_array_equal(mg.conv2d(x, w, np.array([1.0])), [[[[-8, -9], [-11, -12]]]])
    np.testing.assert_array_equal(mg.conv2d(x, w, stride=2, padding=1), [[[[-2, -6], [-14, -13]]]])
    g = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    spread = [[1, 2, 0], [3, 2, -4], [0, -6, -8]]
    np.testing.assert_array_equal(mg.conv_transpose2d(g, w), [[spread]])
    np.testing.assert_array_equal(
        mg.conv_transpose2d(g, w, stride=2, padding=1, output_padding=1), [[[[-2, 0, -4], [0, 4, 0], [-6, 0, -8]]]]
    )


def test_pools_worked_out_by_hand() -> None:
    x = np.array([[[[1.0, 5.0, 2.0], [4.0, 3.0, 0.0], [7.0, 6.0, 9.0]]]])
    np.testing.assert_array_equal(mg.max_pool2d(x, 2), [[[[5]]]])
    np.testing.assert_array_equal(mg.max_pool2d(x, 2, ceil_mode=True), [[[[5, 2], [7, 9]]]])
    np.testing.assert_array_equal(mg.max_pool2d(-x, 2, 2, 1), [[[[-1, -2], [-4, 0]]]])
    np.testing.assert_array_equal(mg.max_pool2d(1j - x, 2, 2, 1), [[[[1j - 1, 1j - 2], [1j - 4, 1j]]]])
    np.testing.assert_array_equal(mg.avg_pool2d(x, 2, 1), [[[[13 / 4, 10 / 4], [20 / 4, 18 / 4]]]])
    np.testing.assert_allclose(mg.adaptive_avg_pool2d(x, (1, 2)), [[[[26 / 6, 25 / 6]]]])
    assert mg.adaptive_avg_pool2d(x, 1).shape == (1, 1, 1, 1)


def test_the_result_of_a_convolution_is_channels_last_and_elementwise_work_keeps_it() -> None:
    x = mg.tensor(draw((2, 8, 5, 5), np.float32))
    y = mg.max_pool2d(mg.relu(mg.conv2d(x, draw((9, 8, 3, 3), np.float32), padding=1)), 2)
    assert y.numpy().transpose(0, 2, 3, 1).flags.c_contiguous


def test_batch_norm_in_training_moves_the_running_statistics_and_in_evaluation_uses_them() -> None:
    x = np.array([[1.0, 10.0], [3.0, 30.0]])
    mean, var = np.zeros(2), np.ones(2)
    y = mg.batch_norm(x, mean, var, training=True, eps=0.0)
    np.testing.assert_allclose(y, [[-1, -1], [1, 1]])
    np.testing.assert_allclose(mean, [0.2, 2.0])
    np.testing.assert_allclose(var, [0.9 + 0.1 * 2, 0.9 + 0.1 * 200])
    y = mg.batch_norm(x, np.array([1.0, 2.0]), np.array([4.0, 16.0]), np.array([2.0, 4.0]), np.array([0.5, 0]), eps=0.0)
    np.testing.assert_allclose(y, [[0.5, 8.0], [2.5, 28.0]])


def test_a_gradient_penalty_through_batch_norm_is_what_differences_say() -> None:
    x, w = (mg.tensor(draw(shape, float), requires_grad=True) for shape in ((3, 2, 4, 4), (4, 2, 3, 3)))
    scale = mg.tensor(rng.uniform(0.5, 2, 4), requires_grad=True)

    def penalty() -> mg.Tensor:
        y = mg.batch_norm(mg.conv2d(x, w, padding=1), None, None, scale, training=True)
        (gx,) = mg.grad(mg.max_pool2d(mg.leaky_relu(y), 2).sum(), x, create_graph=True)
        return ((mg.norm(gx.reshape((3, -1)), axis=1) - 1) ** 2).sum()

    for leaf in (w, scale):
        (g,) = mg.grad(penalty(), leaf)
        direction, before = draw(leaf.shape, float), leaf.numpy().copy()

        def along(t: float, leaf: mg.Tensor = leaf, d: Array = direction, at: Array = before) -> Array:
            leaf.changing()[...] = at + t * d
            return penalty().numpy()

        expected = central(along, 1e-5).value
        leaf.changing()[...] = before
        assert abs(float((g.numpy() * direction).sum()) - expected) <= 1e-6 * abs(expected)


@pytest.mark.parametrize("training", [True, False])
def test_gradients_of_both_norms_to_second_order(training: bool) -> None:
    mean, var = draw((2,), float), np.ones(2)
    arrays = [draw((3, 2), float), draw((2,), float), draw((2,), float)]
    gradcheck(lambda x, w, b: mg.batch_norm(x, mean, var, w, b, training), arrays, order=2)
    gradcheck(lambda x, w, b: mg.layer_norm(x, 2, w, b), arrays, order=2)


def test_the_work_of_a_convolution_and_its_gradients_is_counted() -> None:
    x, w = (mg.tensor(draw(shape, float), requires_grad=True) for shape in ((2, 3, 7, 5), (4, 3, 3, 2)))
    y = mg.conv2d(x, w, stride=2)
    gradients = mg.grad(y.sum(), [x, w], create_graph=True)
    assert [flops(node) for node in (y, *gradients)] == [2 * y.size * 3 * 3 * 2] * 3


def test_gram_matrices() -> None:
    x = draw((2, 3, 4, 5), float)
    expected = np.einsum("nchw,ndhw->ncd", x, x)
    assert error(mg.gram_matrix(x), expected / 60) <= 1e-14
    assert error(mg.gram_matrix(x, normalize=False), expected) <= 1e-14


def test_dropout_keeps_the_mean_and_draws_from_the_generator_alone() -> None:
    x = np.ones((200, 200), np.float32)
    y, again = (mg.dropout(x, 0.25, rng=np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(y, again)
    assert y.dtype == np.float32 and set(np.unique(y)) == {0, np.float32(1 / 0.75)} and abs(y.mean() - 1) < 0.01
    assert mg.dropout(x, 0.5, training=False) is x
    np.testing.assert_array_equal(mg.dropout(x, 0.5, mask=x == 0), 0 * x)


def test_a_traced_dropout_wants_its_mask_as_an_argument() -> None:
    x = draw((4, 3), np.float32)
    with pytest.raises(TraceError, match="mask as an argument"):
        mg.compile(lambda x: mg.dropout(x, 0.5, rng=np.random.default_rng(0)))(x)
    compiled = mg.compile(lambda x, mask: mg.dropout(x, 0.5, mask=mask))
    for mask in (x > 0, x < 0):
        np.testing.assert_array_equal(compiled(x, mask).numpy(), mg.dropout(x, mask=mask))


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda x: mg.conv2d(x, np.ones((1, 2, 3, 3)), stride=0), UsageError, "stride is 0"),
        (lambda x: mg.conv2d(x, np.ones((1, 2, 3, 3)), padding=(1, -1)), UsageError, "padding is"),
        (lambda x: mg.max_pool2d(x, 2.5), UsageError, "kernel_size is 2.5"),
        (lambda x: mg.conv_transpose2d(x, np.ones((2, 1, 2, 2)), output_padding=1), UsageError, "below the stride"),
        (lambda x: mg.conv_transpose2d(x, np.ones((2, 1, 2, 2)), padding=3), ShapeError, r"\(1, 2, 4, 4\)"),
        (lambda x: mg.batch_norm(x[..., 0], None, None), ShapeError, r"\(N, C\) or \(N, C, H, W\)"),
        (lambda x: mg.batch_norm(x[:, :, 0, 0], None, None, training=True), ShapeError, "at least two values"),
        (lambda x: mg.layer_norm(x, (3, 4)), ShapeError, r"layer_norm over \(3, 4\)"),
        (lambda x: mg.dropout(x, 1.0), UsageError, "p = 1"),
        (lambda x: mg.dropout(x), UsageError, "random generator"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        call(mg.tensor(np.ones((1, 2, 4, 4))))
