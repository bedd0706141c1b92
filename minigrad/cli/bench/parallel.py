"""`minigrad bench parallel`: measures the captioner's step on a few ranks, and predicts it for many by a model."""

import json
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from shutil import which
from typing import Any

from minigrad.cli import console
from minigrad.cli.bench.ranks import PHASES
from minigrad.cli.bench.rounds import environment
from minigrad.cli.bench.scaling import WORTH, Network, Prediction, Work, predicted, worthwhile
from minigrad.cli.load import TOLERATED, Load
from minigrad.cli.machine import processor
from minigrad.compiler.parallel import usable_cores
from minigrad.errors import MissingPackageError, UsageError

HELP = "the captioner's training on several ranks: measured here, and predicted for up to 1,024"
CAPTIONS = 400_135
"""The captions in COCO's training set of 2014, as the course prepared it."""
ROWS = (1, 4, 16, 64)
"""Numbers of rows whose gradients are measured, besides the whole batch."""


def add_options(parser: ArgumentParser) -> None:
    """Adds the options for the ranks, the step, and the assumed network."""
    group = parser.add_argument_group("measured here")
    group.add_argument("--ranks", default="1,2,4", metavar="A,B", help="how many, in turn (1,2,4); 1 comes always")
    group.add_argument("--batch", type=int, default=128, metavar="N", help="captions in a step (128)")
    group.add_argument("--steps", type=int, default=16, metavar="T", help="words of a caption (16)")
    group.add_argument("--calls", type=int, default=10, metavar="N", help="steps that are timed (10)")
    group = parser.add_argument_group("predicted", "Each rank has a core like one here and a link of its own.")
    group.add_argument("--captions", type=int, default=CAPTIONS, metavar="N", help=f"in an epoch ({CAPTIONS:,}, COCO)")
    group.add_argument("--latency", type=float, default=20.0, metavar="US", help="α: microseconds of a message (20)")
    group.add_argument(
        "--gigabits", type=float, default=25.0, metavar="G", help="1/β: gigabits a second of a link (25)"
    )
    group.add_argument(
        "--largest-batch", type=int, default=8192, metavar="N", help="what training is taken to bear (8192)"
    )
    group.add_argument("-o", "--out", type=Path, metavar="FILE", help="draw the predictions: an .svg or .png")


def run(arguments: Namespace) -> int:
    """Measures, predicts and prints."""
    counts = counted(arguments)
    if which("mpiexec") is None:
        raise MissingPackageError("there is no mpiexec: python -m pip install 'minigrad[mpi]'")
    found: dict[int, dict[str, Any]] = {}
    with console.Progress("parallel", len(counts), show=not arguments.json) as progress:
        for done, count in enumerate(counts):
            progress.at(done, f"{count} ranks")
            found[count] = measured(arguments, count)
    result = {"machine": f"{processor()}, {usable_cores()} cores", "measured": found, **predictions(arguments, found)}
    if arguments.out:
        draw(result, arguments.out)
    if arguments.json:
        console.say_json(result | {name: [vars(p) for p in result[name]] for name in ("same", "growing")})
    else:
        console.say("\n".join(in_words(arguments, result)))
    return 0


def counted(arguments: Namespace) -> list[int]:
    """The numbers of ranks to measure. Raises UsageError for values that make no sense."""
    try:
        counts = sorted({1, *map(int, arguments.ranks.split(","))})
    except ValueError:
        raise UsageError(f"--ranks is {arguments.ranks!r}; it should be numbers such as 1,2,4") from None
    for name in ("batch", "steps", "calls", "captions", "latency", "gigabits"):
        if not 0 < getattr(arguments, name) < float("inf"):
            raise UsageError(f"--{name} is {getattr(arguments, name)}; it must be above 0")
    if counts[0] < 1 or arguments.largest_batch < arguments.batch:
        raise UsageError("--ranks must be at least 1 each, and --largest-batch no less than --batch")
    return counts


