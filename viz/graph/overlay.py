"""Numbers shown as colours of boxes: how a value becomes a colour, and which box has which value."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from viz.graph.model import Box, Diagram

RAMP = ("#f2f5ec", "#cfe5d4", "#8fc7c2", "#4a9bb5", "#2b6a9e", "#22366f")
"""The colours from little to much, light to dark, so that they can be told apart without seeing colours."""
ALARM = ("#e6f0f7", "#f3f0ea", "#fbdcb8", "#f5a26a", "#df5b3a", "#b3001b")
"""The colours from right to wrong, of which the last are red."""
NOT_FINITE = "#d400c8"


@dataclass(frozen=True)
class Overlay:
    """Numbers for some boxes; colours run from `low` to `high`, on a logarithmic scale if `log`."""

    title: str
    values: Mapping[str, float]
    low: float
    high: float
    log: bool = True
    ramp: Sequence[str] = RAMP

    def value_of(self, box: Box) -> float | None:
        """The number of a box, or None; copies of a leaf have the leaf's number."""
        return self.values.get(box.id.partition(".")[0])

    def on_scale_of(self, other: "Overlay") -> "Overlay":
        """The same numbers on another overlay's scale."""
        return replace(self, low=other.low, high=other.high)

    def share(self, value: float) -> float:
        """The position of a value between low (0) and high (1)."""
        low, high = self.low, self.high
        if self.log:
            tiny = low or 1e-300
            value, low, high = (math.log10(max(v, tiny)) for v in (value, low, high))
        return min(1.0, max(0.0, (value - low) / (high - low))) if high > low else 0.5

    def tint(self, value: float) -> str:
        """The colour of a value."""
        return self.colour_at(self.share(value)) if math.isfinite(value) else NOT_FINITE

    def colour_at(self, share: float) -> str:
        """The colour at a position between low (0) and high (1)."""
        place = share * (len(self.ramp) - 1)
        index = min(int(place), len(self.ramp) - 2)
        return mixed(self.ramp[index], self.ramp[index + 1], place - index)

    def samples(self, count: int) -> list[float]:
        """Values to show in the legend: whole powers of ten, if the scale has enough of them."""
        if self.high <= self.low:
            return [self.low]
        if not self.log:
            return [self.low + (self.high - self.low) * i / (count - 1) for i in range(count)]
        first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
        if last - first < 2:
            ratio = (self.high / self.low) ** (1 / (count - 1))
            return [self.low * ratio**i for i in range(count)]
        step = max(1, math.ceil((last - first + 1) / (count + 1)))
        return [10.0**power for power in range(first, last + 1, step)]


def overlay_of(name: str, values: Mapping[str, float]) -> Overlay:
    """The overlay of this name, with a scale that fits its values."""
    finite = sorted(v for v in values.values() if math.isfinite(v) and v > 0)
    low, high = (finite[0], finite[-1]) if finite else (1.0, 1.0)
    if name == "check":
        return Overlay(TITLES[name], values, 1e-9, 1e-1, ramp=ALARM)
    return Overlay(TITLES.get(name, name), values, max(low, high * 1e-9), high)


TITLES = {
    "grad_norm": "norm of the loss's gradient", "value_norm": "norm of the value", "bytes": "bytes",
    "ms": "milliseconds", "flops": "floating-point operations", "check": "relative error of the gradient, Op by Op",
}  # fmt: skip
ADDS_UP = ("bytes", "ms", "flops")
"""Overlays in which a folded box shows the sum of its members; in the others it shows the largest."""


def values_of_boxes(diagram: Diagram, known: Mapping[str, float], adds_up: bool) -> dict[str, float]:
    """A value for each box with a member (found by id or name) that has one.

    For a gradient, that of its last member.
    """
    gather: Callable[[list[float]], float] = sum if adds_up else max
    found = {}
    for box in diagram.boxes:
        own = [known[key] for key in {*box.members, box.name} - {""} if key in known]
        if box.backward and box.pair and not adds_up and box.kind != "group":
            own = [known[key] for key in box.members[-1:] if key in known]
        if own:
            found[box.id] = math.nan if any(map(math.isnan, own)) else gather(sorted(own))
    return found


def mixed(a: str, b: str, share: float) -> str:
    """A colour between two."""
    channels = ((int(a[i : i + 2], 16), int(b[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(x + (y - x) * share):02x}" for x, y in channels)


def is_dark(colour: str) -> bool:
    """Whether white letters are easier to read on a colour than black ones."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return bool(0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2 < 0.22)


def number_label(value: float) -> str:
    """A number in a few letters: 0.012, 340, 2.37k, 1.2M, 3e−08."""
    if not math.isfinite(value):
        return str(value)
    if value and (abs(value) < 1e-3 or abs(value) >= 1e12):
        return f"{value:.1e}".replace("-", "−").replace(".0e", "e")
    value = float(f"{value:.3g}")
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}".replace("-", "−")
    return f"{value:.3g}".replace("-", "−")


def box_facts(box: Box, overlay: Overlay | None) -> tuple[tuple[str, str], ...]:
    """The facts of a box, with its number."""
    value = overlay.value_of(box) if overlay is not None else None
    if overlay is None or value is None:
        return box.facts
    return (*box.facts, (overlay.title, number_label(value)))
