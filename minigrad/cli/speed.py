"""What doctor says about speed: the kernels, what they reach of what the processor could do, and the workers."""

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
"""Of the matrices that are multiplied."""
MATTERS = 1.05
"""What is less than so many times slower makes no difference."""
_UNPINNED = (
    f"import json; from minigrad.cli.machine import blas, reached; print(json.dumps([reached({SIZE}, 1), blas()]))"
)


def speed() -> dict[str, Any]:
    """Measured in about a second; rates in floating-point operations a second."""
    cores = usable_cores()
    with Load() as load:
        rates = {"one": reached(SIZE, 1), "all": reached(SIZE, 1, cores)}
    return {
        "processor": processor(),
        "cores": cores,
        "blas": blas(),
        "small_kernels": small_kernels(),
        **rates,
        "others": load.others,
        "peak": peak(),
        "pins": pins(),
        "threads": {name: os.environ[name] for name in THREADS if name in os.environ},
        "unpinned": unpinned() if pins() else None,
        "workers": default_workers(),
        "blas_can_be_held": can_be_held(),
        "handing_over": handing_over(cores),
    }


def peak() -> dict[str, Any] | None:
    """What one core could do, and what that is computed from; None where that is not known."""
    cycle, cycles = operations_a_cycle(), clock()
    if cycle is None or cycles is None:
        return None
    is_ = f"{cycle[0]} operations a cycle ({cycle[1]}) at {cycles[0] / 1e9:.2f} GHz ({cycles[1]})"
    return {"rate": cycle[0] * cycles[0], "operations_a_cycle": cycle[0], "is": is_}


def unpinned() -> dict[str, Any] | None:
    """The rate on one core, and the kernels, of a process without the variables that pin some; None if that fails."""
    done = subprocess.run([sys.executable, "-c", _UNPINNED], env=without_pins(), capture_output=True, text=True)
    return None if done.returncode else dict(zip(("one", "blas"), json.loads(done.stdout), strict=True))


def handing_over(count: int) -> float:
    """The least seconds it takes to give nothing to do to some workers."""
    workers, found = Workers(count), []
    nothing: list[Stage] = [tuple([] for _ in range(count))]
    with limited(1):
        for _ in range(50):
            start = time.perf_counter()
            workers.run(nothing)
            found.append(time.perf_counter() - start)
    return min(found)


def in_words(found: dict[str, Any]) -> Iterator[str]:
    """Line by line."""
    yield f"  {found['processor']}, {found['cores']} cores for this process"
    yield from (f"  {line}" for line in found["blas"] or ["unknown: threadpoolctl is missing"])
    yield (
        f"  products reach {gflops(found['one'])} on one core, {gflops(found['all'])} with one on each "
        f"({SIZE}×{SIZE}, float32, measured now)"
    )
    pieces = "in small pieces, for which it has kernels" if found["small_kernels"] else "whole"
    yield f"  products of few rows are given to it {pieces}"
    if (found["others"] or 0) > TOLERATED:
        yield f"  meanwhile other processes took {found['others']:.1f} cores: ask again when they have ended"
    yield from peak_in_words(found)
    yield from pins_in_words(found)
    for name, value in found["threads"].items():
        yield f"  {name}={value}: so many threads for what is computed eagerly; compiled programs have workers"
    yield "workers"
    yield from workers_in_words(found)


def gflops(rate: float) -> str:
    """`101 GFLOP/s`."""
    return f"{rate / 1e9:.0f} GFLOP/s"


def peak_in_words(found: dict[str, Any]) -> Iterator[str]:
    """What the processor could do, and how near that is."""
    peak = found["peak"]
    if peak is None:
        yield "  the peak of this processor is not known: its clock or its units cannot be told"
        return
    share = found["one"] / peak["rate"]
    yield f"  the peak of one core is {gflops(peak['rate'])}, {peak['is']}; reached: {share:.0%}"
    if share > 1:
        least = found["one"] / peak["operations_a_cycle"] / 1e9
        yield f"  so its clock is in truth {least:.1f} GHz or more: a virtual machine is told the base clock alone"


def pins_in_words(found: dict[str, Any]) -> Iterator[str]:
    """Variables that make it slower, and what to do."""
    for name, value in found["pins"].items():
        yield f"  {name}={value} {PINS[name]}"
    better = found["unpinned"]
    if better is None:
        return
    kernels = ", ".join(better["blas"] or ["other kernels"])
    slower = better["one"] >= MATTERS * found["one"]
    advice = f": unset {' '.join(found['pins'])}" if slower else ", which is no faster"
    yield f"  without it {gflops(better['one'])} on one core, {kernels}{advice}"


def workers_in_words(found: dict[str, Any]) -> Iterator[str]:
    """Why there are as many as there are."""
    if not found["blas_can_be_held"]:
        yield "  1 by default: the threads of this BLAS cannot be held back (python -m pip install threadpoolctl), and"
        yield "  beside others of ours they would wait for each other"
        return
    times, alone = found["all"] / found["one"], 1e3 * WORTH_SPLITTING / found["one"]
    yield f"  {found['workers']} by default, one for each core: products on all run {times:.1f} times as fast as on one"
    yield (
        f"  1 where a program computes less than {WORTH_SPLITTING / 1e9:g} GFLOP, {alone:.1f} ms of products here: "
        f"handing it over takes {1e6 * found['handing_over']:.0f} µs, and so does each waiting for each other"
    )
    yield "  each has one BLAS thread while a program runs; BLAS gets back what it had"
