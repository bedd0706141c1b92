"""How long pictures take: reading, deriving the backward pass, layout and SVG, of graphs that are there already."""

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import minigrad as mg
import viz
from models.captioner import Captioner


def captioner(steps: int) -> mg.Tensor:
    """The loss of an LSTM captioner on two captions."""
    rng = np.random.default_rng(0)
    model = Captioner("lstm", 100, 64, 32, 32)
    return model.loss(rng.standard_normal((2, 64)).astype(np.float32), rng.integers(4, 100, (2, steps + 1)))


def random_graph(nodes: int) -> mg.Tensor:
    """Operations on values computed shortly before, without modules or time; about half of them lead to the result."""
    rng = np.random.default_rng(0)
    values = [mg.tensor(np.full(3, 0.5), requires_grad=True)]
    for _ in range(nodes - 1):
        a, b = (values[-1 - int(i)] for i in rng.integers(0, min(len(values), 8), 2))
        values.append(mg.tanh(a) if rng.random() < 0.7 else 0.5 * a + b if rng.random() < 0.1 else a * b)
    return values[-1]


CASES: dict[str, tuple[Callable[[], Any], dict[str, Any], float]] = {
    "captioner T=16, both passes, lanes": (lambda: captioner(16), {"view": "both"}, 0.5),
    "captioner T=16, both passes, Graphviz": (lambda: captioner(16), {"view": "both", "engine": "graphviz"}, 2.0),
    "captioner T=16, both passes, our layers": (lambda: captioner(16), {"view": "both", "engine": "layered"}, 2.0),
    "captioner T=250, unfolded, lanes": (lambda: captioner(250), {"fold": None}, 5.0),
    "over 5,000 random nodes, unfolded, layers": (lambda: random_graph(10_000), {"fold": None}, 5.0),
    "captioner T=2,700, folded": (lambda: captioner(2_700), {}, 20.0),
    "captioner T=800, both passes, folded": (lambda: captioner(800), {"view": "both"}, 20.0),
    "over 50,000 random nodes, folded": (lambda: random_graph(100_000), {}, 20.0),
}
"""What is drawn, how, and the seconds it may take."""


def measured(make: Callable[[], Any], options: dict[str, Any], rounds: int) -> tuple[int, int, float]:
    """Nodes, boxes and the least seconds of some rounds."""
    target, best = make(), float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        drawing = viz.draw(target, **options)
        assert drawing.svg
        best = min(best, time.perf_counter() - start)
    return len(drawing.diagram.boxes), len(drawing.shown.boxes), best


def main() -> None:
    """Prints a line a case, with the time allowed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = {name: measured(make, options, arguments.rounds) for name, (make, options, _) in CASES.items()}
    if arguments.json:
        print(json.dumps({name: seconds for name, (_, _, seconds) in results.items()}))
        return
    for name, (nodes, boxes, seconds) in results.items():
        print(f"{name:42} {nodes:7,} nodes {boxes:6,} boxes  {seconds:7.3f} s of {CASES[name][2]:g}")


if __name__ == "__main__":
    main()
