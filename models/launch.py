"""How this process was started: alone, or by mpiexec as one of several ranks. Needs no MPI; anyone may import it."""

import os
from dataclasses import dataclass

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
    """What mpiexec says in the environment; a single rank if it says nothing."""
    for rank, ranks, here in _VARIABLES:
        if rank in os.environ and ranks in os.environ:
            count = int(os.environ[ranks])
            return Launch(int(os.environ[rank]), count, int(os.environ.get(here, count)))
    return Launch()
