"""The prover: the textbook and rephrasings of it are proved, wrong derivations refuted, and nothing is guessed."""

import inspect
import json
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from proof_values import compared

import minigrad as mg
from minigrad.check import prove
from minigrad.check.formula import formula
from minigrad.cli import main
from minigrad.errors import DTypeError, ShapeError
from models import closed_form, theorems
from models.theorems import H, N, W

ALL = {theorem.name: theorem for theorem in theorems.theorems()}


@pytest.mark.parametrize("name", ALL)
def test_the_textbook_is_proved(name: str) -> None:
    proof = ALL[name].prove()
    assert [(v.output, v.status) for v in proof.verdicts] == [(output, "proved") for output in ALL[name].outputs]


def test_the_work_grows_with_the_steps_and_no_faster() -> None:
    proofs = {steps: theorems.sequence("lstm", steps).prove() for steps in (4, 8, 32)}
    assert {proof.status for proof in proofs.values()} == {"proved"}
    assert proofs[32].work - proofs[8].work <= 6.3 * (proofs[8].work - proofs[4].work)  # 24 steps and 4


SLIPS = (
    ("rnn step", "rnn_step_backward", "1 - next_h * next_h", "1 + next_h * next_h"),
    ("rnn step", "rnn_step_backward", "1 - next_h * next_h", "1 - next_h"),
    ("rnn step", "rnn_step_backward", "dnext_h * (1", "1 * (1"),
    ("rnn step", "rnn_step_backward", "da @ Wh.T", "da @ Wh"),
    ("rnn step", "rnn_step_backward", "prev_h.T @ da", "next_h.T @ da"),
    ("rnn step", "rnn_step_backward", "da.sum(axis=0)", "da.mean(axis=0)"),
    ("rnn sequence, T = 3", "rnn_backward", "dh[:, t] + dprev_h", "dh[:, t]"),
    ("rnn sequence, T = 3", "rnn_backward", "dh[:, t]", "dh[:, t - 1]"),
    ("rnn sequence, T = 2", "through_time", "sum(parts)", "parts[0]"),
    ("rnn sequence, T = 2", "through_time", "reversed(steps)", "steps"),
    ("lstm step", "lstm_step_backward", "dc * g, i)", "dc * prev_c, f)"),
    ("lstm step", "lstm_step_backward", "dc * i * (1 - g * g)", "dc * i * (1 - g)"),
    ("lstm step", "lstm_step_backward", "dc * i * (1 - g * g)", "dc * (1 - g * g)"),
    ("lstm step", "lstm_step_backward", "dnext_c + dnext_h", "dnext_c - dnext_h"),
    ("lstm step", "lstm_step_backward", "dnext_c + dnext_h", "dnext_h"),
    ("lstm step", "lstm_step_backward", "dc * f,", "dc * i,"),
    ("lstm step", "lstm_step_backward", "dnext_h * tanh_c, o", "dnext_h, o"),
    ("lstm step", "lstm_step_backward", "dc * prev_c", "dnext_c * prev_c"),
    ("lstm step", "lstm_step_backward", "prev_h.T @ da", "prev_c.T @ da"),
    ("lstm step", "sigmoid_backward", "dout * out * (1 - out)", "dout * (1 - out)"),
    ("lstm sequence, T = 2", "lstm_backward", "dprev_h, dprev_c, caches", "dprev_h, dprev_c * 0, caches"),
    ("lstm sequence, T = 2", "lstm_backward", "dh[:, t] + dprev_h", "dh[:, t]"),
    ("word embedding", "word_embedding_backward", "dout.reshape(-1, D)", "dout[:, ::-1].reshape(-1, D)"),
    ("temporal affine", "temporal_affine_backward", "rows.sum(axis=0)", "rows[:1].sum(axis=0)"),
    ("temporal softmax loss", "temporal_softmax_loss", "weight * (np.exp", "(np.exp"),
    ("temporal softmax loss", "temporal_softmax_loss", "total - hot", "total + hot"),
    ("temporal softmax loss", "temporal_softmax_loss", "total - hot) / N", "total - hot)"),
    ("bce", "bce_loss", "(sigmoid(x) - target)", "(sigmoid(x) + target)"),
    ("mse", "mse_loss", "2 * difference", "difference"),
    ("batch norm", "normalized_backward", "dhat - mean", "dhat"),
    ("batch norm of pictures", "normalized_backward", "hat * size) / deviation", "hat * size)"),
    ("layer norm", "layernorm_backward", "deviation, 1", "deviation, 0"),
    ("rnn captioner, T = 1", "captioning_loss", "after != null", "before != null"),
)


