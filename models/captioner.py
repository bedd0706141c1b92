"""The captioner: from features of an image to a sentence, by a recurrent network unrolled in time.

Imports the engine.
"""

from typing import Any

import numpy as np

from minigrad import functional as F
from minigrad.context import scope
from minigrad.errors import ShapeError, UsageError
from minigrad.init import fan_in_normal, normal
from minigrad.losses import softmax_cross_entropy
from minigrad.module import Module, Parameter
from minigrad.op import Array
from minigrad.tensor import Tensor
from models.cells import CELLS, State
from models.decode import greedy


class Captioner(Module):
    """h₀ = features W_proj + b_proj; at each step a word's vector goes in, and scores of the next word come out.

    As in CS231n's assignment 3, after Vinyals et al. 2015. The unrolled recurrence consists of primitive operations,
    one visible step after another; its gradients are the engine's. Weights are drawn by a generator seeded with `seed`,
    with standard deviation 1/√fan-in (word vectors `embedding_deviation`); biases are zero, except `forget_bias` for an
    LSTM's forget gates.

    `null`, `start` and `end` are the ids of the words <NULL> (padding), <START> and <END>. If `unk`, the id of <UNK>,
    is given, that word is learnt but never written.
    """

    def __init__(
        self,
        cell: str = "lstm",
        vocab_size: int = 1004,
        feature_dim: int = 512,
        word_dim: int = 256,
        hidden_dim: int = 512,
        dtype: Any = np.float32,
        seed: int = 0,
        null: int = 0,
        start: int = 1,
        end: int = 2,
        unk: int | None = None,
        embedding_deviation: float = 0.01,
        forget_bias: float = 0.0,
    ) -> None:
        if cell not in CELLS:
            raise UsageError(f"there is no cell {cell!r}: choose one of {', '.join(CELLS)}")
        if min(vocab_size, feature_dim, word_dim, hidden_dim) < 1:
            raise UsageError("vocab_size, feature_dim, word_dim and hidden_dim must all be at least 1")
        rng = np.random.default_rng(seed)
        self.null, self.start, self.end = null, start, end
        self.unwritten: tuple[int, ...] = (null, start) if unk is None else (null, start, unk)
        self.W_embed = Parameter(normal(rng, (vocab_size, word_dim), embedding_deviation, dtype))
        self.W_proj = Parameter(fan_in_normal(rng, (feature_dim, hidden_dim), dtype))
        self.b_proj = Parameter(np.zeros(hidden_dim, dtype))
        options = {"forget_bias": forget_bias} if cell == "lstm" else {}
        self.cell = CELLS[cell](word_dim, hidden_dim, rng, dtype, **options)
        self.W_vocab = Parameter(fan_in_normal(rng, (hidden_dim, vocab_size), dtype))
        self.b_vocab = Parameter(np.zeros(vocab_size, dtype))

    @property
    def vocab_size(self) -> int:
        """The number V of words."""
        return self.W_embed.shape[0]

    def begin(self, features: Any) -> State:
        """The state before the first word, for features (N, D)."""
        if len(features.shape) != 2:
            raise ShapeError(f"a captioner takes features (N, D), one row for each image, not {features.shape}")
        return self.cell.start(self._cast(features) @ self.W_proj + self.b_proj)

    def step(self, words: Any, state: State) -> tuple[Tensor, State]:
        """From words (N,) and the previous state, the scores (N, V) of the next words and the new state."""
        state = self.cell(F.embedding(words, self.W_embed), state)
        return self.scores(state[0]), state

    def scores(self, h: Tensor) -> Tensor:
        """Scores (..., V), unnormalised log-probabilities, from hidden states (..., H)."""
        scores: Tensor = h @ self.W_vocab + self.b_vocab
        return scores

    def hidden_states(self, features: Any, words: Any) -> Tensor:
        """The hidden states (N, T, H) after each of the words (N, T)."""
        vectors = F.embedding(words, self.W_embed)  # (N, T, W)
        state, states = self.begin(features), []
        for t in range(words.shape[1]):
            with scope(step=t):
                state = self.cell(vectors[:, t], state)
            states.append(state[0])
        stacked: Tensor = F.stack(states, axis=1)
        return stacked

    def forward(self, features: Any, words: Any) -> Tensor:
        """Scores (N, T, V) of the word that follows each of the words (N, T)."""
        return self.scores(self.hidden_states(features, words))

    def loss(self, features: Any, captions: Any, reduction: str = "batch") -> Tensor:
        """Softmax cross entropy of each caption's words given the previous ones; padding does not count.

        features (N, D), captions (N, T + 1) of ids beginning with <START>. `reduction="batch"` sums over time and
        averages over the batch, as the course does; "words" averages over all words.
        """
        self._check(features, captions)
        following = captions[:, 1:]
        scores = self(features, captions[:, :-1])
        loss: Tensor = softmax_cross_entropy(scores, following, following != self.null, reduction)
        return loss

    def sample(self, features: Any, max_length: int = 30) -> Array:
        """The greedy captions of features (N, D): ids (N, at most max_length), padded with <NULL> after <END>."""
        return greedy(self, features, max_length)

    def _check(self, features: Any, captions: Any) -> None:
        if len(captions.shape) != 2 or features.shape[:1] != captions.shape[:1]:
            raise ShapeError(
                f"a captioner takes features (N, D) and captions (N, T + 1), not {features.shape} and {captions.shape}"
            )
        if captions.shape[1] < 2:
            raise ShapeError(f"captions {captions.shape} need at least two words each: <START> and one to predict")

    def _cast(self, features: Any) -> Any:
        """Features in the parameters' dtype, so that everything is computed in that."""
        return features if features.dtype == self.W_proj.dtype else features.astype(self.W_proj.dtype)
