"""The smallest game of two networks, min over x of max over y of x y: taking turns circles, moving at once spirals out.

The gradients (y, −x) are those of a rotation: neither player ever moves towards the equilibrium (0, 0). With turns of
size η the quantity x² + η x y + y² never changes, so the path is an ellipse; with simultaneous steps x² + y² grows by
1 + η² each time. Run: python examples/adversaries.py [PICTURE.svg]
"""

import sys
from pathlib import Path

from matplotlib.figure import Figure

import minigrad as mg
from viz.theme import LIGHT

FILE = Path(__file__).resolve().parents[1] / "docs" / "gallery" / "adversaries.svg"


def play(turns: bool, steps: int = 60, rate: float = 0.2) -> list[tuple[float, float]]:
    """The path from (1, 0): in turns, where x answers to the y that has just moved, or both at once."""
    x, y = mg.tensor(1.0, requires_grad=True), mg.tensor(0.0, requires_grad=True)
    path = [(x.item(), y.item())]
    for _ in range(steps):
        gx, gy = mg.grad(x * y, [x, y])
        moved = (y + rate * gy).detach().requires_grad_()
        (gx,) = mg.grad(x * moved, [x]) if turns else (gx,)
        x, y = (x - rate * gx).detach().requires_grad_(), moved
        path.append((x.item(), y.item()))
    return path


def draw(path: Path) -> None:
    """Both ways to play, beside each other, on one scale."""
    figure = Figure(figsize=(8, 4.4), layout="constrained")
    titles = ("Taking turns: round for ever", "Moving at once: outwards")
    for axes, title, turns in zip(figure.subplots(1, 2, sharex=True, sharey=True), titles, (True, False), strict=True):
        steps = play(turns)
        axes.plot(*zip(*steps, strict=True), ".-", color=LIGHT["blue"], linewidth=1, label="a step")
        axes.plot(*steps[0], "s", color=LIGHT["vermilion"], label="where it starts")
        axes.plot(0, 0, "+", color=LIGHT["ink"], markersize=12, label="the equilibrium")
        axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=LIGHT["ink"])
        axes.set(xlabel="x makes x · y small", ylabel="y makes x · y large" if turns else "", aspect="equal")
        axes.grid(color=LIGHT["rule"])
        axes.set_axisbelow(True)
        axes.spines[:].set_visible(False)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    draw(target)
    print(target)
