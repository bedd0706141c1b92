"""A normal form has the value of what it stands for: random programs, gradients too; MINIGRAD_FUZZ says how many."""

import os

import numpy as np
import pytest
from proof_values import normal_form_values, random_graph

from minigrad.check.counterexample import places, run_real
from minigrad.check.proof.algebra import TooMuchWork

PROGRAMS = int(os.environ.get("MINIGRAD_FUZZ", "400"))
PARTS = 4
LIMIT = 20_000  # terms: some programs explode


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_normal_forms_have_the_programs_values(part: int) -> None:
    compared = 0
    for seed in range(part, PROGRAMS, PARTS):
        graph, arrays = random_graph(seed)
        wanted = [run_real(graph, arrays)[i] for i in places(graph)]
        try:
            found = normal_form_values(graph, arrays, LIMIT)[0]
        except (TooMuchWork, RecursionError, OverflowError):
            continue
        for a, b in zip(wanted, found, strict=True):
            if np.isfinite(a).all():
                assert np.abs(a - b).max() <= 1e-6 * max(np.abs(a).max(), 1e-3), seed
        compared += 1
    assert compared > 0.8 * PROGRAMS / PARTS
