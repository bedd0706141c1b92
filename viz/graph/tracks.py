"""Numbers for tracks, so that nets that overlap in a gap or gutter run on different lines."""

from collections.abc import Iterable, Mapping

from viz.graph.wiring import LEFT, MIDDLE, RIGHT, Track

Interval = tuple[float, float]
Claims = Mapping[Track, Interval]


class Lines:
    """Parallel lines, each with the intervals that are taken on it."""

    def __init__(self, count: int = 0) -> None:
        self.taken: list[list[Interval]] = [[] for _ in range(count)]

    def is_free(self, line: int, interval: Interval) -> bool:
        """Whether nothing on this line touches the interval."""
        low, high = interval
        return all(high < a or b < low for a, b in self.taken[line])

    def first_free(self, interval: Interval) -> int | None:
        """The first line with room for the interval, or None."""
        return next((line for line in range(len(self.taken)) if self.is_free(line, interval)), None)

    def take(self, line: int, interval: Interval) -> None:
        """Notes that the interval is taken."""
        self.taken[line].append(interval)


def stacked(claims: Claims) -> tuple[dict[Track, int], int]:
    """A line for each track, short ones first, on few lines; and the number of lines."""
    lines = Lines()
    numbers: dict[Track, int] = {}
    for track in by_length(claims):
        line = lines.first_free(claims[track])
        if line is None:
            line = len(lines.taken)
            lines.taken.append([])
        lines.take(line, claims[track])
        numbers[track] = line
    return numbers, len(lines.taken)


def by_length(claims: Claims) -> Iterable[Track]:
    """Tracks with short intervals first."""
    return sorted(claims, key=lambda track: (claims[track][1] - claims[track][0], claims[track], track.net))


def in_gutter(claims: Claims, least: int = 0) -> tuple[dict[Track, int], int]:
    """Lines for the tracks of a gutter: those of a side near it, the others where they fit; and the number of lines."""
    left, right, middle = ({t: c for t, c in claims.items() if t.group == group} for group in (LEFT, RIGHT, MIDDLE))
    (from_left, count), (from_right, other) = stacked(left), stacked(right)
    width = max(least, count, other)
    while True:
        numbers = from_left | {track: width - 1 - number for track, number in from_right.items()}
        found = filled(middle, numbers, claims, width)
        if found is not None:
            return found, width
        width += 1


def filled(middle: Claims, numbers: dict[Track, int], claims: Claims, width: int) -> dict[Track, int] | None:
    """The numbers with the middle tracks added on free lines; None if the gutter is too narrow."""
    lines = Lines(width)
    for track, number in numbers.items():
        if not lines.is_free(number, claims[track]):
            return None
        lines.take(number, claims[track])
    numbers = dict(numbers)
    for track in by_length(middle):
        line = lines.first_free(middle[track])
        if line is None:
            return None
        lines.take(line, middle[track])
        numbers[track] = line
    return numbers
