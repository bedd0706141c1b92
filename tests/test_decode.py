"""Sentences: greedy, sampled and by beam search, against the scores of whole prefixes and against brute force."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad.errors import NotFiniteError, UsageError
from minigrad.functional import log_softmax
from minigrad.op import Array
from minigrad.tensor import Tensor
from models import Captioner
from models.cells import CELLS, State
from models.decode import beam_search, greedy, sample

N, D, W, H, V = 4, 6, 3, 5, 8
FEATURES = np.random.default_rng(0).normal(size=(N, D))


def small(cell: str = "lstm", seed: int = 0, vocabulary: int = V) -> Captioner:
    return Captioner(cell, vocabulary, D, W, H, dtype=np.float64, seed=seed, embedding_deviation=1.0)


@pytest.mark.parametrize("cell", CELLS)
def test_greedy_sentences_are_made_of_the_likeliest_words(cell: str) -> None:
    captioner = small(cell)
    found = greedy(captioner, FEATURES, max_length=6)
    assert np.array_equal(found, captioner.sample(FEATURES, max_length=6))
    for features, words in zip(FEATURES, found, strict=True):
        prefix = [captioner.start]
        for word in words:
            if prefix[-1] == captioner.end or captioner.null in prefix[1:]:
                assert word == captioner.null
            else:
                scores = captioner(features[None], np.array([prefix])).numpy()[0, -1]
                scores[[captioner.null, captioner.start]] = -np.inf
                assert word == scores.argmax()
            prefix.append(int(word))


def test_samples_follow_the_softmax_and_the_temperature() -> None:
    captioner = small(seed=4)
    many = np.repeat(FEATURES[:1], 4000, axis=0)
    scores = captioner(FEATURES[:1], np.array([[captioner.start]])).numpy()[0, 0]
    scores[[captioner.null, captioner.start]] = -np.inf
    for temperature in (0.5, 1.0, 2.0):
        drawn = sample(captioner, many, np.random.default_rng(0), temperature, max_length=1)[:, 0]
        wanted = np.exp(scores / temperature) / np.exp(scores / temperature).sum()
        assert np.abs(np.bincount(drawn, minlength=V) / len(many) - wanted).max() < 0.03
    coldest = sample(captioner, FEATURES, np.random.default_rng(0), 1e-300)
    assert np.array_equal(coldest, greedy(captioner, FEATURES))
    for temperature in (0.0, np.nan, np.inf):
        with pytest.raises(UsageError, match="temperature"):
            sample(captioner, FEATURES, np.random.default_rng(0), temperature)


def test_samples_belong_to_their_generator() -> None:
    captioner = small()
    first, again, other = (sample(captioner, FEATURES, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def log_probability(captioner: Captioner, features: Array, words: tuple[int, ...]) -> float:
    """Of a sentence, one word after another."""
    given = np.array([[captioner.start, *words[:-1]]])
    steps = log_softmax(captioner(features[None], given)).numpy()[0]
    return float(sum(steps[t, word] for t, word in enumerate(words)))


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(sorted(CELLS)), st.integers(0, 10**6), st.integers(1, 4))
def test_a_wide_enough_beam_search_is_exhaustive(cell: str, seed: int, length: int) -> None:
    captioner = small(cell, seed=seed, vocabulary=5)
    writable = [w for w in range(5) if w not in (captioner.null, captioner.start)]
    sentences = [
        s
        for n in range(1, length + 1)
        for s in itertools.product(writable, repeat=n)
        if captioner.end not in s[:-1] and (s[-1] == captioner.end or n == length)
    ]
    features = np.random.default_rng(seed).normal(size=(2, D))
    for row, best in zip(
        features, beam_search(captioner, features, beams=len(sentences), max_length=length), strict=True
    ):
        scored = sorted(((log_probability(captioner, row, s), s) for s in sentences), reverse=True)
        assert [tuple(map(int, words)) for words, _ in best] == [s for _, s in scored]
        assert np.allclose([p for _, p in best], [p for p, _ in scored], atol=1e-9)


def test_one_beam_is_greedy_and_more_beams_are_no_worse() -> None:
    captioner = small(seed=2)
    for words, best in zip(greedy(captioner, FEATURES, 6), beam_search(captioner, FEATURES, 1, 6), strict=True):
        assert words[words != captioner.null].tolist() == best[0][0].tolist()
    narrow, wide = (beam_search(captioner, FEATURES, beams, 6) for beams in (1, 60))
    assert all(w[0][1] >= n[0][1] - 1e-12 for n, w in zip(narrow, wide, strict=True))


def test_a_row_has_the_sentences_it_would_have_alone() -> None:
    captioner, many = small(seed=2), 3 * np.random.default_rng(1).normal(size=(12, D))
    together, searched = greedy(captioner, many, 12), beam_search(captioner, many, 3, 12)
    assert len({int((row == captioner.null).sum()) for row in together}) > 2  # they end at different times
    for features, row, best in zip(many, together, searched, strict=True):
        assert row[row != captioner.null].tolist() == greedy(captioner, features[None], 12)[0].tolist()
        (alone,) = beam_search(captioner, features[None], 3, 12)
        assert [ids.tolist() for ids, _ in best] == [ids.tolist() for ids, _ in alone]


def test_what_cannot_be_decoded() -> None:
    captioner, lost = small(), FEATURES.copy()
    lost[2, 1] = np.nan
    for decode in (greedy, beam_search):
        with pytest.raises(NotFiniteError, match="1 of 4 rows hold NaN, first those of row 2"):
            decode(captioner, lost)
        assert len(decode(captioner, FEATURES[:0])) == 0
    assert greedy(captioner, FEATURES, 0).shape == (N, 0)
    with pytest.raises(UsageError, match="0 beams"):
        beam_search(captioner, FEATURES, 0)


@pytest.mark.parametrize("decode", [greedy, beam_search])
def test_decoding_records_no_graph(decode: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    captioner, recorded = small(), []
    step = captioner.step

    def watched(words: Any, state: State) -> tuple[Tensor, State]:
        scores, state = step(words, state)
        recorded.extend(part.requires_grad for part in (scores, *state))
        return scores, state

    monkeypatch.setattr(captioner, "step", watched)
    decode(captioner, FEATURES)
    assert recorded
    assert not any(recorded)
