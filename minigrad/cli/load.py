"""How much of the processor other processes use while something is measured. Imports nothing of ours."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TOLERATED = 0.05
"""The share of a core that other processes may use during a measurement."""


class Load:
    """In a `with`: `others` becomes the number of cores that other processes used, None if the system does not tell."""

    others: float | None = None

    def __enter__(self) -> "Load":
        self._start, self._busy, self._own = time.perf_counter(), busy(), own()
        return self

    def __exit__(self, *error: object) -> None:
        end = busy()
        if end is not None and self._busy is not None:
            foreign = end - self._busy - (own() - self._own)
            self.others = max(0.0, foreign / (time.perf_counter() - self._start))


def busy() -> float | None:
    """The seconds that all cores have worked so far, time lent to other virtual machines included."""
    try:
        fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    except OSError:
        return None
    user, nice, system, _idle, _waiting, *interrupts_and_stolen = map(int, fields[:8])
    return (user + nice + system + sum(interrupts_and_stolen)) / os.sysconf("SC_CLK_TCK")


def own() -> float:
    """The seconds that this process and its children have worked so far."""
    return sum(os.times()[:4])


def wait_for_calm(patience: float) -> None:
    """Returns when other processes have been idle for half a second, or after `patience` seconds."""
    start = time.perf_counter()
    while time.perf_counter() - start < patience:
        with Load() as load:
            time.sleep(0.5)
        if (load.others or 0) <= TOLERATED:
            return


@contextmanager
def a_busy_process() -> Iterator[None]:
    """Within the block, another process keeps one core busy."""
    process = subprocess.Popen([sys.executable, "-c", _SPIN])
    try:
        yield
    finally:
        process.kill()
        process.wait()


_SPIN = "import os; parent = os.getppid()\nwhile os.getppid() == parent: sum(range(100_000))"
"""A program that keeps a core busy, and ends when the process that started it is gone."""
