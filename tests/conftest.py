"""Holds BLAS to one thread before NumPy is loaded, and finds the real data where it exists."""

import os

for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real inputs, or a skip that says how to have one."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("MINIGRAD_TEST_DATA", beside))
    if not folder.is_dir():
        pytest.skip("real data absent: set MINIGRAD_TEST_DATA to its folder")
    return folder
