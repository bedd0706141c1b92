"""Writing sentences: greedily, by sampling, and by beam search, for whole batches. Knows a captioner by its protocol.

<NULL>, <START> and other words that a captioner declares as unwritten are never written. Log-probabilities are the
model's own, over all its words. Scores that are NaN, because features or parameters are, raise an error.
"""

from typing import Any, Protocol, TypeAlias

import numpy as np

from minigrad.context import no_grad
from minigrad.errors import NotFiniteError, UsageError
from minigrad.functional import log_softmax
from minigrad.op import Array
from minigrad.tensor import Tensor

State: TypeAlias = tuple[Any, ...]
"""Tensors with a row for each sentence, and states of them."""


class Captioner(Protocol):
    """What decoding needs of a captioner: a state from features (N, D), and scores (N, V) word by word."""

    null: int
    start: int
    end: int
    unwritten: tuple[int, ...]
    """The ids that are never chosen."""

    def begin(self, features: Any) -> State:
        """The state before the first word."""

    def step(self, words: Any, state: State) -> tuple[Tensor, State]:
        """From words (N,) and the previous state, the scores of the next words and the new state."""


Hypothesis = tuple[Array, float]
"""Ids of a sentence, <END> included where it ended, and its log-probability."""


def greedy(captioner: Captioner, features: Any, max_length: int = 30) -> Array:
    """The most probable word at each step: ids (N, at most max_length), padded with <NULL> after <END>."""
    return written(captioner, features, max_length, lambda scores: scores.argmax(axis=1))


def sample(
    captioner: Captioner,
    features: Any,
    rng: np.random.Generator,
    temperature: float = 1.0,
    max_length: int = 30,
) -> Array:
    """Words drawn from softmax(scores / temperature): ids as from `greedy`."""
    if not 0 < temperature < np.inf:
        raise UsageError(f"the temperature is {temperature}; it must be finite and above 0, greedy decoding's limit")

    def drawn(scores: Array) -> Array:
        # The largest of scores with Gumbel noise is a draw from their softmax (Gumbel 1954). The temperature multiplies
        # the noise, where dividing the scores could overflow.
        noisy: Array = scores + temperature * rng.gumbel(size=scores.shape)
        words: Array = noisy.argmax(axis=1)
        return words

    return written(captioner, features, max_length, drawn)


def written(captioner: Captioner, features: Any, max_length: int, choose: Any) -> Array:
    """Sentences written by a rule `choose` that picks words (N,) from the allowed scores (N, V)."""
    columns: list[Array] = []
    with no_grad():
        state = captioner.begin(features)
        words = np.full(len(features), captioner.start)
        running = np.ones(len(features), bool)
        while running.any() and len(columns) < max_length:
            scores, state = captioner.step(words, state)
            words = np.where(running, choose(allowed(captioner, scores.numpy())), captioner.null)
            running &= words != captioner.end
            columns.append(words)
    return np.stack(columns, axis=1) if columns else np.zeros((len(features), 0), np.intp)


def allowed(captioner: Captioner, scores: Array) -> Array:
    """Scores (N, ..., V) with −∞ for words that are never written; NotFiniteError if any are NaN."""
    lost = np.unique(np.nonzero(np.isnan(scores))[0])
    if lost.size:
        raise NotFiniteError(
            f"the scores of {lost.size} of {len(scores)} rows hold NaN, first those of row {lost[0]}: "
            "look for it in the features and in the captioner's parameters"
        )
    scores = scores.copy()
    scores[..., list(captioner.unwritten)] = -np.inf
    return scores


def beam_search(captioner: Captioner, features: Any, beams: int = 3, max_length: int = 30) -> list[list[Hypothesis]]:
    """The best sentences for each row of features (N, D), at most `beams` of them, the most probable first.

    A sentence ends with <END> or at `max_length`. At each step the `beams` most probable continuations are kept, and
    those that end leave the beam. One beam is greedy decoding; enough beams make the search exhaustive.
    """
    if beams < 1 or max_length < 1:
        raise UsageError(f"{beams} beams of {max_length} words: there must be at least one of each")
    with no_grad():
        search = Search(captioner, features, beams)
        for _ in range(max_length):
            if not search.extend():
                break
        return search.best()


class Search:
    """A beam search in progress: for each row `beams` unfinished sentences, and the finished ones so far."""

    def __init__(self, captioner: Captioner, features: Any, beams: int) -> None:
        self.captioner, self.beams, self.rows = captioner, beams, len(features)
        self.state: State = take(captioner.begin(features), np.repeat(np.arange(self.rows), beams))
        self.words = np.zeros((self.rows, beams, 0), np.intp)
        # All beams start alike: only the first may be extended, or each sentence would be found many times.
        self.scores = np.where(np.arange(beams) == 0, 0.0, -np.inf) * np.ones((self.rows, 1))
        self.finished: list[list[Hypothesis]] = [[] for _ in range(self.rows)]

    def extend(self) -> bool:
        """Adds a word to every sentence; returns whether any unfinished one could still be among the best."""
        candidates, state = self._candidates()
        chosen = np.argsort(-candidates, axis=1, kind="stable")[:, : self.beams]
        parents, words = np.divmod(chosen, candidates.shape[1] // self.beams)
        self.scores = np.take_along_axis(candidates, chosen, 1)
        self.words = np.concatenate([np.take_along_axis(self.words, parents[..., None], 1), words[..., None]], axis=2)
        self.state = take(state, (parents + np.arange(self.rows)[:, None] * self.beams).ravel())
        self._finish(words == self.captioner.end)
        return any(self._promising(row) for row in range(self.rows))

    def best(self) -> list[list[Hypothesis]]:
        """The best sentences of each row, unfinished ones included."""
        self._finish(np.ones_like(self.scores, bool))
        return self.finished

    def _candidates(self) -> tuple[Array, State]:
        """The log-probability of every sentence extended by every word (rows, beams · V), and the new states."""
        last = self.words[..., -1] if self.words.shape[2] else np.full((self.rows, self.beams), self.captioner.start)
        scores, state = self.captioner.step(last.ravel(), self.state)
        V = scores.shape[1]
        steps = allowed(self.captioner, log_softmax(scores).numpy().reshape(self.rows, self.beams, V))
        return (self.scores[..., None] + steps).reshape(self.rows, self.beams * V), state

    def _finish(self, ended: Array) -> None:
        """Moves the marked sentences (rows, beams) out of the beam, keeping those that are good enough."""
        for row, beam in zip(*np.nonzero(ended & (self.scores > -np.inf)), strict=True):
            found = (self.words[row, beam], float(self.scores[row, beam]))
            self.finished[row] = sorted([*self.finished[row], found], key=log_probability)[: self.beams]
        self.scores = np.where(ended, -np.inf, self.scores)

    def _promising(self, row: int) -> bool:
        """Whether an unfinished sentence beats the worst one kept: longer sentences are never more probable."""
        kept = self.finished[row]
        bar = kept[-1][1] if len(kept) == self.beams else -np.inf
        return bool(self.scores[row].max() > bar)


def log_probability(hypothesis: Hypothesis) -> float:
    """A sort key: the most probable first."""
    return -hypothesis[1]


def take(state: State, rows: Array) -> State:
    """These rows of every part of a state."""
    return tuple(take(part, rows) if isinstance(part, tuple) else Tensor(part.numpy()[rows]) for part in state)
