"""Records of activation functions."""

from collections.abc import Iterable

import numpy as np

from minigrad.check.records.record import Applied, Draw, Record, corner, unary
from minigrad.ops.activation import Clip, LeakyRelu, Relu, Sigmoid, Softplus, Tanh


def clips(draw: Draw) -> Iterable[Applied]:
    """Both bounds, either one, none; always with values on both sides of each."""
    for low, high in ((-0.2, 0.2), (-np.inf, 0.0), (0.0, np.inf), (-np.inf, np.inf)):
        yield from unary(Clip(low, high), Draw.distinct)(draw)


def slopes(draw: Draw) -> Iterable[Applied]:
    """The default slope, a larger one, one beyond 1 and a negative one."""
    for slope in (0.01, 0.3, 2.0, -0.5):
        yield from unary(LeakyRelu(slope), Draw.signed)(draw)


RECORDS = (
    Record(
        Tanh,
        unary(Tanh()),
        lambda op, x: np.sinh(x) / np.cosh(x),
        corners=(corner(Tanh(), ([0, 1e3, -1e3], [1, 0, 0])),),
    ),
    Record(
        Sigmoid,
        unary(Sigmoid()),
        lambda op, x: 1 / (1 + np.exp(-x)),
        corners=(corner(Sigmoid(), ([0, 1e3, -1e3], [0.25, 0, 0])),),
    ),
    Record(
        Softplus,
        unary(Softplus()),
        lambda op, x: np.log(1 + np.exp(x)),
        corners=(corner(Softplus(), ([0, 1e3, -1e3], [0.5, 1, 0])),),
    ),
    Record(
        Relu,
        unary(Relu(), Draw.signed),
        lambda op, x: x * (x > 0),
        analytic=False,
        corners=(corner(Relu(), ([0.0, -0.0, 2.0], [0.0, 0.0, 1.0])),),
    ),
    Record(
        LeakyRelu,
        slopes,
        lambda op, x: x * (x > 0) + op.slope * x * (x <= 0),
        analytic=False,
        corners=(corner(LeakyRelu(0.1), ([0.0, 2.0, -2.0], [0.1, 1.0, 0.1])),),
    ),
    Record(
        Clip,
        clips,
        lambda op, x: np.minimum(np.maximum(x, op.low), op.high),
        analytic=False,
        corners=(corner(Clip(-1.0, 1.0), ([-2.0, -1.0, 0.0, 1.0, 2.0], [0.0, 1.0, 1.0, 1.0, 0.0])),),
    ),
)
