"""Work on pictures block by block: as many blocks as there are, and products in runs of rows, change no result."""

from typing import Any

import numpy as np
import pytest

from minigrad.blas import multiplied
from minigrad.op import Array, Op, apply
from minigrad.ops import window
from minigrad.ops.conv import Conv2d, ConvTranspose2d, ConvWeight2d
from minigrad.ops.pool import AvgPool2d, AvgPoolGrad, MaxPool2d, MaxPoolGrad, MaxPoolTake

rng = np.random.default_rng(0)
N, C, K, SIZE = 3, 9, 10, (13, 11)
X = rng.integers(-3, 4, (N, C, *SIZE)).astype(float)  # with many equal largest elements
W = rng.normal(size=(K, C, 3, 3))


def of_pooling(op: Any, fields: tuple[Any, ...]) -> tuple[Op, Array]:
    """A pooling, and the cotangent of its result."""
    return op(*fields), rng.normal(size=op(*fields).shape(X.shape))


Y = rng.normal(size=Conv2d((2, 1), (1, 1)).shape(X.shape, W.shape))
LARGEST, G = of_pooling(MaxPool2d, ((3, 2), (2, 1), (1, 1), True))
MEAN, H = of_pooling(AvgPool2d, ((3, 2), (2, 1), (1, 1)))
CASES = {
    "convolution": (Conv2d((2, 1), (1, 1)), X, W, rng.normal(size=K)),
    "one pixel": (Conv2d((1, 1), (0, 0)), X, W[:, :, :1, :1], rng.normal(size=K)),
    "spread": (ConvTranspose2d((2, 1), (1, 1), SIZE), Y, W),
    "spread to few": (ConvTranspose2d((2, 1), (1, 1), SIZE), Y, W[:, :2]),
    "weights": (ConvWeight2d((2, 1), (1, 1), (3, 3)), X, Y),
    "largest": (LARGEST, X),
    "its gradient": (MaxPoolGrad(*LARGEST.fields()), X, G),  # type: ignore[attr-defined]
    "its adjoint": (MaxPoolTake(*LARGEST.fields()), X, rng.normal(size=X.shape)),  # type: ignore[attr-defined]
    "mean": (MEAN, X),
    "mean's gradient": (AvgPoolGrad((3, 2), (2, 1), (1, 1), SIZE), H),
}


@pytest.mark.parametrize("block", [1, 700, 4000])
@pytest.mark.parametrize("case", CASES)
def test_blocks_of_any_size_give_the_same(case: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    op, *operands = CASES[case]
    whole = apply(op, *operands)
    monkeypatch.setattr(window, "BLOCK", block)
    np.testing.assert_allclose(apply(op, *operands), whole, rtol=1e-12, atol=1e-12)


def test_the_gradient_of_max_pooling_goes_to_the_first_of_the_largest() -> None:
    """The slow one: window by window, element by element."""
    kernel, stride, padding = (3, 2), (2, 1), (1, 1)
    wide = np.pad(X, ((0, 0), (0, 0), (1, 3), (1, 3)), constant_values=-np.inf)
    expected = np.zeros_like(wide)
    for n, c, i, j in np.ndindex(*G.shape):
        top, left = i * stride[0], j * stride[1]
        seen = wide[n, c, top : top + kernel[0], left : left + kernel[1]]
        down, across = np.unravel_index(np.argmax(seen), seen.shape)
        expected[n, c, top + down, left + across] += G[n, c, i, j]
    inside = expected[:, :, padding[0] : padding[0] + SIZE[0], padding[1] : padding[1] + SIZE[1]]
    np.testing.assert_allclose(apply(MaxPoolGrad(kernel, stride, padding, True), X, G), inside, rtol=1e-12)


@pytest.mark.parametrize("rows", [40, 6000, 6007])
@pytest.mark.parametrize("stacked", [False, True])
def test_narrow_products_in_runs_of_rows_are_products(rows: int, stacked: bool) -> None:
    a, b = rng.normal(size=(rows, 40)), rng.normal(size=(2, 40, 24) if stacked else (40, 24))
    y = np.empty((*b.shape[:-2], rows, 24))
    for call in multiplied(a, b, y):
        call()
    np.testing.assert_allclose(y, a @ b, rtol=1e-12, atol=1e-12)
