"""`minigrad bench`: compares our speed with that of other packages doing the same work.

Each benchmark is a file here with `HELP`, `add_options(parser)` and `benchmark(arguments)`, listed in BENCHMARKS.
"""

from argparse import SUPPRESS, ArgumentParser, Namespace
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from platform import python_version
from typing import Any

from minigrad import __version__
from minigrad.cli import console
from minigrad.cli.bench import captioner, function, images, ops, parallel, style, table
from minigrad.cli.bench.rounds import Comparison, Rounds
from minigrad.cli.machine import processor
from minigrad.compiler.parallel import usable_cores
from minigrad.errors import UsageError

BENCHMARKS = {"captioner": captioner, "images": images, "style": style, "ops": ops, "function": function}
OF_THEIR_OWN = {"parallel": parallel}
"""Benchmarks that compare us with nobody: files with `HELP`, `add_options(parser)` and `run(arguments)`."""
BY_THEMSELVES = ("captioner", "ops")
"""The benchmarks that run when none is named."""
PEERS = ("torch", "jax", "autograd")

_DESCRIPTION = """Compares this engine with others on the same work: each in processes of its own, with as many
threads, warmed up, in turn for several rounds. Printed are the quickest and the median call, and both as multiples of
ours. A run during which others took more than 5 % of a core is made again. Peers not installed are left out."""


def add_parser(subparsers: Any) -> None:
    """Adds the `bench` sub-command, with a sub-command of its own for each benchmark."""
    parser = subparsers.add_parser("bench", help="compare speed", description=_DESCRIPTION)
    add_common(parser)
    parser.set_defaults(
        peers=",".join(PEERS), rounds=5, threads=usable_cores(), beside=False, markdown=False, json=False
    )
    named = parser.add_subparsers(metavar="BENCHMARK", dest="benchmark")
    for name, module in BENCHMARKS.items():
        inner = named.add_parser(name, help=module.HELP, description=module.HELP)
        add_common(inner)
        module.add_options(inner)
    for name, alone in OF_THEIR_OWN.items():
        inner = named.add_parser(name, help=alone.HELP, description=alone.HELP)
        inner.add_argument("--json", action="store_true", default=SUPPRESS, help="one JSON object")
        alone.add_options(inner)


def add_common(parser: ArgumentParser) -> None:
    """Adds the options of every benchmark, which may be given before its name or after it."""
    add = parser.add_argument
    add("--peers", metavar="A,B", default=SUPPRESS, help=f"whom to compare with (all: {','.join(PEERS)})")
    add("--rounds", type=int, metavar="N", default=SUPPRESS, help="processes of each (5)")
    add("--threads", type=int, metavar="N", default=SUPPRESS, help="in each process (as many as cores)")
    add("--beside", action="store_true", default=SUPPRESS, help="also while another process keeps one core busy")
    add("--markdown", action="store_true", default=SUPPRESS, help="a table for a document")
    add("--json", action="store_true", default=SUPPRESS, help="one JSON object")


def run(arguments: Namespace) -> int:
    """Runs the benchmarks and prints their comparisons; a benchmark with its own `run` prints its own results."""
    if arguments.benchmark in OF_THEIR_OWN:
        return int(OF_THEIR_OWN[arguments.benchmark].run(arguments))
    packages = ["minigrad", *peers(arguments.peers)]
    if arguments.rounds < 1 or arguments.threads < 1:
        raise UsageError("--rounds and --threads must be at least 1")
    found = []
    for chosen in [arguments] if arguments.benchmark else map(with_defaults, BY_THEMSELVES, [arguments] * 9):
        found.append(compared(chosen, packages))
        if not arguments.json:
            head = [table.MARKDOWN_HEAD] * (len(found) == 1)
            lines = [*head, *table.markdown(found[-1])] if arguments.markdown else table.in_words(found[-1])
            console.say("\n".join(lines))
    if arguments.json:
        console.say_json({"machine": machine(), "benchmarks": [table.as_json(c) for c in found]})
    else:
        console.say("\n" * arguments.markdown + ", ".join(machine().values()))
    return 0


def peers(names: str) -> Sequence[str]:
    """The packages named in --peers."""
    found = [name.strip() for name in names.split(",") if name.strip()]
    for name in found:
        if name not in PEERS:
            raise UsageError(f"there is no peer {name!r}; there are {', '.join(PEERS)}")
    return found


def with_defaults(name: str, arguments: Namespace) -> Namespace:
    """The arguments of a benchmark that was not named on the command line: its defaults."""
    parser = ArgumentParser()
    BENCHMARKS[name].add_options(parser)
    return Namespace(**{**vars(arguments), **vars(parser.parse_args([])), "benchmark": name})


def compared(arguments: Namespace, packages: Sequence[str]) -> Comparison:
    """Runs one benchmark's comparison. Raises UsageError when our own work fails."""
    benchmark = BENCHMARKS[arguments.benchmark].benchmark(arguments)
    rounds = Rounds(benchmark, vars(arguments), packages)
    with console.Progress(arguments.benchmark, len(rounds), show=not arguments.json) as progress:
        found = rounds.compared(progress.at)
    for ours in (c.name for c in benchmark.contestants if c.package == "minigrad"):
        if ours in found.left_out:
            raise UsageError(f"{ours} cannot do the work: {found.left_out[ours]}")
    return found


def machine() -> dict[str, str]:
    """The processor, its cores, and the versions of the packages compared."""
    packages = (p for p in ("numpy", *PEERS) if find_spec(p))
    versions = {"minigrad": f"minigrad {__version__}"} | {name: f"{name} {version(name)}" for name in packages}
    return {
        "processor": processor(),
        "cores": f"{usable_cores()} cores",
        "python": f"Python {python_version()}",
    } | versions
