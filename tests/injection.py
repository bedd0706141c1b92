"""A disk that fails: below a folder, the k-th call that opens, writes, syncs, renames, removes or makes something.

    calls = count(folder, work)                   # a dry run
    for k in range(calls):
        with Disk(folder, k, FULL): work()

After the k-th call a FULL disk takes nothing more, a BROKEN one is well again, and a process that was KILLED reaches
the disk no more, whatever its `finally` clauses want to tidy. What fails while it writes has written half.
"""

import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from unittest import mock

FULL, BROKEN, KILLED = "full", "broken", "killed"
HOWS = (FULL, BROKEN, KILLED)
_NUMBERS = {FULL: errno.ENOSPC, BROKEN: errno.EIO}
_TAKE_ROOM = ("create", "write", "fsync", "mkdir", "sendfile")


class Killed(BaseException):
    """In place of SIGKILL: nothing may swallow it."""


class Disk:
    """In a `with`: the disk below a folder, which fails at call `k`, or never where that is None; `calls` names all."""

    def __init__(self, folder: Path, k: int | None = None, how: str = FULL) -> None:
        self.folder, self.k, self.how = str(folder.resolve()), k, how
        self.calls: list[str] = []

    def __enter__(self) -> "Disk":
        self._patches = ExitStack()
        opened = _opener(self, io.open)
        for owner, name, replacement in (
            (io, "open", opened),
            ("builtins", "open", opened),
            *((os, name, _by_path(self, name, getattr(os, name))) for name in _BY_PATH),
            *((os, name, _by_descriptor(self, name, getattr(os, name))) for name in ("fsync", "sendfile")),
        ):
            target = mock.patch(f"{owner}.{name}", replacement) if isinstance(owner, str) else None
            self._patches.enter_context(target or mock.patch.object(owner, name, replacement))
        return self

    def __exit__(self, *error: object) -> None:
        self._patches.close()

    @property
    def dead(self) -> bool:
        """Whether the process was killed."""
        return self.how == KILLED and self.k is not None and len(self.calls) > self.k

    def holds(self, path: Any) -> bool:
        """Whether a path, or the file of a descriptor, is below the folder."""
        with suppress(OSError, TypeError, ValueError):
            whole = (
                os.readlink(f"/proc/self/fd/{path}") if isinstance(path, int) else os.path.abspath(os.fsdecode(path))
            )
            return whole == self.folder or whole.startswith(f"{self.folder}/")
        return False

    def call(self, name: str) -> None:
        """Counts a call; raises what it should fail with."""
        self.calls.append(name)
        if self.k is None or len(self.calls) <= self.k:
            return
        if self.how == KILLED:
            raise Killed
        now = len(self.calls) == self.k + 1
        if (now and self.how == BROKEN) or (self.how == FULL and name in _TAKE_ROOM):
            where = [f"{self.folder} at call {self.k}"] if name != "write" else []  # as of real ones
            raise OSError(_NUMBERS[self.how], os.strerror(_NUMBERS[self.how]), *where)


_BY_PATH = {
    **dict.fromkeys(("replace", "rename"), "rename"),
    **dict.fromkeys(("unlink", "remove", "rmdir"), "remove"),
    "mkdir": "mkdir",
    "open": "open",
    "scandir": "open",
    "listdir": "open",
}


def _by_path(disk: Disk, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def call(path: Any = ".", *rest: Any, **options: Any) -> Any:
        folder = options.get("dir_fd", options.get("src_dir_fd"))
        if disk.holds(path if folder is None else folder):
            disk.call(_BY_PATH[name])
        return real(path, *rest, **options)

    return call


def _by_descriptor(disk: Disk, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def call(descriptor: int, *rest: Any) -> Any:
        if disk.holds(descriptor):
            disk.call(name)
        return real(descriptor, *rest)

    return call


def _opener(disk: Disk, real: Callable[..., Any]) -> Callable[..., Any]:
    """`open`, whose files below the folder count their writes."""

    def opened(
        path: Any, mode: str = "r", buffering: int = -1, encoding: Any = None, errors: Any = None, newline: Any = None,
        closefd: bool = True, opener: Any = None,
    ) -> Any:  # fmt: skip
        writes = any(letter in mode for letter in "wax+")
        if disk.holds(path):
            disk.call("create" if writes else "open")
        if not writes or not disk.holds(path):
            return real(path, mode, buffering, encoding, errors, newline, closefd, opener)
        raw = File(path, mode.replace("b", "").replace("t", ""), closefd, opener)
        raw.disk = disk
        if "b" in mode and buffering == 0:
            return raw
        buffer: Any = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffer if "b" in mode else io.TextIOWrapper(buffer, encoding, errors, newline)

    return opened


class File(io.FileIO):
    """A file on the disk."""

    disk: Disk

    def write(self, data: Any) -> int:
        """Writes all, or half and fails; a dead process's buffers go nowhere."""
        if self.disk.dead:
            return len(data)
        try:
            self.disk.call("write")
        except BaseException:
            super().write(memoryview(data)[: len(data) // 2])
            raise
        return super().write(data) or 0


def calls_of(folder: Path, work: Callable[[], object]) -> list[str]:
    """The names of the calls that some work makes, when nothing fails."""
    with Disk(folder) as disk:
        work()
    return disk.calls


def every_failure(calls: int, most: int | None = None) -> Iterator[tuple[int, str]]:
    """Every k and way to fail; where there are more than `most`, as many of them, spread over all."""
    cases = [(k, how) for k in range(calls) for how in HOWS]
    step = 1 if most is None else max(1, len(cases) / most)
    return (cases[int(i * step)] for i in range(int(len(cases) / step)))
