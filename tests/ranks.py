"""What every rank does in tests of several: mpiexec -n 4 python tests/ranks.py DATA FOLDER. Each leaves a JSON file."""

import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from test_training import TINY, state

import models.training.base
from minigrad.errors import DataError, MinigradError
from models.parallel import is_of_all, world
from models.training import Run, Source, Training, Validation

RANKS = world()


def trainer(folder: Path, source: Source, resume: bool = False, **changed: Any) -> Training:
    """A training that all ranks take part in."""
    data = source.open()
    begin = partial(Run.create, folder, replace(TINY, **changed), source, data)
    run = RANKS.once(partial(Run.open, folder) if resume else begin)
    training = Training(run, data.train, Validation(data, ranks=RANKS), lambda warning: None, RANKS)
    if resume:
        training.resume()
    return training


def bits(training: Training) -> str:
    """Of everything that decides what comes next."""
    return hashlib.sha256(repr(sorted(state(training).items())).encode()).hexdigest()


def failure(f: Callable[[], Any]) -> str:
    """The error that all ranks raise together."""
    try:
        f()
    except MinigradError as error:
        return f"{type(error).__name__}: {error}" if is_of_all(error) else "of one rank"
    return "none"


def whole_and_in_parts(folder: Path, source: Source) -> dict[str, Any]:
    """The bits of 20 steps, without a stop and with two; compiled and eager."""
    found: dict[str, Any] = {}
    for eager in (True, False):
        changed = {"eager": eager, "steps": 20 if eager else 9, "by_length": eager}
        whole = trainer(folder / f"whole-{eager}", source, **changed)
        list(whole.run())
        parts = trainer(folder / f"parts-{eager}", source, **changed)
        for stop in (3, 8):
            list(parts.run(until=stop))
            parts = trainer(folder / f"parts-{eager}", source, resume=True)
        list(parts.run())
        found[f"whole-{eager}"], found[f"parts-{eager}"] = bits(whole), bits(parts)
    return found


def poisoned(folder: Path, source: Source) -> str:
    """The third step's features are not finite on rank 2."""
    training = trainer(folder / "poisoned", source)
    noisy = training._noisy

    def bad(batch: Any) -> Any:
        return noisy(batch) + np.float32(np.nan if RANKS.number == training.place.step == 2 else 0)

    training._noisy = bad  # type: ignore[method-assign]
    return failure(lambda: list(training.run())).partition(" (")[0]


def apart(folder: Path, source: Source) -> str:
    """Rank 3's parameters become others in the third step."""
    models.training.base.COMPARED_EVERY = 2
    training = trainer(folder / "apart", source)
    for _ in training.run(until=3):
        pass
    if RANKS.number == 3:
        training.captioner.cell.Wh.changing()[0, 0] += 1e-6
    return failure(lambda: list(training.run()))


def stopped(folder: Path, source: Source) -> list[Any]:
    """Rank 2 alone is told to end, in its fifth step."""
    training = trainer(folder / "stopped", source, save_every=1000)
    for record in training.run():
        if record["step"] == 5 and RANKS.number == 2:
            os.kill(os.getpid(), signal.SIGTERM)
    again = trainer(folder / "stopped", source, resume=True)
    return [training.stopped_by, training.place.step, bits(again) == bits(training)]


def refused() -> None:
    raise DataError("the first rank's")


def main(data: Path, folder: Path) -> None:
    source = Source(str(data), "plain")
    found = {
        **whole_and_in_parts(folder, source),
        "poisoned": poisoned(folder, source),
        "stopped": stopped(folder, source),
        "apart": apart(folder, source),
        "refused": failure(lambda: RANKS.once(refused)),
        "continued": [r["loss"] for r in trainer(folder / "alone", source, resume=True).run() if "loss" in r],
    }
    (folder / f"rank{RANKS.number}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
