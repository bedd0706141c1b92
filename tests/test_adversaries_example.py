"""The game min max x y: what its example says of both ways to play."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

SOURCE = Path(__file__).resolve().parents[1] / "examples" / "adversaries.py"


def example() -> Any:
    """The example as a module."""
    spec = importlib.util.spec_from_file_location("adversaries", SOURCE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_turns_stay_on_an_ellipse_and_moves_at_once_spiral_out(tmp_path: Path) -> None:
    module, rate = example(), 0.2
    x, y = np.array(module.play(turns=True, rate=rate)).T
    assert np.allclose(x * x + rate * x * y + y * y, 1, rtol=0, atol=1e-12)
    x, y = np.array(module.play(turns=False, rate=rate)).T
    assert np.allclose((x * x + y * y)[1:] / (x * x + y * y)[:-1], 1 + rate**2, rtol=1e-12)
    module.draw(tmp_path / "game.svg")
    assert "<svg" in (tmp_path / "game.svg").read_text()
