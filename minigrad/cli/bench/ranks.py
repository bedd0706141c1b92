"""One rank of the measurements of `minigrad bench parallel`: reads its task as JSON; the first rank prints the times.

Started by mpiexec, by `parallel`.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.cli.bench.task import FEATURES, HIDDEN, VOCABULARY, WORD, Task
from minigrad.compiler.parallel import one_blas_thread
from minigrad.measure import seconds
from minigrad.optim import Adam, clip_grad_norm
from models import Captioner
from models.parallel import Ranks, world
from models.training.step import Step

WARM_UP, CALLS = 2, 5
PHASES = ("gradients", "waiting", "allreduce", "update")


class Training:
    """A captioner's training on random captions, of which this rank computes a part."""

    def __init__(self, task: Task, ranks: Ranks) -> None:
        self.ranks = ranks
        self.captioner = Captioner(task.cell, VOCABULARY, FEATURES, WORD, HIDDEN)
        self.optimizer = Adam(self.captioner.parameters(), 1e-4)
        self.step = Step(self.captioner, task.threads)
        self.features, self.captions = (array[ranks.part(task.batch)] for array in task.data())

    def gradients(self) -> None:
        """Computes the gradients of this rank's rows."""
        if len(self.captions):
            self.step(self.features, self.captions)

    def add(self) -> None:
        """Adds up the gradients of all ranks."""
        self.ranks.added(self.optimizer.parameters, len(self.captions), (1.0, 1.0))

    def update(self) -> None:
        """Clips the gradients and updates the parameters."""
        clip_grad_norm(self.optimizer.parameters, 5.0)
        self.optimizer.step(self.step.map)

    def whole(self) -> None:
        """One whole step."""
        self.gradients()
        self.add()
        self.update()


def measured(task: Task, steps: int, rows: list[int]) -> dict[str, Any]:
    """The least seconds of a step and of its phases on the slowest rank; with one rank, of some rows' gradients."""
    ranks = world()
    training = Training(task, ranks)
    with one_blas_thread():
        for _ in range(WARM_UP):
            training.whole()
        ranks.meet()
        step = max(ranks.each(min(timed(training.whole, steps))))
        work = (training.gradients, ranks.meet, training.add, training.update)
        phases = zip(*([seconds(f) for f in work] for _ in range(steps)), strict=True)
        least = zip(*ranks.each([min(phase) for phase in phases]), strict=True)
        found = {"step": step, **dict(zip(PHASES, map(max, least), strict=True))}
        found["bytes"] = 4 * sum(parameter.size for parameter in training.optimizer.parameters)
        if ranks.count == 1:
            found["rows"] = {n: alone(task, n) for n in rows}
        return found | (messages(found["bytes"], ranks.count) if ranks.count > 1 else {})


def alone(task: Task, rows: int) -> float:
    """The least seconds of the gradients of some rows."""
    training = Training(Task(task.cell, rows, task.steps, task.adam, task.eager, task.threads), world())
    for _ in range(WARM_UP):
        training.gradients()
    return min(timed(training.gradients, CALLS))


def messages(nbytes: int, count: int) -> dict[str, float]:
    """The seconds of MPI's Allreduce; between two ranks, those of a short message and a long one's bandwidth."""
    from mpi4py import MPI

    own, total = (np.zeros(nbytes // 4, np.float32) for _ in range(2))
    found = {"mpi": min(timed(lambda: MPI.COMM_WORLD.Allreduce(own, total), 2 * CALLS))}
    if count != 2:
        return found
    short, long = (min(timed(there_and_back(MPI.COMM_WORLD, size), 2 * CALLS)) / 2 for size in (8, nbytes))
    return found | {"latency": short, "bandwidth": nbytes / max(long - short, 1e-9)}


def there_and_back(communicator: Any, size: int) -> Callable[[], None]:
    """Sends a message to the other rank and receives its answer."""
    buffer, rank = np.zeros(size, np.uint8), communicator.Get_rank()

    def exchange() -> None:
        for sender in (0, 1):
            (communicator.Send if rank == sender else communicator.Recv)(buffer, 1 - rank)

    return exchange


def timed(f: Callable[[], object], calls: int) -> list[float]:
    """The seconds of each call."""
    return [seconds(f) for _ in range(calls)]


def main(told: str) -> None:
    """Measures, and prints the result on the first rank."""
    given = json.loads(told)
    task = Task("lstm", given["batch"], given["steps"], True, False, given["threads"])
    found = measured(task, given["calls"], given["rows"])
    if world().first:
        print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
