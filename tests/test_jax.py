"""JAX: graphs as its functions, and its gradients as a second oracle beside differences, in double precision."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_ops import concrete

import minigrad as mg
from minigrad.check.records import RECORDS
from minigrad.errors import MissingPackageError
from minigrad.op import Op

needs_jax = pytest.mark.skipif(find_spec("jax") is None, reason="needs jax: python -m pip install 'minigrad[jax]'")

OTHERWISE = {  # where there is no derivative, ours and JAX's choice
    "Abs 0": "at 0: ours 0, JAX's 1",
    "Clip 0": "at the edges: ours 1, JAX's ½",
    "Power 0": "0 to a power, and a negative base: ours finite, JAX's NaN",
    "Sqrt 0": "at 0: ours 0, JAX's ∞",
    "MaxPool2d 0": "of equal elements: ours the first, JAX's share",
    "MaxPool2d 1": "the same",
    "MaxPool2d 2": "the same",
}


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """How far JAX is from us, found in a process of its own."""
    script = Path(__file__).with_name("jax_oracle.py")
    printed = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=600)
    assert printed.returncode == 0, printed.stderr
    return json.loads(printed.stdout)  # type: ignore[no-any-return]


@needs_jax
@pytest.mark.parametrize("name", [op.__name__ for op in RECORDS])
def test_values_and_gradients_are_jaxs(found: dict[str, Any], name: str) -> None:
    assert max(found["ops"][name]) <= 1e-13


@needs_jax
def test_conventions_at_kinks_differ_only_where_it_is_said(found: dict[str, Any]) -> None:
    assert {name for name, errors in found["corners"].items() if max(errors) > 1e-13} == set(OTHERWISE)


@needs_jax
@pytest.mark.parametrize("name", ["captioner", "generator"])
def test_gradients_of_models_are_jaxs(found: dict[str, Any], name: str) -> None:
    assert found["models"][name] <= 1e-10


@needs_jax
def test_every_op_is_in_the_table_or_said_to_be_inexpressible() -> None:
    script = (
        "import json; from minigrad.export.jax.table import CANNOT, TABLE;"
        "print(json.dumps([[op.__name__ for op in each] for each in (TABLE, CANNOT)]))"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    expressed, cannot = map(set, json.loads(printed))
    ops = {op.__name__ for op in concrete(Op) if op.__module__.startswith("minigrad.ops.")}
    assert ops - expressed - cannot == set() and not expressed & cannot


SINGLE = """
import jax, numpy as np, minigrad as mg
from minigrad.errors import ShapeError
from models.captioner import Captioner
net = Captioner("lstm", vocab_size=9, feature_dim=3, word_dim=4, hidden_dim=5)
features, captions = np.ones((2, 3)), np.array([[1, 4, 2], [1, 5, 2]])
graph = mg.trace(net.loss, features, captions)
loss = jax.jit(mg.to_jax(graph))
assert abs(loss(features, captions)[0] - net.loss(features, captions).item()) < 1e-5
try:
    loss(features[:1], captions[:1])
except ShapeError as error:
    print(error)
"""


@needs_jax
def test_in_single_precision_nothing_is_warned_of_and_other_shapes_are_refused() -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", SINGLE], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("input arg0 is (2, 3), the argument (1, 3)\n", "")


def test_without_the_package_the_error_says_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(MissingPackageError, match=r"package jax is not installed: .*'minigrad\[jax\]'"):
        mg.to_jax(mg.trace(mg.tanh, np.ones(2)))
