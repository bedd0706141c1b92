"""What doctor says about MPI: its package, library and launcher, and where the ranks are. Imports no MPI itself."""

import os
import platform
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeAlias

from minigrad.compiler.parallel import usable_cores

Place: TypeAlias = tuple[str, int]
"""The name of a rank's machine, and how many cores it may use there."""

_LIBRARY = "import mpi4py; mpi4py.rc.initialize = False; from mpi4py import MPI; print(MPI.Get_library_version())"
_INSTALL = "python -m pip install 'minigrad[mpi]'"


def here() -> Place:
    """This rank's machine and cores."""
    return platform.node(), usable_cores()


def found(places: list[Place]) -> dict[str, Any]:
    """Versions and paths, with None for what is missing, and the places of all ranks."""
    return {"mpi4py": mpi4py(), "library": library(), "mpiexec": shutil.which("mpiexec"), "ranks": places}


def mpi4py() -> str | None:
    """The version of mpi4py, or None."""
    try:
        return version("mpi4py")
    except PackageNotFoundError:
        return None


def library() -> str | None:
    """`MPICH Version: 5.0.2`, as reported by a process that mpiexec did not start; None if mpi4py finds no library."""
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("PMI", "OMPI", "MPI_"))}
    done = subprocess.run([sys.executable, "-c", _LIBRARY], capture_output=True, text=True, env=alone)
    return " ".join(done.stdout.splitlines()[0].split()).rstrip("\0") if done.returncode == 0 else None


def in_words(found: dict[str, Any]) -> Iterator[str]:
    """The report, line by line."""
    if found["mpi4py"] is None:
        yield f"  one: several need mpi4py, which is not installed: {_INSTALL}"
        return
    yield f"  mpi4py {found['mpi4py']}, {found['library'] or 'which finds no library of MPI: ' + _INSTALL}"
    yield f"  {found['mpiexec'] or 'mpiexec is not on the PATH'}"
    if len(found["ranks"]) == 1:
        yield "  one here; mpiexec -n 2 minigrad train shares its work between two"
    for (machine, cores), count in Counter(map(tuple, found["ranks"])).items():
        if len(found["ranks"]) > 1:
            turns = ", which they share in turns" if cores < count else ""
            yield f"  {count} of {len(found['ranks'])} on {machine}, {cores} cores there{turns}"
