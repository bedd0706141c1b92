"""Checkpoints saved by processes that are killed at random instants; run as a script: FOLDER KILLS SAVES.

A child saves step after step and tells each save that is done through a pipe; the parent kills it, loads what is left,
and asserts that no step was lost but the one in hand. Single-threaded, so that it may fork.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

from minigrad.store import Checkpoints

SIZE = 50_000


def save_on(folder: Path, first: int, last: int, tell: int) -> None:
    """Saves the steps `first` to `last`, each with arrays full of its number."""
    checkpoints = Checkpoints(folder)
    for step in range(first, last + 1):
        checkpoints.save(step, {name: np.full(SIZE, step, np.int32) for name in ("w", "m")}, {"step": step})
        os.write(tell, step.to_bytes(4, "little"))


def killed_while_saving(folder: Path, first: int, last: int, delay: float) -> int:
    """Saves in a process that is killed after `delay` seconds; returns the last step it said was saved, or 0."""
    hear, tell = os.pipe()
    child = os.fork()
    if child == 0:
        save_on(folder, first, last, tell)
        os._exit(0)
    os.close(tell)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(hear, "rb") as pipe:
        told = pipe.read()
    return int.from_bytes(told[-4:], "little")


def latest_step(folder: Path) -> int:
    """The step of the latest checkpoint, which must be whole at the first try; 0 where there is none."""
    damaged: list[str] = []
    found = Checkpoints(folder).latest(damaged.append)
    assert not damaged, damaged
    if found is None:
        return 0
    arrays, state, _ = found
    assert all(np.array_equal(array, np.full(SIZE, state["step"])) for array in arrays.values())
    return int(state["step"])


def main(folder: Path, kills: int, saves: int) -> None:
    """Kills that often, at instants spread over one or two saves; prints how many kills left a part of a file."""
    lots, torn = random.Random(0), 0
    for _ in range(kills):
        before = latest_step(folder)
        told = killed_while_saving(folder, before + 1, before + saves, lots.uniform(0, 0.02))
        after = latest_step(folder)
        assert after in {max(told, before), max(told, before) + 1}, (before, told, after)
        torn += any(folder.glob(".*.part"))
    save_on(folder, after + 1, after + 1, os.open(os.devnull, os.O_WRONLY))
    assert not any(folder.glob(".*")), "parts of files stay behind"
    print(torn)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
