"""A contestant's own process: told as JSON what to do, says as JSON what it measured. Started by `rounds`."""

import json
import sys
from argparse import Namespace

from minigrad.cli.bench import BENCHMARKS
from minigrad.cli.bench.measuring import measured


def main(arguments: str, name: str) -> None:
    """Prints what the contestant of this name takes."""
    given = Namespace(**json.loads(arguments))
    benchmark = BENCHMARKS[given.benchmark].benchmark(given)
    print(json.dumps(measured(benchmark, name, given.threads, given.beside)))


if __name__ == "__main__":
    main(*sys.argv[1:])
