"""The compiler finds structure, not models: cells that exist nowhere in the package get the same treatment."""

import importlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_compiler import agree, products

import minigrad as mg
from minigrad.op import Array

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "examples"))
own_cell = importlib.import_module("own_cell")
T = 6
CELLS = {"gru": own_cell.gru_step, "coupled": own_cell.coupled_step}


def small(name: str) -> tuple[Callable[..., Any], Array, Array]:
    """Loss and gradients of a short loop in float64, and what to call that with."""
    return own_cell.task(CELLS[name], N=4, T=T, W=3, H=5, V=7, dtype=np.float64)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", CELLS)
def test_a_cell_unknown_to_the_package_compiles_to_the_same_values(name: str, workers: int) -> None:
    f, h0, words = small(name)
    agree(mg.compile(f, workers=workers)(h0, words), f(h0, words))


@pytest.mark.parametrize("name", CELLS)
def test_only_its_recurrence_stays_in_the_loop(name: str) -> None:
    # By hand. Left in the loop h @ Wh, T times, and its gradient, once less, as nobody asks for that of h0. Once each:
    # all x @ Wx, the scores, the gradients of the scores' h, of x, Wx and Wv. Twice that of Wh: of the states shown,
    # which lie in one piece of memory, and of h0.
    f, h0, words = small(name)
    compiled = mg.compile(f, workers=1)
    compiled(h0, words)
    assert products(compiled.traced) > 6 * T
    assert products(compiled.graph) == T + (T - 1) + 6 + 2


def test_no_file_of_the_compiler_knows_a_model() -> None:
    parts = "lstm rnn gru cell gate hidden captioner caption squeezenet vgg gan generator discriminator attention"
    own = {path.stem for path in (ROOT / "minigrad/compiler").glob("*.py")}  # `parallel` is a word of both
    modules = {path.stem for path in (ROOT / "models").glob("[a-z]*.py")} - own
    known = re.compile(rf"\b({'|'.join([*parts.split(), *modules])})s?\b", re.IGNORECASE)
    for path in (ROOT / "minigrad/compiler").rglob("*.py"):
        assert known.findall(path.read_text(encoding="utf-8")) == [], path.name
