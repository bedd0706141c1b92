"""The result of a check, as data and as text. Imports errors.py and differences.py."""

from collections.abc import Iterator
from dataclasses import dataclass

from minigrad.check.differences import Kink
from minigrad.errors import CheckError

SHOWN = 10  # places in a diagnosis


@dataclass(frozen=True, slots=True)
class Place:
    """One element of a gradient: the value from the rule, the value from differences, and the verdict."""

    index: tuple[int, ...]
    analytic: float
    numeric: float
    wrong: bool = False
    kink: Kink | None = None

    @property
    def gap(self) -> float:
        """|analytic − numeric|."""
        return abs(self.analytic - self.numeric)


@dataclass(frozen=True)
class Finding:
    """The comparison of one gradient; `error` is relative, over the elements where the function is smooth.

    `columns` names the two numbers of each place.
    """

    name: str
    shape: tuple[int, ...]
    error: float
    places: tuple[Place, ...] = ()
    kind: str = ""
    columns: tuple[str, str] = ("analytic", "numeric")

    @property
    def ok(self) -> bool:
        """Whether the gradient is right."""
        return not self.kind

    @property
    def kinks(self) -> tuple[Place, ...]:
        """The elements at a kink whose gradient lies between the slopes of the two sides."""
        return tuple(p for p in self.places if p.kink and not p.wrong)

    @property
    def share(self) -> float:
        """The fraction of the elements looked at that are wrong."""
        return sum(p.wrong for p in self.places) / max(len(self.places), 1)

    def worst(self) -> list[Place]:
        """The wrong elements with the largest gaps."""
        return sorted((p for p in self.places if p.wrong), key=lambda p: -p.gap)[:SHOWN]

    def lines(self) -> Iterator[str]:
        """One line if the gradient is right; if it is wrong, the kind of mistake and the worst elements."""
        head = f"{self.name} {self.shape}: relative error {self.error:.2g}"
        if self.ok:
            yield head + (f", kinks at {', '.join(str(p.index) for p in self.kinks[:SHOWN])}" if self.kinks else "")
            return
        yield f"{head}, {self.kind}"
        if self.places:
            yield f"  {self.share:.0%} of the {len(self.places)} places checked are wrong; the worst:"
            yield f"  {'index':<16}{self.columns[0]:>16}{self.columns[1]:>16}"
        for place in self.worst():
            yield f"  {place.index!s:<16}{place.analytic:>16.8g}{place.numeric:>16.8g}"


@dataclass(frozen=True)
class Report:
    """All gradients of one function, and a note on what to do if some are wrong."""

    title: str
    findings: tuple[Finding, ...]
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether every gradient is right."""
        return all(f.ok for f in self.findings)

    @property
    def error(self) -> float:
        """The worst relative error."""
        return max((f.error for f in self.findings), default=0.0)

    def __str__(self) -> str:
        wrong = [f for f in self.findings if not f.ok]
        verdict = f"{len(wrong)} of {len(self.findings)} gradients wrong" if wrong else "every gradient right"
        lines = [line for f in wrong or self.findings for line in f.lines()]
        return "\n  ".join([f"{self.title}: {verdict}", *lines, *self.note.splitlines()])

    def raised(self) -> "Report":
        """The report if all is right; otherwise raises CheckError with its text."""
        if not self.ok:
            raise CheckError(str(self))
        return self
