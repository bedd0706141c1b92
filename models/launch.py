"""How this process was started: alone, or by mpiexec as one of several ranks. Anyone may import it; it needs no MPI."""

import os
from dataclasses import dataclass

_VARIABLES = (
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS"),  # MPICH, and what descends from it
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE"),  # Open MPI
)


@dataclass(frozen=True)
class Launch:
    """The number of this rank, from 0, how many there are, and how many of them on this machine."""

    rank: int = 0
    ranks: int = 1
    here: int = 1


def launch() -> Launch:
    """What mpiexec says in the environment; one rank where nobody says anything."""
    for rank, ranks, here in _VARIABLES:
        if rank in os.environ and ranks in os.environ:
            count = int(os.environ[ranks])
            return Launch(int(os.environ[rank]), count, int(os.environ.get(here, count)))
    return Launch()
