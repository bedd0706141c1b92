"""What computes here: the processor, its BLAS and kernels, and the rate at which they multiply."""

import os
import platform
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import cast

from minigrad.measure import product_rate

PINS = {
    "OPENBLAS_CORETYPE": "pins the kernels of one kind of processor",
    "OPENBLAS_L2_SIZE": "sizes the blocks of the kernels for another cache",
    "MKL_ENABLE_INSTRUCTIONS": "keeps MKL from newer instructions",
    "MKL_CBWR": "keeps MKL from newer instructions",
    "BLIS_ARCH_TYPE": "pins the kernels of one kind of processor",
    "NPY_DISABLE_CPU_FEATURES": "keeps NumPy's own loops from newer instructions",
}
"""Environment variables that make arithmetic slower than the processor could do it."""

ZEN_4 = 25
"""AMD's processor family that computes AVX-512 in two halves; the next family does not."""

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
"""Environment variables that set the number of BLAS threads."""


def processor() -> str:
    """The processor's name, as the system reports it."""
    return cpuinfo().get("model name") or platform.processor() or platform.machine()


def cpuinfo() -> dict[str, str]:
    """What Linux reports about the first core; empty on other systems."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.split("\n\n", 1)[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def blas() -> list[str] | None:
    """`openblas 0.3.31 SkylakeX, 2 threads` for each BLAS in the process; None without threadpoolctl."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return None
    return [
        f"{pool['internal_api']} {pool['version']} {pool.get('architecture', '')}, {count} thread{'s' * (count > 1)}"
        for pool in threadpool_info()
        if pool["user_api"] == "blas" and (count := pool["num_threads"])
    ]


def blas_threads() -> int | None:
    """How many threads BLAS takes now; None where nobody can tell."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return None
    return max((pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"), default=None)


def reached(size: int, threads: int, at_once: int = 1) -> float:
    """The best rate, in operations a second, of products of matrices, `at_once` at a time with `threads` BLAS threads
    each.
    """
    with limited(threads), ThreadPoolExecutor(at_once) as pool:
        return product_rate(size, pool.map, at_once)


def limited(threads: int) -> AbstractContextManager[object]:
    """Limits BLAS to some threads, if that is possible."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return nullcontext()
    return cast(AbstractContextManager[object], threadpool_limits(threads, "blas"))


def pins() -> dict[str, str]:
    """Environment variables that are set here and may select slower kernels, with their values."""
    return {name: os.environ[name] for name in PINS if name in os.environ}


def without_pins() -> dict[str, str]:
    """The environment without those variables."""
    return {name: value for name, value in os.environ.items() if name not in PINS}


def operations_a_cycle() -> tuple[int, str] | None:
    """Operations per cycle of float32 on one core, and the reason; None for processors not known here.

    Two units each multiply and add: 2 operations for each number in a register.
    """
    about = cpuinfo()
    flags, newest = about.get("flags", "").split(), int(about.get("cpu family", 0)) > ZEN_4
    if "avx512f" in flags and about.get("vendor_id") == "AuthenticAMD" and not newest:
        return 32, "AVX-512 in two halves"
    if "avx512f" in flags:
        return 64, "AVX-512 on two units"
    return (32, "AVX2 with FMA") if "fma" in flags else None


def clock() -> tuple[float, str] | None:
    """Cycles per second, and the source of the number; None if unknown."""
    with suppress(OSError, ValueError):
        highest = Path("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq")
        return 1e3 * int(highest.read_text(encoding="ascii")), "the highest that cpufreq allows"
    megahertz = cpuinfo().get("cpu MHz")
    return (1e6 * float(megahertz), "what /proc/cpuinfo says") if megahertz else None
