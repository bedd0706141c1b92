"""The process of one contestant: reads its task as JSON and prints its measurements as JSON. Started by `rounds`."""

import json
import sys
from argparse import Namespace

from minigrad.cli.bench import BENCHMARKS
from minigrad.cli.bench.measuring import measured


def main(arguments: str, name: str) -> None:
    """Measures the contestant of this name and prints the result."""
    given = Namespace(**json.loads(arguments))
    benchmark = BENCHMARKS[given.benchmark].benchmark(given)
    print(json.dumps(measured(benchmark, name, given.threads, given.beside)))


if __name__ == "__main__":
    main(*sys.argv[1:])
