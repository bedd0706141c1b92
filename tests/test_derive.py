"""Gradients printed as mathematics: they read like a textbook, and every equation is true."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.check import derive
from minigrad.check.derivation import Derivation
from minigrad.cli import main
from models import closed_form as cf
from models.derivations import DERIVATIONS

ROOT = Path(__file__).resolve().parents[1]


def test_the_lstm_reads_like_a_textbook() -> None:
    text = DERIVATIONS["lstm_step"]().text
    found = [" ".join(line.split()) for line in text.splitlines()]
    for line in (
        "a = x W_x + h W_h + b",
        "[a_i a_f a_o a_g] = a",
        "c' = f ⊙ c + i ⊙ g",
        "h' = o ⊙ tanh(c')",
        "dc' ← dc' + dh' ⊙ o ⊙ (1 − tanh²(c'))",
        "da_i = di ⊙ i ⊙ (1 − i)",
        "da_g = dg ⊙ (1 − g²)",
        "da = [da_i da_f da_o da_g]",
        "dc = dc' ⊙ f",
        "dx = da W_xᵀ",
        "dW_x = xᵀ da",
        "dW_h = hᵀ da",
        "db = Σ_n da",
    ):
        assert line in found, text


def evaluated(text: str, values: dict[str, Any], parts: int) -> dict[str, Any]:
    """The printed equations, computed by Python after a change of spelling: nothing of the engine takes part."""
    functions = {"σ": cf.sigmoid, "tanh": np.tanh, "tanh2": lambda x: np.tanh(x) ** 2, "Σ_n": lambda x: x.sum(axis=0)}
    known = {**values, **functions}
    for line in text.splitlines():
        sides = re.split(r" = | ← ", line.strip())
        if len(sides) != 2:
            continue
        name, formula = sides
        if name.startswith("["):
            blocks = np.split(known[spelled(formula)], parts, axis=1)
            known.update(zip(map(spelled, name.strip("[]").split()), blocks, strict=True))
        else:
            known[spelled(name)] = eval(spelled(formula), {}, {**known, "concatenate": np.concatenate})
    return known


def spelled(formula: str) -> str:
    formula = re.sub(r"\[(.*?)\]", lambda m: f"concatenate([{', '.join(m[1].split())}], axis=1)", formula)
    formula = formula.replace("tanh²(", "tanh2(").replace("²", "**2").replace("⊙", "*").replace("−", "-")
    formula = re.sub(r"(\w+'?)ᵀ (\w+)", r"\1.T @ \2", formula)
    formula = re.sub(r"(\w+) (\w+)ᵀ", r"\1 @ \2.T", formula)
    formula = re.sub(r"\b([xh]) (W_\w)", r"\1 @ \2", formula)
    return re.sub(r"Σ_n (\w+)", r"Σ_n(\1)", formula).replace("'", "_")


@pytest.mark.parametrize("kind", ["rnn", "lstm"])
def test_the_printed_equations_compute_the_gradients(kind: str) -> None:
    rng = np.random.default_rng(0)
    n, w, h, gates = 4, 3, 5, 4 if kind == "lstm" else 1
    shapes = {"x": (n, w), "h": (n, h), "W_x": (w, gates * h), "W_h": (h, gates * h), "b": (gates * h,)}
    states = ["h", "c"][: 2 if kind == "lstm" else 1]
    values = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    values |= {name: rng.normal(size=(n, h)) for name in ("c", "dh_", "dc_")}
    inputs = [values[name] for name in ("x", *states, "W_x", "W_h", "b")]
    known = evaluated(DERIVATIONS[f"{kind}_step"]().text, values, parts=4)
    cache = getattr(cf, f"{kind}_step_forward")(*inputs)[-1]
    by_hand = getattr(cf, f"{kind}_step_backward")(*(values[f"d{s}_"] for s in states), cache)
    for name, gradient in zip(("dx", *(f"d{s}" for s in states), "dW_x", "dW_h", "db"), by_hand, strict=True):
        assert np.abs(known[name] - gradient).max() <= 1e-12 * np.abs(gradient).max(), name


@pytest.mark.parametrize("name", DERIVATIONS)
def test_the_program_behind_the_equations_computes_the_gradients(name: str) -> None:
    derivation = DERIVATIONS[name]()
    graph, rng = derivation.graph, np.random.default_rng(0)
    arrays = [
        rng.normal(size=x.shape) if x.dtype.kind == "f" else rng.integers(0, 2, x.shape).astype(x.dtype)
        for x in graph.inputs
    ]
    assert all(np.isfinite(y).all() for y in graph.run(*arrays))
    assert derivation.backward


@pytest.mark.parametrize("name", DERIVATIONS)
def test_the_page_is_well_formed_and_offline(name: str) -> None:
    page = DERIVATIONS[name]().html
    for formula in re.findall(r"<math.*?</math>", page):
        ET.fromstring(formula)
    assert page.count("<math") == len(re.findall(r"<math.*?</math>", page)) >= 4
    assert "http" not in page
    assert "<script" not in page


def test_any_function_can_be_derived() -> None:
    def energy(x: Any, k: Any) -> Any:
        return (k * mg.square(x)).sum() / 2

    found = derive(energy, np.zeros(3), np.zeros(3))
    assert "dk = x² / 2" in found.text
    assert r"\frac{" in found.latex
    assert isinstance(found, Derivation)
    unknown = derive(lambda x: mg.sin(x), np.zeros(2))
    assert "dx = dy ⊙ cos(x)" in unknown.text


def test_shapes_that_matter_are_printed() -> None:
    column = derive(lambda x, w: mg.tanh(x @ w), np.zeros((2, 3)), np.zeros((3, 1)), title="column").text
    assert "δ_1 = dy ⊙ (1 − y²)" in column
    assert "dx = δ_1 wᵀ" in column
    row = derive(lambda x, b: x * b, np.zeros((4, 3)), np.zeros((1, 3)), title="row").text
    assert "db = Σ_n dy ⊙ x" in row
    most = derive(lambda x: x.cumsum(1) * 2, np.zeros((4, 3)), title="most").text
    assert "cumsum[axis=1, reverse=False](x)" in most
    turned = derive(lambda x, w: x.reshape(3, 2) @ w, np.zeros((2, 3)), np.zeros((2, 5)), title="turned").text
    assert "reshape[to=(3, 2)](x) w" in turned


def test_what_is_long_and_used_again_gets_a_name() -> None:
    def attention(q: Any, k: Any, v: Any) -> Any:
        return mg.softmax(q @ k.T / 2, axis=1) @ v

    text = derive(attention, np.zeros((4, 3)), np.zeros((5, 3)), np.zeros((5, 2))).text
    for line in ("u_1 = softmax[axis=1](q kᵀ / 2)", "y = u_1 v", "δ_1 = dy vᵀ ⊙ u_1", "dk = δ_2ᵀ q", "dv = u_1ᵀ dy"):
        assert line in text, text


def test_the_command_writes_every_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for suffix in ("txt", "tex", "html"):
        assert main(["derive", "rnn_step", "-o", str(tmp_path / f"rnn.{suffix}")]) == 0
        assert (tmp_path / f"rnn.{suffix}").stat().st_size > 100
    capsys.readouterr()
    assert main(["derive", "sigmoid", "--json"]) == 0
    assert "dy ⊙ y ⊙ (1 − y)" in json.loads(capsys.readouterr().out)["text"]
    assert main(["derive", "lstm"]) == 2
    assert "did you mean lstm_step?" in capsys.readouterr().err
    assert main(["derive", "rnn_step", "-o", str(tmp_path / "rnn.pdf")]) == 2


def test_the_document_is_what_the_command_writes(tmp_path: Path) -> None:
    assert main(["derive", "--docs", str(tmp_path / "derivations.md")]) == 0
    assert (tmp_path / "derivations.md").read_text("utf-8") == (ROOT / "docs/derivations.md").read_text("utf-8")
