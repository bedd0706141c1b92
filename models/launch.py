"""How this process was started: alone, or by mpiexec as one of several ranks. Needs no MPI; anyone may import it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from minigrad.errors import UsageError

_VARIABLES = (
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS"),  # MPICH, and what descends from it
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE"),  # Open MPI
)


@dataclass(frozen=True)
class Launch:
    """This rank's number, from 0, the number of ranks, and the number of them on this machine."""

    rank: int = 0
    ranks: int = 1
    here: int = 1


def launch() -> Launch:
    """What mpiexec says in the environment; a single rank if it says nothing. UsageError for what cannot be."""
    for names in _VARIABLES:
        said = {name: os.environ[name] for name in names if name in os.environ}
        if names[0] in said and names[1] in said:
            return _launch(said)
    return Launch()


def _launch(said: Mapping[str, str]) -> Launch:
    """What variables say of a rank, the ranks and, perhaps, those here; UsageError if it makes no sense."""
    try:
        rank, ranks, *here = map(int, said.values())
    except ValueError:
        rank, ranks, here = 0, 0, []
    found = Launch(rank, ranks, *(here or [ranks]))
    if not (0 <= found.rank < found.ranks and 1 <= found.here <= found.ranks):
        told = ", ".join(f"{name}={value!r:.40}" for name, value in said.items())
        raise UsageError(f"{told} in the environment, where mpiexec tells of ranks, make no sense: unset them")
    return found
