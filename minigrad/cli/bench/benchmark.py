"""What a benchmark is: the same work done by several contestants. All of `minigrad.cli.bench` may import it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

Work: TypeAlias = Callable[[], object]
"""One call of the work that is measured."""


@dataclass(frozen=True)
class Contestant:
    """One way to do the work: `prepare()` imports its package, makes the data and returns the work."""

    name: str
    package: str
    prepare: Callable[[], Work]


@dataclass(frozen=True)
class Benchmark:
    """What is measured: at least `calls` calls by each contestant, each in its own process; the first is the reference.

    `unit` and `scale` convert seconds per call into what is printed. `flops` counts the floating-point operations of
    the work's matrix products and gives a floor: the time they would take at the rate of one large product.
    """

    title: str
    contestants: tuple[Contestant, ...]
    calls: int
    unit: str = "ms"
    scale: float = 1e3
    flops: int = 0
