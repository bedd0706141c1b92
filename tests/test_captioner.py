"""The captioner: its tree, its steps in time, its loss, its errors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import IndexRangeError, ShapeError, UsageError
from minigrad.ops.activation import Tanh
from minigrad.optim import Adam
from models import Captioner
from models.cells import CELLS
from models.data.coco import open_data

N, T, D, W, H, V = 4, 5, 6, 3, 5, 8
rng = np.random.default_rng(0)
FEATURES, CAPTIONS = rng.normal(size=(N, D)), rng.integers(0, V, (N, T + 1))


def small(cell: str = "lstm", dtype: Any = np.float64) -> Captioner:
    return Captioner(cell, V, D, W, H, dtype=dtype, embedding_deviation=1.0)


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
    with pytest.raises(ShapeError, match=r"\(N, D\), one row for each image, not \(6,\)"):
        small().sample(FEATURES[0])
    with pytest.raises(IndexRangeError, match=rf"outside \[0, {V}\)"):
        small().loss(FEATURES, np.full((N, 3), V))
    captioner = small()
    captioner.cell.Wh.data = np.ones((H + 1, 4 * H))
    with pytest.raises(ShapeError, match=r"captioner\.cell t=0.*captioner\.cell\.Wh"):
        captioner.loss(FEATURES, CAPTIONS)


def test_fifty_real_captions_are_learnt_by_heart(real_data: Path) -> None:
    data = open_data(real_data / "coco_small")
    _, first = np.unique(data.train.image_idxs, return_index=True)
    batch, order = data.train.batch(first[:50]), np.random.default_rng(0)
    captioner = Captioner("rnn", len(data.vocabulary), data.train.feature_dim, 256, 512)
    optimizer, losses = Adam(captioner.parameters()), []
    for epoch in range(50):
        optimizer.lr = 5e-3 * 0.95**epoch
        for rows in np.split(order.permutation(50), 2):
            captioner.zero_grad()
            loss = captioner.loss(batch.features[rows], batch.captions[rows])
            loss.backward(retain_graph=False)
            optimizer.step()
            losses.append(loss.item())
    assert np.mean(losses[-10:]) < 0.3
    told, written = batch.captions[:, 1:], captioner.sample(batch.features, max_length=16)
    written = np.pad(written, ((0, 0), (0, 16 - written.shape[1])), constant_values=captioner.null)
    assert np.count_nonzero((told == written).all(axis=1)) >= 48
