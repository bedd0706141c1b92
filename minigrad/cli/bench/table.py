"""A comparison in words, as JSON, and as rows of a Markdown table."""

from collections.abc import Iterator
from typing import Any

from minigrad.cli.bench.measuring import FLOOR
from minigrad.cli.bench.rounds import Comparison
from minigrad.cli.load import TOLERATED

MARKDOWN_HEAD = (
    "| work | who | ms or µs: least (median) | × ours | first call, s | memory, MB |\n|---|---|---|---|---|---|"
)


def in_words(c: Comparison) -> Iterator[str]:
    """A line for each contestant, the floor, and remarks on the runs."""
    rounds = max(len(runs) for runs in c.runs.values())
    yield f"{c.benchmark.title}; {counted(c.threads, 'thread')}, {counted(rounds, 'round')}"
    unit = c.benchmark.unit
    yield f"  {'':<20}{unit:>10}{'median':>10}{'×':>8}{'medians ×':>11}{'first call':>12}{'memory':>10}  kernels"
    yield from (contestant_line(c, name) for name in names(c))
    yield from (f"  {name:<20}left out: {why}" for name, why in c.left_out.items())
    yield from floor_lines(c)
    yield from slowdown_lines(c)
    yield from disturbance_lines(c)


def counted(number: int, what: str) -> str:
    """`1 round`, `3 rounds`."""
    return f"{number} {what}{'s' * (number != 1)}"


def names(c: Comparison) -> list[str]:
    """The contestants that ran, the reference first."""
    return [name for name in c.runs if name != FLOOR]


def contestant_line(c: Comparison, name: str) -> str:
    """A contestant's times, ratios, first call, memory and kernels."""
    scale, ours = c.benchmark.scale, names(c)[0]
    least, middle = c.least(name), c.median(name)
    ratios = f"{least / c.least(ours):>8.2f}{middle / c.median(ours):>11.2f}"
    return (
        f"  {name:<20}{scale * least:>10.2f}{scale * middle:>10.2f}{ratios}"
        f"{c.typical(name, 'first'):>10.2f} s{megabytes(c.typical(name, 'memory')):>10}  {c.runs[name][0]['kernels']}"
    )


def megabytes(count: float | None) -> str:
    """`12 MB`, or a dash if the number is not known."""
    return "–" if count is None else f"{count / 1e6:.0f} MB"


def floor_lines(c: Comparison) -> Iterator[str]:
    """The time that the products alone would take."""
    if c.floor is None:
        return
    gflops = {how: rate / 1e9 for how, rate in c.rates.items()}
    ours = names(c)[0]
    yield (
        f"  floor: {c.benchmark.flops / 1e9:.4g} GFLOP of products at the rate of 2048³ ones, {gflops['together']:.0f} "
        f"GFLOP/s in one call, {gflops['each']:.0f} in {c.threads} calls at once: {1e3 * c.floor:.4g} ms; "
        f"{ours} takes × {c.least(ours) / c.floor:.2f} (median × {c.median(ours) / c.floor:.2f})"
    )


def slowdown_lines(c: Comparison) -> Iterator[str]:
    """How much longer the work takes beside a busy process."""
    found = {name: c.typical(name, "beside") for name in names(c)}
    told = [f"{name} × {ratio:.2f}" for name, ratio in found.items() if ratio is not None]
    if told:
        yield f"  while another process keeps one core busy: {', '.join(told)} (medians of 20)"


def disturbance_lines(c: Comparison) -> Iterator[str]:
    """How many runs were repeated, and whose results remain doubtful."""
    kept, again = (sum(map(len, runs.values())) for runs in (c.runs, c.disturbed))
    if again:
        yield f"  made again because others took more than {TOLERATED:.0%} of a core: {again} of {kept + again} runs"
    doubtful = [name for name, runs in c.runs.items() if any(is_disturbed(run) for run in runs)]
    if doubtful:
        yield f"  kept though others disturbed them each time: runs of {', '.join(doubtful)}"
    if any(run["others"] is None for runs in c.runs.values() for run in runs):
        yield "  whether others disturbed the runs is not known: this system has no /proc/stat"


def is_disturbed(run: dict[str, Any]) -> bool:
    """Whether other processes took too much of a core during the run."""
    return (run["others"] or 0) > TOLERATED


def as_json(c: Comparison) -> dict[str, Any]:
    """Everything in the table, and the runs behind it."""
    scale = c.benchmark.scale
    ours = names(c)[0]
    return {
        "benchmark": c.benchmark.title,
        "threads": c.threads,
        "unit": c.benchmark.unit,
        "contestants": {
            name: {
                "min": scale * c.least(name),
                "median": scale * c.median(name),
                "ratio": c.least(name) / c.least(ours),
                "ratio_of_medians": c.median(name) / c.median(ours),
                **{what: c.typical(name, what) for what in ("first", "memory", "beside")},
                "kernels": c.runs[name][0]["kernels"],
                "runs": [run_as_json(run, scale) for run in c.runs[name]],
                "disturbed": [run_as_json(run, scale) for run in c.disturbed.get(name, ())],
            }
            for name in names(c)
        },
        "left_out": c.left_out,
        "floor": floor_as_json(c),
    }


def floor_as_json(c: Comparison) -> dict[str, Any] | None:
    """The floor, what it is made of, and our fastest call as a multiple of it."""
    if c.floor is None:
        return None
    gflop, ratio = c.benchmark.flops / 1e9, c.least(names(c)[0]) / c.floor
    return {"gflop": gflop, "ms": 1e3 * c.floor, "rates": c.rates, "ratio": ratio}


def run_as_json(run: dict[str, Any], scale: float) -> dict[str, Any]:
    """A run's fastest and median call, and how much of a core other processes took."""
    return {"min": scale * run["least"], "median": scale * run["median"], "others": run["others"]}


def markdown(c: Comparison) -> Iterator[str]:
    """A row for each contestant, and one for the floor."""
    ours, scale = names(c)[0], c.benchmark.scale
    for name in names(c):
        work = f"{c.benchmark.title}; {c.threads} threads" if name == ours else ""
        ratio = f"{c.least(name) / c.least(ours):.2f} ({c.median(name) / c.median(ours):.2f})"
        times = f"{scale * c.least(name):.2f} ({scale * c.median(name):.2f})"
        rest = f"{c.typical(name, 'first'):.2f} | {megabytes(c.typical(name, 'memory')).removesuffix(' MB')}"
        yield f"| {work} | {name} | {times} | {ratio} | {rest} |"
    if c.floor is not None:
        yield f"| | floor | {1e3 * c.floor:.1f} | {c.floor / c.least(ours):.2f} | | |"
