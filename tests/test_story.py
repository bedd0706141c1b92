"""The page of what the compiler did: every pass that changed the program, with its picture, and all that is told."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
import viz

W = mg.Parameter(np.ones((3, 3)), "W<b>")


def loop(x: Any) -> Any:
    h = x[:, 0]
    for t in range(3):
        with mg.scope("cell", step=t):
            h = mg.tanh(x[:, t] @ W + h)
    return h.sum()


@pytest.mark.parametrize("f", [mg.value_and_grad(loop), lambda x: x])
def test_each_pass_that_found_something_has_its_pictures(f: Any, tmp_path: Path) -> None:
    step = mg.compile(f, workers=1)
    step(np.ones((2, 3, 3)))
    found = step.explain()
    page = viz.story(found, tmp_path / "story.html").read_text(encoding="utf-8")
    changed = [change for change in found.changes if change.story]
    assert page.count("<svg") == len(changed) and all(f">{c.name.capitalize()}</h2>" in page for c in changed)
    assert all(c.why.replace("'", "&#x27;") in page for c in changed)
    assert "Found nothing to do: common subexpressions" in page and "W<b>" not in page
    assert ">Memory</h2>" in page and ">Time</h2>" in page
    assert ">&lt;\u00a00.001<" in page and "e-0" not in page.partition("<main>")[0]  # no powers of ten in the headlines
