"""Compares contestants: each in a process of its own, one after another, for several rounds."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import minigrad
from minigrad.cli.bench.benchmark import Benchmark
from minigrad.cli.bench.measuring import FLOOR
from minigrad.cli.load import TOLERATED, wait_for_calm
from minigrad.cli.machine import THREADS, without_pins
from minigrad.measure import seconds

ATTEMPTS, PATIENCE, IN_ALL = 3, 20.0, 120.0
"""How often a run is made that others disturb; the seconds to wait for them to end, each time and in all."""

Run = dict[str, Any]


@dataclass
class Comparison:
    """The results of a benchmark: `runs` by contestant, those disturbed by other processes, and who was left out."""

    benchmark: Benchmark
    threads: int
    runs: dict[str, list[Run]] = field(default_factory=dict)
    disturbed: dict[str, list[Run]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def least(self, name: str) -> float:
        """The seconds of a contestant's fastest call in any round."""
        return float(min(run["least"] for run in self.runs[name]))

    def median(self, name: str) -> float:
        """The seconds of the median call in the median round."""
        return float(median(run["median"] for run in self.runs[name]))

    def typical(self, name: str, what: str) -> float | None:
        """The median over the rounds of a quantity that is measured once in each."""
        found = [run[what] for run in self.runs[name] if run[what] is not None]
        return median(found) if found else None

    @property
    def rates(self) -> dict[str, float]:
        """The best rates of large products in any round: in one call with all threads, or a call in each thread."""
        found = self.runs.get(FLOOR, ())
        return {how: max(run[how] for run in found) for how in ("together", "each")} if found else {}

    @property
    def floor(self) -> float | None:
        """The seconds that the work's products would take at the better of these rates."""
        return self.benchmark.flops / max(self.rates.values()) if self.rates else None


class Rounds:
    """Runs the contestants' processes, which are told `arguments`, those of the command line."""

    def __init__(self, benchmark: Benchmark, arguments: Mapping[str, Any], packages: Sequence[str]) -> None:
        self._arguments = dict(arguments)
        self._environment = environment(arguments["threads"])
        self._result = Comparison(benchmark, arguments["threads"])
        self._turns = list(self._starting(packages)) * arguments["rounds"]
        self._patience = IN_ALL

    def __len__(self) -> int:
        return len(self._turns)

    def compared(self, progress: Callable[[int, str], None]) -> Comparison:
        """Runs all contestants in turn, for all rounds; `progress` is told how far it is."""
        for done, name in enumerate(self._turns):
            progress(done, name)
            if name not in self._result.left_out:
                self._add(name, partial(progress, done))
        return self._result

    def _starting(self, packages: Sequence[str]) -> Iterator[str]:
        """The contestants whose packages are wanted and installed, then the floor; notes which are not installed."""
        for contestant in self._result.benchmark.contestants:
            if contestant.package not in packages:
                continue
            if find_spec(contestant.package):
                yield contestant.name
            else:
                why = f"not installed: python -m pip install {contestant.package}"
                self._result.left_out[contestant.name] = why
        if self._result.benchmark.flops:
            yield FLOOR

    def _add(self, name: str, say: Callable[[str], None]) -> None:
        """Adds one run, repeated while other processes disturb it; the last attempt is kept in any case."""
        result = self._result
        for attempt in range(ATTEMPTS):
            run = self._run(name)
            if isinstance(run, str):
                result.left_out[name] = run
                return
            if (run["others"] or 0) <= TOLERATED or attempt == ATTEMPTS - 1:
                result.runs.setdefault(name, []).append(run)
                return
            result.disturbed.setdefault(name, []).append(run)
            say(f"{name} again: others took {run['others']:.0%} of a core")
            self._patience -= seconds(partial(wait_for_calm, min(PATIENCE, self._patience)))

    def _run(self, name: str) -> Run | str:
        """What a process measured, or its last line of complaint; the run beside a busy process is made only once."""
        told = json.dumps(self._arguments | {"beside": self._arguments["beside"] and name not in self._result.runs})
        command = [sys.executable, "-P", "-m", "minigrad.cli.bench.child", told, name]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True)
        if done.returncode:
            return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        run: Run = json.loads(done.stdout.splitlines()[-1])
        return run


def environment(threads: int) -> dict[str, str]:
    """The processes' environment: no variables that pin kernels, and as many BLAS threads as were asked for."""
    kept = without_pins()
    path = os.pathsep.join(filter(None, (str(Path(minigrad.__file__).parents[1]), kept.get("PYTHONPATH"))))
    return kept | dict.fromkeys(THREADS, str(threads)) | {"PYTHONPATH": path}
