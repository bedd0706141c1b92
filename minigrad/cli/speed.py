"""What doctor says about speed: the kernels, their rate compared with the processor's peak, and the workers."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from minigrad.blas import small_kernels
from minigrad.cli.load import TOLERATED, Load
from minigrad.cli.machine import (
    PINS,
    THREADS,
    blas,
    blas_threads,
    clock,
    limited,
    operations_a_cycle,
    pins,
    processor,
    reached,
    without_pins,
)
from minigrad.compiler.parallel import WORTH_SPLITTING, Stage, Workers, can_be_held, default_workers, usable_cores

SIZE = 1024
"""The size of the matrices that are multiplied."""
MATTERS = 1.05
"""A slowdown below this factor is not worth mentioning."""
GAINS = 1.2
"""Workers that speed the work up by less than this factor are hardly worth it."""
_INSTALL = "python -m pip install threadpoolctl"
_UNPINNED = f"""
import json
from minigrad.blas import small_kernels
from minigrad.cli.machine import blas, reached
print(json.dumps({{"one": reached({SIZE}, 1), "blas": blas(), "small_kernels": small_kernels()}}))
"""


def speed() -> dict[str, Any]:
    """Measured in about a second; rates in floating-point operations a second.

    Where BLAS cannot be held to one thread, `one` is the rate with as many as it takes, and `all` is not measured.
    """
    cores, held = usable_cores(), can_be_held()
    with Load() as load:
        rates = {"one": reached(SIZE, 1), "all": reached(SIZE, 1, cores) if held else None}
    return {
        "processor": processor(),
        "cores": cores,
        "cores_of_machine": os.cpu_count() or cores,
        "blas": blas(),
        "small_kernels": small_kernels(),
        **rates,
        "others": load.others,
        "peak": peak(),
        "pins": pins(),
        "threads": {name: os.environ[name] for name in THREADS if name in os.environ},
        "unpinned": unpinned() if pins() else None,
        "workers": default_workers(),
        "blas_threads": blas_threads(),
        "blas_can_be_held": held,
        "handing_over": handing_over(cores),
    }


def peak() -> dict[str, Any] | None:
    """The peak rate of one core and how it is computed; None if unknown."""
    cycle, cycles = operations_a_cycle(), clock()
    if cycle is None or cycles is None:
        return None
    is_ = f"{cycle[0]} operations a cycle ({cycle[1]}) at {cycles[0] / 1e9:.2f} GHz ({cycles[1]})"
    return {"rate": cycle[0] * cycles[0], "operations_a_cycle": cycle[0], "is": is_}


def unpinned() -> dict[str, Any] | None:
    """Rate, kernels and whether there are small ones, without the variables that pin some; None if that fails."""
    done = subprocess.run([sys.executable, "-c", _UNPINNED], env=without_pins(), capture_output=True, text=True)
    return None if done.returncode else json.loads(done.stdout)


def handing_over(count: int) -> float:
    """The shortest time in seconds to give `count` workers nothing to do."""
    workers, found = Workers(count), []
    nothing: list[Stage] = [tuple([] for _ in range(count))]
    with limited(1):
        for _ in range(50):
            start = time.perf_counter()
            workers.run(nothing)
            found.append(time.perf_counter() - start)
    return min(found)


def in_words(found: dict[str, Any]) -> Iterator[str]:
    """The report, line by line."""
    yield f"  {found['processor']}, {cores_in_words(found)} for this process"
    yield from (f"  {line}" for line in found["blas"] or [f"BLAS: which one is not known ({_INSTALL})"])
    yield f"  products of {SIZE}×{SIZE} matrices of float32 reach, measured now, {rates_in_words(found)}"
    pieces = "in small pieces, for which it has kernels" if found["small_kernels"] else "whole"
    yield f"  products of few rows are given to it {pieces}"
    if (found["others"] or 0) > TOLERATED:
        yield f"  meanwhile other processes took {found['others']:.1f} cores: ask again when they have ended"
    yield from peak_in_words(found)
    yield from pins_in_words(found)
    yield from threads_in_words(found)
    yield "workers"
    yield from workers_in_words(found)


def cores_in_words(found: dict[str, Any]) -> str:
    """`1 of 8 cores`."""
    cores, there = found["cores"], found["cores_of_machine"]
    return f"{cores} of {there} cores" if cores < there else f"{cores} core{'s' * (cores > 1)}"


def rates_in_words(found: dict[str, Any]) -> str:
    """What is reached on one core and on all."""
    if found["all"] is None:
        return f"{gflops(found['one'])} with as many threads as BLAS takes"
    each = f", {gflops(found['all'])} with one on each" if found["cores"] > 1 else ""
    return f"{gflops(found['one'])} on one core{each}"


def threads_in_words(found: dict[str, Any]) -> Iterator[str]:
    """What came of variables that say how many threads BLAS is to take."""
    taken, said = found["blas_threads"], ", ".join(f"{name}={value}" for name, value in found["threads"].items())
    if not said:
        return
    if taken is None:
        yield f"  {said}: BLAS may heed that, or not"
        return
    took = f"BLAS takes {taken} thread{'s' * (taken > 1)}"
    yield f"  {said}: {took} for what is computed eagerly; compiled programs have workers all the same"
    if taken < found["cores"]:
        yield f"  unset {' '.join(found['threads'])}, and eager products have all cores"


def gflops(rate: float) -> str:
    """`101 GFLOP/s`."""
    return f"{rate / 1e9:.0f} GFLOP/s"


def peak_in_words(found: dict[str, Any]) -> Iterator[str]:
    """The processor's peak, and how close the measured rate is."""
    peak = found["peak"]
    if peak is None:
        yield "  the peak of this processor is not known: its clock or its units cannot be told"
        return
    known = f"  the peak of one core is {gflops(peak['rate'])}, {peak['is']}"
    if found["all"] is None:
        yield known
        return
    share = found["one"] / peak["rate"]
    yield f"{known}; reached: {share:.0%}"
    if share > 1:
        least = found["one"] / peak["operations_a_cycle"] / 1e9
        yield f"  so its clock is in truth {least:.1f} GHz or more: a virtual machine is told the base clock alone"


