"""What `import minigrad` takes beyond `import numpy`, each import in a fresh process."""

import argparse
import json
import statistics
import subprocess
import sys

MEASURE = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def seconds(package: str) -> float:
    """One import in one process."""
    return float(
        subprocess.run([sys.executable, "-c", MEASURE.format(package)], capture_output=True, check=True).stdout
    )


def main() -> None:
    """Alternates the two and prints minima, medians and the difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    packages = ("numpy", "minigrad")
    rounds = [[seconds(package) for package in packages] for _ in range(arguments.rounds)]
    minima = [min(times) for times in zip(*rounds, strict=True)]
    medians = [statistics.median(times) for times in zip(*rounds, strict=True)]
    beyond = [1e3 * (ours - numpy) for numpy, ours in (minima, medians)]
    if arguments.json:
        print(json.dumps({"beyond_numpy_ms": beyond[0], "of_medians_ms": beyond[1]}))
    else:
        print(f"import minigrad: {beyond[0]:.0f} ms beyond NumPy's {1e3 * minima[0]:.0f} ms (minima)")
        print(f"                 {beyond[1]:.0f} ms beyond NumPy's {1e3 * medians[0]:.0f} ms (medians)")


if __name__ == "__main__":
    main()
