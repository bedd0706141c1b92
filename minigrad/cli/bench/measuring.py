"""Runs inside a contestant's process: limits its threads, calls the work repeatedly and measures it."""

import os
import statistics
import time
from typing import Any

from minigrad.cli.bench import memory
from minigrad.cli.bench.benchmark import Benchmark, Work
from minigrad.cli.load import Load, a_busy_process
from minigrad.cli.machine import blas, reached
from minigrad.measure import seconds

WARM_UP, SHORTEST = 2, 1.0
"""Calls before those that count; the least seconds that those must take, since shorter ones may miss others' load."""
BESIDE, PATIENCE = 20, 20.0
"""Calls made beside a busy process; fewer if they take more seconds than this, as when threads wait for each other."""
FLOOR = "floor"
"""The name under which the rate of large products is measured, as if it were a contestant."""


def measured(benchmark: Benchmark, name: str, threads: int, beside: bool) -> dict[str, Any]:
    """Everything that one process measures, for its parent to read."""
    bind(threads)
    if name == FLOOR:
        return rates(threads)
    (contestant,) = (c for c in benchmark.contestants if c.name == name)
    work = contestant.prepare()
    before = memory.resident()
    first = seconds(work)
    for _ in range(WARM_UP):
        work()
    memory.forget_peak()
    with Load() as load:
        calls = timed(work, benchmark.calls)
    peak = memory.peak()
    return {
        "least": min(calls),
        "median": statistics.median(calls),
        "first": first,
        "memory": None if peak is None or before is None else peak - before,
        "others": load.others,
        "beside": slowed(work, statistics.median(calls)) if beside else None,
        "kernels": kernels(contestant.package),
    }


def bind(threads: int) -> None:
    """Binds the process to as many cores as threads, since some libraries respect no other limit."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def rates(threads: int) -> dict[str, Any]:
    """The rates of 2048³ products: in one call with all threads, and in a separate call for each thread."""
    with Load() as load:
        found = {"together": reached(2048, threads), "each": reached(2048, 1, threads)}
    return {**found, "others": load.others}


def kernels(package: str) -> str:
    """Which library multiplies matrices for a package."""
    if package == "torch":
        import torch

        library = "MKL" if torch.backends.mkl.is_available() else "its own BLAS"
        return f"{library} {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads"
    return "XLA" if package == "jax" else ", ".join(blas() or ["unknown: threadpoolctl is missing"])


def timed(work: Work, calls: int) -> list[float]:
    """The seconds of each call; makes more calls than asked for if they are too short together."""
    found: list[float] = []
    start = time.perf_counter()
    while len(found) < calls or time.perf_counter() - start < SHORTEST:
        found.append(seconds(work))
    return found


def slowed(work: Work, alone: float) -> float:
    """How many times slower the median call is beside a process that keeps one core busy."""
    found: list[float] = []
    with a_busy_process():
        work()
        while len(found) < BESIDE and sum(found) < PATIENCE:
            found.append(seconds(work))
    return statistics.median(found) / alone