def pins_in_words(found: dict[str, Any]) -> Iterator[str]:
    """Variables that make BLAS slower, and what to do."""
    for name, value in found["pins"].items():
        yield f"  {name}={value} {PINS[name]}"
    better = found["unpinned"]
    if better is None:
        return
    names, kernels = " ".join(found["pins"]), ", ".join(better["blas"] or ["other kernels"])
    small = better["small_kernels"] and not found["small_kernels"]
    gains = ["faster"] * (better["one"] >= MATTERS * found["one"]) + ["with kernels for small products"] * small
    advice = f"{' and '.join(gains)}: unset {names}" if gains else f"no faster: {names} may stay"
    yield f"  without it {gflops(better['one'])}, {kernels}, {advice}"


def workers_in_words(found: dict[str, Any]) -> Iterator[str]:
    """Why there are as many workers as there are."""
    if not found["blas_can_be_held"]:
        yield f"  1 by default: the threads of this BLAS cannot be held back ({_INSTALL}), and"
        yield "  beside others of ours they would wait for each other"
        return
    if found["cores"] == 1:
        yield "  1 by default: this process may use one core"
        return
    times, alone = found["all"] / found["one"], 1e3 * WORTH_SPLITTING / found["one"]
    yield f"  {found['workers']} by default, one for each core: products on all run {times:.1f} times as fast as on one"
    if times < GAINS and (found["others"] or 0) <= TOLERATED:
        yield "  that gains little here: try mg.compile(f, workers=1), or --threads 1"
    yield "  not chosen anew in each run: with other workers results have other last bits"
    yield (
        f"  1 where a program computes less than {WORTH_SPLITTING / 1e9:g} GFLOP, {alone:.1f} ms of products here: "
        f"handing it over takes {1e6 * found['handing_over']:.0f} µs, and so does each waiting for each other"
    )
    yield "  each has one BLAS thread while a program runs; BLAS gets back what it had"
