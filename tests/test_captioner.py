"""The captioner: its tree, its steps in time, its loss, its errors, and sentences from it."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad.errors import IndexRangeError, ShapeError, UsageError
from minigrad.functional import log_softmax
from minigrad.op import Array
from minigrad.ops.activation import Tanh
from models import Captioner
from models.cells import CELLS
from models.decode import beam_search, greedy, sample

N, T, D, W, H, V = 4, 5, 6, 3, 5, 8
rng = np.random.default_rng(0)
FEATURES, CAPTIONS = rng.normal(size=(N, D)), rng.integers(0, V, (N, T + 1))


def small(cell: str = "lstm", dtype: Any = np.float64, seed: int = 0, vocabulary: int = V) -> Captioner:
    return Captioner(cell, vocabulary, D, W, H, dtype=dtype, seed=seed, embedding_deviation=1.0)


def test_parameters_have_their_names_and_the_courses_initial_sizes() -> None:
    captioner = Captioner("lstm", 1000, 400, 300, 200, seed=3)
    names = [parameter.name for parameter in captioner.parameters()]
    assert names == [
        f"captioner.{path}"
        for path in ("W_embed", "W_proj", "b_proj", "cell.Wx", "cell.Wh", "cell.b", "W_vocab", "b_vocab")
    ]
    deviations = {
        "W_embed": 0.01,
        "W_proj": 400**-0.5,
        "cell.Wx": 300**-0.5,
        "cell.Wh": 200**-0.5,
        "W_vocab": 200**-0.5,
    }
    state = captioner.state_dict()
    assert all(abs(state[path].std() / wanted - 1) < 0.02 for path, wanted in deviations.items())
    assert not any(state[path].any() for path in ("b_proj", "cell.b", "b_vocab"))
    assert np.flatnonzero(Captioner("lstm", 9, 4, 3, 2, forget_bias=1.0).cell.b.numpy()).tolist() == [2, 3]
    assert np.array_equal(state["W_vocab"], Captioner("lstm", 1000, 400, 300, 200, seed=3).state_dict()["W_vocab"])


@pytest.mark.parametrize("cell", CELLS)
def test_every_step_of_the_recurrence_is_visible(cell: str) -> None:
    graph = mg.Graph.of(small(cell).loss(FEATURES, CAPTIONS))
    steps = [n.scope.step for n in graph.nodes if n.scope.path == "captioner.cell" and isinstance(n.op, Tanh)]
    assert sorted(set(steps)) == list(range(T))
    assert len({steps.count(t) for t in range(T)}) == 1


@pytest.mark.parametrize("cell", CELLS)
def test_float32_stays_float32(cell: str) -> None:
    captioner = small(cell, np.float32)
    loss = captioner.loss(FEATURES, CAPTIONS)  # float64 features
    loss.backward()
    assert loss.dtype == np.float32
    assert {n.dtype.name for n in mg.Graph.of(loss).nodes} <= {"float32", "int64", "bool"}
    assert all(p.grad is not None and p.grad.dtype == np.float32 for p in captioner.parameters())


def test_the_two_reductions_and_padding() -> None:
    captioner, captions = small(), CAPTIONS.copy()
    captions[:, 3:] = captioner.null
    words = np.count_nonzero(captions[:, 1:])
    by_batch, by_word = (captioner.loss(FEATURES, captions, r).item() for r in ("batch", "words"))
    assert by_batch * N == pytest.approx(by_word * words)
    longer = np.concatenate([captions, np.zeros((N, 4), int)], axis=1)
    assert captioner.loss(FEATURES, longer).item() == pytest.approx(by_batch)


def test_errors_name_what_is_wrong() -> None:
    with pytest.raises(UsageError, match=r"'gru'.*rnn, lstm"):
        Captioner("gru")
    with pytest.raises(ShapeError, match=r"captioner\.W_proj"):
        small().loss(np.ones((N, D + 1)), CAPTIONS)
    with pytest.raises(ShapeError, match=r"\(3, 6\).*\(4, 6\)"):
        small().loss(FEATURES[:3], CAPTIONS)
    with pytest.raises(IndexRangeError, match=rf"outside \[0, {V}\)"):
        small().loss(FEATURES, np.full((N, 3), V))
    captioner = small()
    captioner.cell.Wh.data = np.ones((H + 1, 4 * H))
    with pytest.raises(ShapeError, match=r"captioner\.cell t=0.*captioner\.cell\.Wh"):
        captioner.loss(FEATURES, CAPTIONS)


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
    with pytest.raises(UsageError, match="temperature"):
        sample(captioner, FEATURES, np.random.default_rng(0), 0.0)


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
