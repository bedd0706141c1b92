"""Names for what is drawn once for several: a star where their names differ, and how many they are."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import takewhile

from viz.graph.model import Box
from viz.graph.notation import shape_text

TIMES = "×"
STAR = "*"
MOST_LISTED = 4
"""The most names or shapes that are listed."""


class Naming:
    """Names for the boxes of a run, given the paths of the boxes of each turn.

    If a turn is one module, the number is appended to its name, `blocks.* ×8`; otherwise it is in a group `×8`.
    """

    def __init__(self, turns: Sequence[Sequence[str]], is_one: bool) -> None:
        self.count = len(turns)
        own = [common(path.split(".") if path else [] for path in paths) for paths in turns]
        self._within = len(own[0]) if is_one else len(common(own))
        self._is_one = is_one
        self._is_one_box = len(turns[0]) == 1

    def named(self, box: Box, members: Sequence[Box]) -> Box:
        """The box that stands for the members."""
        fields = ("title", "symbol", "name")
        title, symbol, name = (self._starred([getattr(member, field) for member in members]) for field in fields)
        if self._is_one_box and not box.is_source:
            title, symbol = f"{title} {TIMES}{self.count}", f"{symbol} {TIMES}{self.count}"
        known = replace(box, title=title, symbol=symbol, name=name, path=self.path([m.path for m in members]))
        return with_shapes(known, members)

    def path(self, paths: Sequence[str]) -> str:
        """The path of the box that stands for boxes with these paths."""
        whole = self._starred(paths)
        parts = whole.split(".") if whole else []
        if self._is_one_box or len(parts) < self._within:
            return ".".join(parts)
        if self._is_one:
            parts[self._within - 1] += f" {TIMES}{self.count}"
        else:
            parts.insert(self._within, f"{TIMES}{self.count}")
        return ".".join(parts)

    def _starred(self, names: Sequence[str]) -> str:
        return starred(names, STAR if self._is_one else "")


def times_of(label: str) -> int:
    """How many a group stands for, according to its name: 8 for `blocks.* ×8`, otherwise 1."""
    _, sign, number = label.rpartition(TIMES)
    return int(number) if sign and number.isdigit() else 1


def common(lists: Iterable[Sequence[str]]) -> list[str]:
    """The common beginning of several lists."""
    columns = zip(*lists, strict=False)
    return [parts[0] for parts in takewhile(lambda parts: len(set(parts)) == 1, columns)]


def starred(names: Sequence[str], star: str) -> str:
    """One name for several: `fire*.W` for `fire2.W` and `fire3.W`; without a star, all of them: `2,3`."""
    columns = [name.split(".") for name in names]
    if len({len(parts) for parts in columns}) > 1:
        return names[len(names) // 2]
    return ".".join(parts[0] if len(set(parts)) == 1 else one_for(parts, star) for parts in zip(*columns, strict=True))


def one_for(names: Sequence[str], star: str) -> str:
    """What names have in common before their numbers, then a star or the rest of each."""
    stem = "".join(common(names)).rstrip("0123456789,…")
    return stem + (star or listed([name[len(stem) :] for name in names]))


def listed(names: Sequence[str]) -> str:
    """`0,2`, or `0…8` for more."""
    return ",".join(names) if len(names) <= MOST_LISTED else f"{names[0]}…{names[-1]}"


def spanned(shapes: Sequence[tuple[int, ...]]) -> str:
    """One text for shapes that differ: `1×16…64×7`, from first to last."""
    if len({len(shape) for shape in shapes}) > 1:
        return "several shapes"
    sizes = (list(dict.fromkeys(sizes)) for sizes in zip(*shapes, strict=True))
    return "×".join(f"{found[0]}…{found[-1]}" if len(found) > 1 else str(found[0]) for found in sizes)


def with_shapes(box: Box, members: Sequence[Box]) -> Box:
    """The box; if the members' shapes differ, it says so."""
    shapes = list(dict.fromkeys(shape_text(member.shape) for member in members))
    facts = [*(fact for fact in box.facts if fact[0] not in ("shape", "bytes")), ("drawn for", str(len(members)))]
    if len(shapes) == 1:
        return replace(box, facts=(*box.facts, facts[-1]))
    rest = f" and {len(shapes) - MOST_LISTED} more" if len(shapes) > MOST_LISTED else ""
    return replace(
        box,
        detail=spanned([member.shape for member in members]),
        facts=(*facts, ("shapes", ", ".join(shapes[:MOST_LISTED]) + rest)),
    )
