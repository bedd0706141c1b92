"""Compares peers that do the same work: each in its own process, warmed up, in alternating rounds.

A benchmark gives a dictionary of peers; run as a script it starts itself once for each peer and round. Printed are the
smallest and the median time of each, the ratios to minigrad's, the number of threads and the BLAS kernels in use.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

PINNED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # a machine may pin old kernels; a user's does not
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Benchmark:
    """What is measured: `peers` maps a name to a function that prepares the work and returns it, to be called again and
    again; `unit` and `scale` turn seconds a call into what is printed."""

    title: str
    peers: dict[str, Callable[[], Callable[[], object]]]
    calls: int
    unit: str = "ms"
    scale: float = 1e3


def main(benchmark: Benchmark) -> bool:
    """The script: all peers, or in a child process one of them. Whether it was the script itself."""
    parser = argparse.ArgumentParser(description=benchmark.title)
    parser.add_argument("--rounds", type=int, default=5, help="processes started for each peer")
    parser.add_argument("--threads", type=int, default=1, help="BLAS threads in each")
    parser.add_argument("--json", action="store_true", help="print the result for machines")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    arguments, _ = parser.parse_known_args()  # a script may have options of its own
    if arguments.peer:
        print(json.dumps(measured(benchmark.peers[arguments.peer](), benchmark.calls)))
    else:
        report(benchmark, compared(benchmark, arguments.rounds, arguments.threads), arguments.json)
    return not arguments.peer


def measured(work: Callable[[], object], calls: int) -> dict[str, Any]:
    """Seconds of each call after a warm-up, and the kernels that the process ended up with."""
    for _ in range(max(2, calls // 10)):
        work()
    return {"seconds": [seconds(work) for _ in range(calls)], "blas": kernels()}


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def kernels() -> list[str]:
    """The BLAS libraries in the process, with their kernels and threads."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return ["unknown: pip install threadpoolctl"]
    pools = [p for p in threadpool_info() if p["user_api"] == "blas"]
    return [f"{p['internal_api']} {p.get('architecture', '?')} × {p['num_threads']}" for p in pools]


def compared(benchmark: Benchmark, rounds: int, threads: int) -> dict[str, dict[str, Any]]:
    """By peer: minimum and median in the benchmark's unit, and kernels. A peer that cannot start is left out."""
    environment = {k: v for k, v in os.environ.items() if k not in PINNED} | {k: str(threads) for k in THREADS}
    runs: dict[str, list[dict[str, Any]]] = {}
    for _ in range(rounds):
        for peer in benchmark.peers:
            run = child(peer, environment)
            if run is not None:
                runs.setdefault(peer, []).append(run)
    return {peer: summary(found, benchmark.scale) for peer, found in runs.items()}


def child(peer: str, environment: dict[str, str]) -> dict[str, Any] | None:
    """One process for one peer, or None with its last line of complaint."""
    command = [sys.executable, *sys.argv, "--peer", peer]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        print(f"{peer} left out: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def summary(runs: Sequence[dict[str, Any]], scale: float) -> dict[str, Any]:
    """The smallest call of all, the median call, and the kernels."""
    calls = [s * scale for run in runs for s in run["seconds"]]
    return {"min": min(calls), "median": statistics.median(calls), "blas": runs[0]["blas"]}


def report(benchmark: Benchmark, results: dict[str, dict[str, Any]], as_json: bool) -> None:
    """A line for each peer; ratios say how many times minigrad's time it takes."""
    own = results["minigrad"]
    for result in results.values():
        result["ratio"] = result["min"] / own["min"]
        result["ratio_of_medians"] = result["median"] / own["median"]
    if as_json:
        print(json.dumps({"benchmark": benchmark.title, "unit": benchmark.unit, "peers": results}))
        return
    print(benchmark.title)
    for peer, r in results.items():
        print(
            f"  {peer:24} min {r['min']:8.2f} {benchmark.unit}  median {r['median']:8.2f}   "
            f"× {r['ratio']:.2f} (medians × {r['ratio_of_medians']:.2f})   {', '.join(r['blas'])}"
        )
