"""What `minigrad derive` prints by name: cells and losses, with the textbook's names for inner quantities.

The functions are those that the captioner is trained with. Imports the models and the engine's derivations.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.check.derivation import Derivation, derive
from models.cells import LSTMCell, RNNCell

N, T, W, H, V = 11, 2, 3, 5, 7


def rnn_step() -> Derivation:
    """One step of a vanilla RNN."""
    cell = RNNCell(W, H, np.random.default_rng(0), np.float64)

    def names(x: Any, h: Any) -> dict[str, Any]:
        return {"a": x @ cell.Wx + h @ cell.Wh + cell.b}

    return derive(
        lambda x, h: cell(x, (h,)),
        np.zeros((N, W)),
        np.zeros((N, H)),
        title="A step of a vanilla RNN",
        outputs=["h'"],
        parameters={"W_x": cell.Wx, "W_h": cell.Wh, "b": cell.b},
        names=names,
    )


def lstm_step() -> Derivation:
    """One step of an LSTM."""
    cell = LSTMCell(W, H, np.random.default_rng(0), np.float64)

    def names(x: Any, h: Any, c: Any) -> dict[str, Any]:
        a = x @ cell.Wx + h @ cell.Wh + cell.b
        parts = dict(zip(("a_i", "a_f", "a_o", "a_g"), mg.split(a, 4, axis=1), strict=True))
        gates = {gate: mg.sigmoid(parts[f"a_{gate}"]) for gate in "ifo"}
        return {"a": a, **parts, **gates, "g": mg.tanh(parts["a_g"])}

    return derive(
        lambda x, h, c: cell(x, (h, c)),
        np.zeros((N, W)),
        np.zeros((N, H)),
        np.zeros((N, H)),
        title="A step of an LSTM",
        outputs=["h'", "c'"],
        parameters={"W_x": cell.Wx, "W_h": cell.Wh, "b": cell.b},
        names=names,
    )


def word_embedding() -> Derivation:
    """Rows of a table picked by ids."""
    return derive(lambda ids, W: mg.embedding(ids, W), np.zeros((N, T), int), np.zeros((V, W)), title="Word embedding")


def temporal_affine() -> Derivation:
    """Scores of all words at all times."""
    return derive(
        lambda x, W, b: x @ W + b, np.zeros((N, T, H)), np.zeros((H, V)), np.zeros(V), title="Temporal affine"
    )


def temporal_softmax_loss() -> Derivation:
    """Masked cross entropy of words."""
    return derive(
        lambda x, y, mask: mg.softmax_cross_entropy(x, y, mask),
        np.zeros((N, T, V)),
        np.zeros((N, T), int),
        np.zeros((N, T), bool),
        title="Temporal softmax loss",
        sizes={N: "N"},
    )


def sigmoid() -> Derivation:
    """The logistic function."""
    return derive(lambda x: mg.sigmoid(x), np.zeros((N, W)), title="Sigmoid")


def mean_loss(f: Callable[..., Any], title: str) -> Derivation:
    """A loss that is a mean over all elements of x and t."""
    return derive(f, np.zeros((N, W)), np.zeros((N, W)), title=title, inputs=("x", "t"), sizes={N * W: "n"})


def bce() -> Derivation:
    """Binary cross entropy of logits."""
    return mean_loss(mg.bce_with_logits, "Binary cross entropy")


def mse() -> Derivation:
    """Mean squared error."""
    return mean_loss(mg.mse, "Mean squared error")


DERIVATIONS: dict[str, Callable[[], Derivation]] = {
    f.__name__: f
    for f in (rnn_step, lstm_step, word_embedding, temporal_affine, temporal_softmax_loss, sigmoid, bce, mse)
}