def measured(arguments: Namespace, count: int) -> dict[str, Any]:
    """What `ranks` measures on so many ranks with one thread each. Raises UsageError with its last line if it fails."""
    rows = [n for n in ROWS if n < arguments.batch]
    told = {"batch": arguments.batch, "steps": arguments.steps, "threads": 1, "calls": arguments.calls, "rows": rows}
    command = ["mpiexec", "-n", str(count), sys.executable, "-P", "-m", "minigrad.cli.bench.ranks", json.dumps(told)]
    with Load() as load:
        done = subprocess.run(command, env=environment(1), capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise UsageError(f"{count} ranks could not be measured: {said}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found | {"others": load.others}


def predictions(arguments: Namespace, found: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """For one batch divided among more and more ranks, and for batches that grow with the ranks."""
    alone = found[1]
    rows = {int(n): seconds for n, seconds in alone["rows"].items()} | {arguments.batch: alone["gradients"]}
    work = Work(rows, alone["update"] + packing(found), alone["bytes"])
    network = Network(arguments.latency / 1e6, arguments.gigabits / 8 * 1e9)
    same, growing = (
        predicted(work, network, arguments.captions, arguments.batch, largest)
        for largest in (arguments.batch, arguments.largest_batch)
    )
    worth = {"same": worthwhile(same), "growing": worthwhile(growing)}
    return {"same": same, "growing": growing, "worth": worth, "check": checked(work, found)}


def packing(found: dict[int, dict[str, Any]]) -> float:
    """Seconds that our Allreduce takes beyond MPI's own; 0 if it was not measured."""
    return max(0.0, found[2]["allreduce"] - found[2]["mpi"]) if 2 in found else 0.0


def checked(work: Work, found: dict[int, dict[str, Any]]) -> dict[int, float]:
    """The model's prediction for an Allreduce on this machine, from messages between two ranks: seconds by ranks."""
    if 2 not in found:
        return {}
    here = Network(found[2]["latency"], found[2]["bandwidth"])
    return {count: here.allreduce(count, work.nbytes)[0] for count in found if count > 1}


def in_words(arguments: Namespace, result: dict[str, Any]) -> Iterator[str]:
    """What was measured, how well the model agrees with it, and what it predicts."""
    yield f"{result['machine']}; captioner, LSTM, N={arguments.batch} T={arguments.steps}, one thread a rank; ms"
    yield f"  {'ranks':>6}{'step':>9}" + "".join(f"{phase:>11}" for phase in PHASES) + f"{'speed-up':>10}{'by rank':>9}"
    yield from (measured_line(count, found, result) for count, found in result["measured"].items())
    yield from check_lines(result)
    yield f"predicted: an epoch of {arguments.captions:,} captions, each rank with a core like one here"
    yield f"and with a link of its own of {arguments.gigabits:g} Gbit/s, α = {arguments.latency:g} µs"
    for name, title in (
        ("same", f"the same {arguments.batch} captions a step, divided among all"),
        ("growing", f"{arguments.batch} captions a rank, until there are {arguments.largest_batch:,} a step"),
    ):
        yield f"{title}: worth it up to {result['worth'][name]:,} ranks"
        yield "".join(f"{head:>{width}}" for head, width in zip(HEADS, WIDTHS, strict=True))
        yield from map(predicted_line, result[name])
    yield f"worth it: while twice as many take at most {WORTH:.0%} of the time; whether larger batches learn as much in"
    yield "an epoch the model does not know"


def measured_line(count: int, found: dict[str, Any], result: dict[str, Any]) -> str:
    """A row of the table of measurements."""
    faster = result["measured"][1]["step"] / found["step"]
    phases = "".join(f"{1e3 * found[phase]:>11.1f}" for phase in PHASES)
    notes = ["  ranks share cores"] * (count > usable_cores())
    notes += ["  others took a part of the cores"] * ((found["others"] or 0) > TOLERATED)
    return f"  {count:>6}{1e3 * found['step']:>9.1f}{phases}{faster:>10.2f}{faster / count:>9.0%}{','.join(notes)}"


def check_lines(result: dict[str, Any]) -> Iterator[str]:
    """The model's predictions compared with the measurements."""
    if not result["check"]:
        return
    pair, nbytes = result["measured"][2], result["measured"][1]["bytes"]
    times = ", ".join(
        f"{1e3 * seconds:.1f} ms on {count} (measured {1e3 * result['measured'][count]['mpi']:.1f})"
        for count, seconds in result["check"].items()
    )
    yield (
        f"  between two ranks a message takes {1e6 * pair['latency']:.1f} µs, {pair['bandwidth'] / 1e9:.1f} GB/s; by "
        f"the model an Allreduce of {nbytes / 1e6:.1f} MB takes {times}"
    )


HEADS = ("ranks", "a step", "step, ms", "Allreduce", "epoch, s", "speed-up", "by rank")
WIDTHS = (8, 9, 10, 11, 10, 10, 9)


def predicted_line(p: Prediction) -> str:
    """A row of a table of predictions."""
    cells = (
        *(f"{p.ranks:,}", f"{p.batch:,}", f"{1e3 * p.step:.1f}", f"{1e3 * p.allreduce:.2f}"),
        *(f"{p.epoch:.1f}", f"{p.speed_up:.1f}", f"{p.efficiency:.0%}"),
    )
    return "".join(f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS, strict=True))


def draw(result: dict[str, Any], path: Path) -> None:
    """Draws the speed-up of an epoch over the number of ranks."""
    from viz.curves import draw_speed_ups

    lines: dict[str, Sequence[tuple[int, float]]] = {
        "one batch": [(p.ranks, p.speed_up) for p in result["same"]],
        "one a rank": [(p.ranks, p.speed_up) for p in result["growing"]],
        "ideal": [(p.ranks, float(p.ranks)) for p in result["same"]],
    }
    draw_speed_ups(lines, path)