@pytest.mark.parametrize("slip", SLIPS, ids=lambda s: f"{s[1]}: {s[3]}")
def test_a_wrong_derivation_is_refuted(slip: tuple[str, str, str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    name, function, right, wrong = slip
    monkeypatch.setattr(theorems, "cf", with_slip(function, right, wrong))
    (theorem,) = (t for t in theorems.theorems() if t.name == name)
    proof = theorem.prove()
    assert proof.status == "refuted"
    automatic, textbook = theorem.programs()
    for i, verdict in enumerate(proof.verdicts):
        if verdict.counterexample:
            example = verdict.counterexample
            a, b = (g.run(*example.inputs.values())[i][example.index] for g in (automatic, textbook))
            assert (a, b) == (example.automatic, example.textbook)
            assert abs(a - b) > 1e-6 * max(abs(a), abs(b))


def with_slip(function: str, right: str, wrong: str) -> types.ModuleType:
    """The closed forms, with one expression in one function replaced."""
    source, text = inspect.getsource(closed_form), inspect.getsource(getattr(closed_form, function))
    assert right in text
    module = types.ModuleType("slipped")
    exec(source.replace(text, text.replace(right, wrong, 1)), module.__dict__)
    return module


def per_gate(dh: Any, dc: Any, x: Any, h: Any, c: Any, Wx: Any, Wh: Any, b: Any) -> Any:
    """Each gate with a product of its own, and σ' as s − s²."""
    parts = [slice(k * H, (k + 1) * H) for k in range(4)]
    i, f, o = (1 / (1 + np.exp(-(h @ Wh[:, p] + x @ Wx[:, p] + b[p]))) for p in parts[:3])
    g = np.tanh(x @ Wx[:, parts[3]] + h @ Wh[:, parts[3]] + b[parts[3]])
    t = np.tanh(i * g + f * c)
    total = dc + (o - o * t * t) * dh
    d = [(i - i * i) * g * total, (f - f * f) * c * total, (o - o * o) * t * dh, (i - i * g * g) * total]
    gates = list(zip(parts, d, strict=True))
    return (
        sum(da @ Wx[:, p].T for p, da in gates),
        sum(da @ Wh[:, p].T for p, da in gates),
        total * f,
        *(np.concatenate([a.T @ da for _, da in gates], axis=1) for a in (x, h)),
        np.concatenate([da.sum(axis=0) for da in d], axis=0),
    )


def distributed(dh: Any, dc: Any, x: Any, h: Any, c: Any, Wx: Any, Wh: Any, b: Any) -> Any:
    """The backward pass of h' and that of c' apart, and added up at the end."""
    cache = closed_form.lstm_step_forward(x, h, c, Wx, Wh, b)[-1]
    by_h = closed_form.lstm_step_backward(dh, dc * 0, cache)
    by_c = closed_form.lstm_step_backward(dh * 0, dc, cache)
    return tuple(p + q for p, q in zip(by_h, by_c, strict=True))


def stacked(dh: Any, dc: Any, x: Any, h: Any, c: Any, Wx: Any, Wh: Any, b: Any) -> Any:
    """[x h] and [Wx; Wh] as one matrix each."""
    both, weights = np.concatenate([x, h], axis=1), np.concatenate([Wx, Wh], axis=0)
    cache = closed_form.lstm_step_forward(both, h * 0, c, weights, Wh * 0, b)[-1]
    dboth, _, dc_before, dweights, _, db = closed_form.lstm_step_backward(dh, dc, cache)
    return dboth[:, :W], dboth[:, W:], dc_before, dweights[:W], dweights[W:], db


@pytest.mark.parametrize("rephrased", [per_gate, distributed, stacked])
def test_the_same_in_other_words_is_proved(rephrased: Callable[..., Any]) -> None:
    automatic, _ = ALL["lstm step"].programs()
    textbook = mg.trace(rephrased, *(mg.tensor(np.zeros(x.shape), name=x.name) for x in automatic.inputs))
    assert prove(automatic, textbook).status == "proved"


def test_numbers_that_agree_are_no_proof() -> None:
    proof = compared(lambda x: mg.sin(x) ** 2 + mg.cos(x) ** 2, lambda x: x * 0 + 1, (2,))
    assert proof.status == "not decided"
    assert all(formula(side) for side in proof.verdicts[0].difference)
    assert compared(lambda x: mg.tanh(x), lambda x: mg.tanh(x) * (1 + 1e-9), (2,)).status == "not decided"


def test_a_proof_says_what_it_found() -> None:
    found = str(compared(lambda x: (2 * x, 3 * x), lambda x: (x + x, 2 * x), (2,)))
    assert found.startswith("output 0: proved\noutput 1: refuted at [")
    assert str(compared(mg.tanh, lambda x: mg.tanh(x) * (1 + 1e-9), (2,))) == "output 0: not decided"


def test_an_identity_of_probabilities_is_proved() -> None:
    assert compared(lambda x: mg.softmax(x).sum(axis=1), lambda x: x[:, 0] * 0 + 1, (N, 3)).status == "proved"
    assert compared(mg.log_softmax, lambda x: mg.log(mg.softmax(x)), (N, 3)).status == "proved"
    assert compared(lambda x: mg.sigmoid(-x), lambda x: 1 - mg.sigmoid(x), (3,)).status == "proved"


def test_products_of_booleans_are_no_sums_and_complex_numbers_are_refused() -> None:
    def joined(mask: Any) -> Any:
        return (mask @ mask).astype(np.float64)

    def summed(mask: Any) -> Any:
        number = mask.astype(np.float64)
        return mg.minimum(number @ number, 1.0)

    mask = mg.tensor(np.zeros((1, 1), bool), name="mask")
    one = prove(mg.trace(joined, mask), mg.trace(summed, mask))
    assert one.status != "refuted"
    two = mg.tensor(np.zeros((2, 2), bool), name="mask")
    assert prove(mg.trace(joined, two), mg.trace(lambda m: m.astype(float) @ m.astype(float), two)).status != "proved"
    with pytest.raises(DTypeError, match="complex"):
        compared(mg.abs, mg.abs, np.zeros(2, complex))


def test_programs_that_do_not_correspond_are_an_error() -> None:
    with pytest.raises(ShapeError, match="outputs"):
        compared(lambda x: x, lambda x: x.sum(), (3,))


def test_a_proof_states_what_it_takes_for_granted() -> None:
    proof = ALL["temporal softmax loss"].prove()
    assert proof.assumptions == ("y: ids of rows that are there", "mask: each 0 or 1")


def test_the_command_prints_the_table_of_theorems(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", "rnn step", "mse", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["theorems"]
    assert [(t["name"], t["status"]) for t in found] == [("rnn step", "proved"), ("mse", "proved")]
    assert all(set(t) == {"name", "status", "seconds"} and t["seconds"] >= 0 for t in found)
    assert main(["prove", "word embedding", "--verbose"]) == 0
    printed = capsys.readouterr().out
    assert "1 of 1 proved" in printed
    assert "ids (2, 3), W (7, 3)" in printed and "given: ids: ids of rows that are there" in printed
    assert main(["prove", "gru"]) == 2


def test_the_command_shows_what_speaks_against_a_theorem(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(theorems, "cf", with_slip("mse_loss", "2 * difference", "difference"))
    assert main(["prove", "mse"]) == 1
    assert "dx differs at [" in capsys.readouterr().out
