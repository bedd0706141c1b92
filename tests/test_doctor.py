"""What `minigrad doctor` says about speed: kernels, what they reach, what pins them, and why so many workers."""

import json
from typing import Any

import pytest

from minigrad.cli import machine, mpi, speed
from minigrad.compiler import parallel
from minigrad.compiler.parallel import usable_cores

FOUND: dict[str, Any] = {
    "processor": "A Processor",
    "cores": 4,
    "cores_of_machine": 4,
    "blas_threads": 4,
    "blas": ["openblas 0.3 Haswell, 4 threads"],
    "small_kernels": False,
    "one": 50e9,
    "all": 190e9,
    "others": 0.0,
    "peak": {"rate": 100e9, "operations_a_cycle": 32, "is": "32 operations a cycle at 3.1 GHz"},
    "pins": {},
    "threads": {},
    "unpinned": None,
    "workers": 4,
    "blas_can_be_held": True,
    "handing_over": 5e-5,
}


def told(**changes: Any) -> str:
    return "\n".join(speed.in_words(FOUND | changes))


def test_what_is_reached_of_the_peak() -> None:
    assert "50 GFLOP/s on one core, 190 GFLOP/s with one on each" in told()
    assert "100 GFLOP/s, 32 operations a cycle at 3.1 GHz; reached: 50%" in told()
    assert "clock is in truth 3.8 GHz or more" in told(one=120e9)
    assert "not known" in told(peak=None)
    alone = told(all=None, blas=None, blas_can_be_held=False, workers=1)
    assert "50 GFLOP/s with as many threads as BLAS takes" in alone and "reached:" not in alone
    assert "which one is not known (python -m pip install threadpoolctl)" in alone
    assert "other processes took 0.7 cores" in told(others=0.7)


def test_a_variable_that_pins_slower_kernels_is_named_with_the_remedy() -> None:
    kernels = {"blas": ["openblas 0.3 SkylakeX, 4 threads"], "small_kernels": False}
    pins, better = {"OPENBLAS_CORETYPE": "Haswell"}, {"one": 90e9} | kernels
    text = told(pins=pins, unpinned=better)
    assert "OPENBLAS_CORETYPE=Haswell pins" in text
    assert "without it 90 GFLOP/s, openblas 0.3 SkylakeX, 4 threads, faster: unset OPENBLAS_CORETYPE" in text
    assert "no faster: OPENBLAS_CORETYPE may stay" in told(pins=pins, unpinned=better | {"one": 50e9})
    small = told(pins=pins, unpinned=better | {"one": 50e9, "small_kernels": True})
    assert "4 threads, with kernels for small products: unset OPENBLAS_CORETYPE" in small


def test_why_there_are_as_many_workers() -> None:
    assert "4 by default, one for each core: products on all run 3.8 times as fast" in told()
    assert "less than 0.1 GFLOP, 2.0 ms of products here" in told()
    assert "1 by default: the threads of this BLAS cannot be held" in told(blas_can_be_held=False, workers=1)
    assert "gains little here" in told(all=52e9) and "gains little here" not in told(all=52e9, others=0.7)
    alone = told(cores=1, workers=1)
    assert "A Processor, 1 of 4 cores" in alone and "1 by default: this process may use one core" in alone
    assert "handing it over" not in alone


def test_what_came_of_variables_that_limit_threads() -> None:
    text = told(threads={"OMP_NUM_THREADS": "7"})
    assert "OMP_NUM_THREADS=7: BLAS takes 4 threads for what is computed eagerly" in text and "unset" not in text
    text = told(threads={"OMP_NUM_THREADS": "7", "OPENBLAS_NUM_THREADS": "1"}, blas_threads=1)
    assert "BLAS takes 1 thread for" in text and "unset OMP_NUM_THREADS OPENBLAS_NUM_THREADS, and eager" in text
    assert "BLAS may heed that, or not" in told(threads={"OMP_NUM_THREADS": "7"}, blas_threads=None)


@pytest.mark.parametrize(("limit", "cores"), [("150000 100000", 1), ("400000 100000", 4), ("max 100000", 8), ("", 8)])
def test_a_container_has_the_cores_that_its_share_of_time_pays_for(
    limit: str, cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel.os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setattr(parallel.Path, "read_text", lambda path, encoding: limit)
    assert usable_cores() == cores


@pytest.mark.parametrize(
    ("about", "operations"),
    [
        ({"vendor_id": "AuthenticAMD", "cpu family": "25", "flags": "fma avx512f"}, 32),
        ({"vendor_id": "AuthenticAMD", "cpu family": "26", "flags": "fma avx512f"}, 64),
        ({"vendor_id": "GenuineIntel", "cpu family": "6", "flags": "fma avx512f"}, 64),
        ({"vendor_id": "GenuineIntel", "cpu family": "6", "flags": "fma avx2"}, 32),
        ({"flags": "asimd"}, None),
        ({}, None),
    ],
)
def test_operations_a_cycle(about: dict[str, str], operations: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cpuinfo", lambda: about)
    found = machine.operations_a_cycle()
    assert (found and found[0]) == operations


def test_what_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "SIZE", 64)
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    found = speed.speed()
    assert found["one"] > 0 and found["all"] > 0 and found["cores"] == usable_cores()
    assert found["unpinned"]["one"] > 0 and found["pins"] == {"OPENBLAS_CORETYPE": "Haswell"}
    assert "CORETYPE" in "\n".join(speed.in_words(json.loads(json.dumps(found))))


def test_what_there_is_of_mpi() -> None:
    found = {"mpi4py": "4.1", "library": "MPICH Version: 5", "mpiexec": "/bin/mpiexec", "ranks": [("here", 2)] * 4}
    text = "\n".join(mpi.in_words(found))
    assert "mpi4py 4.1, MPICH Version: 5" in text and "4 of 4 on here, 2 cores there, which they share in turns" in text
    assert "in turns" not in "".join(mpi.in_words(found | {"ranks": [("a", 8), ("b", 8)]}))
    assert "minigrad[mpi]" in "".join(mpi.in_words(found | {"mpi4py": None}))
    assert "no library of MPI" in "".join(mpi.in_words(found | {"library": None}))
