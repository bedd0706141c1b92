"""What commands print: results on stdout, progress and warnings on stderr. All of `minigrad.cli` may import it.

A reader that has gone away, a closed stream or a narrow encoding never disturbs the work.
"""

import io
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TextIO

_SECONDS_BETWEEN_LINES = 10.0
_CONTROL = {n: f"\\u{n:04x}" for n in (*range(32), *range(127, 160)) if chr(n) not in "\t\n"}
"""Control characters, which a file's name may contain and terminals would obey; escaped so that JSON stays valid."""


def prepare() -> None:
    """Makes both streams replace characters that their encoding lacks, and gives closed ones somewhere to write."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:  # a checkpoint would be opened as this one, and get what a library prints
            os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def close() -> None:
    """Redirects a broken stdout to nowhere, so that Python's last flush does not fail."""
    try:
        sys.stdout.flush()
    except (AttributeError, ValueError):
        pass  # there is no stdout, or it is closed
    except OSError:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(text: str) -> None:
    """Prints a line of the result."""
    _write(sys.stdout, text)


def say_json(content: Mapping[str, Any]) -> None:
    """Prints the whole result as JSON."""
    say(json.dumps(content, indent=2, ensure_ascii=False, default=str))


def complain(text: str) -> None:
    """Prints a line on stderr."""
    _write(sys.stderr, text)


def warn(text: str) -> None:
    """Prints a warning: something went wrong that does not stop the work."""
    complain(f"warning: {text}")


def _write(stream: TextIO | None, text: str) -> None:
    if stream is not None:
        with suppress(OSError, ValueError):
            print(text.translate(_CONTROL), file=stream, flush=True)


class Quiet:
    """A stream on which errors are ignored: what cannot be written is dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.encoding = stream.encoding

    def write(self, text: str) -> int:
        """Writes the text if possible."""
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flushes if possible."""
        with suppress(OSError, ValueError):
            self._stream.flush()

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        with suppress(OSError, ValueError):
            return self._stream.isatty()
        return False

    def fileno(self) -> int:
        """The descriptor, from which the width of a terminal is found."""
        return self._stream.fileno()


class Progress:
    """The progress of long work: a bar on a terminal, otherwise a line now and then. To be used in a `with`."""

    def __init__(self, what: str, total: int, start: int = 0, show: bool = True) -> None:
        self.what, self.total, self.start = what, total, start
        self._begun = self._spoken = time.monotonic()
        self._bar = _bar(what, total, start) if show and _watched() else None
        self._speak = show and self._bar is None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def at(self, done: int, about: str = "") -> None:
        """Shows that `done` of the total are done, with a short text."""
        if self._bar is not None:
            self._bar.set_postfix_str(about, refresh=False)
            self._bar.update(done - self._bar.n)
        elif self._speak and time.monotonic() - self._spoken > _SECONDS_BETWEEN_LINES:
            self._spoken = time.monotonic()
            complain(f"{self.what} {done}/{self.total}  {about}  {self._left(done)} left".replace("    ", "  "))

    def note(self, text: str) -> None:
        """Prints a separate line above the bar."""
        if self._bar is not None:
            self._bar.clear()
        complain(text)

    def _left(self, done: int) -> str:
        rate = (time.monotonic() - self._begun) / max(done - self.start, 1)
        return clock(rate * (self.total - done))


class Stopwatch:
    """Measures the phases of some work: `laps` holds seconds by name."""

    def __init__(self) -> None:
        self._since = time.perf_counter()
        self.laps: dict[str, float] = {}

    def lap(self, phase: str) -> None:
        """Ends a phase."""
        now = time.perf_counter()
        self.laps[phase], self._since = round(now - self._since, 1), now


def clock(seconds: float) -> str:
    """A duration in minutes and seconds: 1:05."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def _watched() -> bool:
    with suppress(OSError, ValueError, AttributeError):
        return sys.stderr.isatty()
    return False


def _bar(what: str, total: int, start: int) -> Any:
    """A tqdm bar on stderr, or None if tqdm is not installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    line = "{desc} {percentage:3.0f}%|{bar:24}| {n_fmt}/{total_fmt}{postfix}  {remaining} left"
    return tqdm(total=total, initial=start, desc=what, bar_format=line, file=Quiet(sys.stderr), dynamic_ncols=True)


Reporter = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


class Stages:
    """Progress through named stages, with a bar for each, as reported by `models.data.scenes.build` and others."""

    def __init__(self, show: bool = True) -> None:
        self._show = show
        self._progress: Progress | None = None

    def __enter__(self) -> Reporter:
        return self._report

    def __exit__(self, *error: object) -> None:
        if self._progress is not None:
            self._progress.__exit__(*error)

    def _report(self, what: str, done: int, total: int) -> None:
        if self._progress is None or self._progress.what != what:
            self.__exit__()
            self._progress = Progress(what, total, show=self._show)
        self._progress.at(done)
