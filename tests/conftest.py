"""Holds BLAS to one thread before NumPy is loaded, and finds PyTorch and the real data where they exist."""

import os

for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from models.data.coco import CaptionData
    from models.training import Source


@pytest.fixture(scope="session")
def torch() -> Any:
    """PyTorch, the peer."""
    return pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real inputs, or a skip that says how to have one."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("MINIGRAD_TEST_DATA", beside))
    if not folder.is_dir():
        pytest.skip("real data absent: set MINIGRAD_TEST_DATA to its folder")
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> "Source":
    """A small folder of captions to train on; what it needs is imported by the tests that ask for it alone."""
    from test_training import write_captions

    from models.training import Source

    return Source(str(write_captions(tmp_path_factory.mktemp("data") / "captions")), "plain")


@pytest.fixture(scope="module")
def data(source: "Source") -> "CaptionData":
    """What is in it."""
    return source.open()
