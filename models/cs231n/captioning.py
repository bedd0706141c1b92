"""CaptioningRNN: the course's captioner, a dict of NumPy arrays, computed and differentiated by the engine."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from minigrad.context import no_grad
from minigrad.errors import UsageError
from minigrad.op import Array
from models import closed_form
from models.captioner import Captioner
from models.cells import CELLS


def temporal_softmax_loss(x: Array, y: Array, mask: Array, verbose: bool = False) -> tuple[Array, Array]:
    """The loss () and dx (N, T, V) of scores x (N, T, V), ids y and mask (N, T).

    `verbose` prints the result's shape.
    """
    loss, dx = closed_form.temporal_softmax_loss(x, y, mask)
    if verbose:
        print("dx:", dx.shape)
    return loss, dx


class CaptioningRNN:
    """A captioner whose parameters are the arrays in `params`, read at every call: replace or change them freely.

    `word_to_idx` must have <NULL>, and <START> for sampling; V is its length. Weights are drawn from NumPy's global
    state in the order W_embed, W_proj, Wx, Wh, W_vocab.
    """

    def __init__(
        self,
        word_to_idx: Mapping[str, int],
        input_dim: int = 512,
        wordvec_dim: int = 128,
        hidden_dim: int = 128,
        cell_type: str = "rnn",
        dtype: Any = np.float32,
    ) -> None:
        if cell_type not in CELLS:
            raise UsageError(f"invalid cell_type {cell_type!r}: choose one of {', '.join(CELLS)}")
        if "<NULL>" not in word_to_idx:
            raise UsageError("word_to_idx has no word <NULL>, which pads captions")
        self.cell_type, self.dtype, self.word_to_idx = cell_type, dtype, word_to_idx
        self.idx_to_word = {i: w for w, i in word_to_idx.items()}
        V, gates = len(word_to_idx), CELLS[cell_type].gates
        params = {
            "W_embed": np.random.randn(V, wordvec_dim) / 100,  # noqa: NPY002 (the course's global state)
            "W_proj": weights(input_dim, hidden_dim),
            "b_proj": np.zeros(hidden_dim),
            "Wx": weights(wordvec_dim, gates * hidden_dim),
            "Wh": weights(hidden_dim, gates * hidden_dim),
            "b": np.zeros(gates * hidden_dim),
            "W_vocab": weights(hidden_dim, V),
            "b_vocab": np.zeros(V),
        }
        self.params: dict[str, Array] = {name: array.astype(dtype) for name, array in params.items()}
        self._captioner = Captioner(cell_type, V, input_dim, wordvec_dim, hidden_dim, dtype, null=word_to_idx["<NULL>"])

    def loss(self, features: Array, captions: Array) -> tuple[float, dict[str, Array]]:
        """The loss of captions (N, T + 1) given features (N, D), and its gradient for each entry of `params`."""
        captioner = self._current()
        captioner.zero_grad()
        loss = captioner.loss(features, captions)
        loss.backward(retain_graph=False)
        return float(loss), {
            short(path): p.grad.numpy() for path, p in captioner.named_parameters() if p.grad is not None
        }

    def sample(self, features: Array, max_length: int = 30) -> Array:
        """Greedy captions for features (N, D): ids (N, max_length), the most probable of all words at each step."""
        if "<START>" not in self.word_to_idx:
            raise UsageError("word_to_idx has no word <START>, with which sampling begins")
        captioner, columns = self._current(), []
        words = np.full(len(features), self.word_to_idx["<START>"])
        with no_grad():
            state = captioner.begin(features)
            for _ in range(max_length):
                scores, state = captioner.step(words, state)
                words = scores.numpy().argmax(axis=1)
                columns.append(words)
        return np.stack(columns, axis=1).astype(np.int32) if columns else np.zeros((len(features), 0), np.int32)

    def _current(self) -> Captioner:
        """The captioner with the arrays that `params` holds now."""
        for path, parameter in self._captioner.named_parameters():
            if short(path) not in self.params:
                raise UsageError(f"params has no entry {short(path)!r}; it has {', '.join(self.params)}")
            parameter.data = np.asarray(self.params[short(path)])
        return self._captioner


def weights(rows: int, columns: int) -> Array:
    """A random matrix with standard deviation 1/√rows, from NumPy's global state."""
    return np.random.randn(rows, columns) / np.sqrt(rows)  # type: ignore[no-any-return]  # noqa: NPY002


def short(path: str) -> str:
    """The course's name of a parameter: `cell.Wx` is its Wx."""
    return path.removeprefix("cell.")
