"""What a benchmark is: the same work, done by several contestants. All of `minigrad.cli.bench` may import it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

Work: TypeAlias = Callable[[], object]
"""One call of what is measured."""


@dataclass(frozen=True)
class Contestant:
    """Who does the work, and with which package: `prepare()` imports it, makes the data, and returns the work."""

    name: str
    package: str
    prepare: Callable[[], Work]


@dataclass(frozen=True)
class Benchmark:
    """What is measured: at least `calls` calls by each contestant, in a process of its own; the first is compared with.

    `unit` and `scale` turn seconds a call into what is printed; `flops`, those of the work's matrix products, give it a
    floor: the time they would take at the rate of a large product.
    """

    title: str
    contestants: tuple[Contestant, ...]
    calls: int
    unit: str = "ms"
    scale: float = 1e3
    flops: int = 0
