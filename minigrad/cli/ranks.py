"""A command started by mpiexec, once in each of several ranks. Used by `minigrad.cli` alone.

Each rank consists of two processes: one works, and one watches it, so that a killed rank is reported by its number;
mpiexec then ends the others. Before MPI has begun mpiexec does not do that, and the watching processes look after each
other. Errors that all ranks find are reported once, by the first.
"""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType

from minigrad.cli import console
from models.launch import Launch

SHARING = ("train", "doctor")
"""The commands whose work is shared among ranks."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
PATIENCE = 1.0
"""How many seconds the other ranks wait for the first to report an error, before MPI has started."""
_LOOK, _LONGEST = 0.3, 120.0
"""Seconds between looks at the other ranks until MPI has started, and the longest that may take."""


def watched(place: Launch, work: Callable[[Callable[[], None]], int]) -> int:
    """Does the work in a child process and reports if that is killed; returns the exit code of either process.

    The work is given a function to be called when MPI has begun.
    """
    if not hasattr(os, "fork") or "mpi4py.MPI" in sys.modules:  # MPI that has begun cannot be shared
        return work(lambda: None)
    (here, there), (begun, begin) = os.pipe(), os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # none is lost between the two
    child = os.fork()
    if child == 0:
        os.close(there)
        os.setpgid(0, 0)
        _end_with(here)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        return work(lambda: os.close(begin))
    os.close(here)
    os.close(begin)
    return _waited(place, child, begun)


def end_undisturbed() -> None:
    """Ignores signals: the work is done on all ranks, and mpiexec may hand one on late to a rank that is ending."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _end_with(pipe: int) -> None:
    """Makes this process end when the one that watches it has ended.

    Linux does so by itself. Elsewhere a thread does, which waits for Python's lock, and MPI holds that while it begins.
    """
    import fcntl  # Windows has none, but does not fork either

    if hasattr(fcntl, "F_SETSIG"):
        fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(pipe, fcntl.F_SETFL, os.O_ASYNC)
    threading.Thread(target=_ended_after, args=(pipe,), daemon=True).start()


def _ended_after(pipe: int) -> None:
    """Ends this process when the pipe's other end has closed, even if that was before the system was asked to tell."""
    os.read(pipe, 1)
    os._exit(128 + signal.SIGKILL)


def _waited(place: Launch, child: int, begun: int) -> int:
    """Waits for the child, passing on signals; returns its exit code. `begun` closes when MPI has begun there."""

    def hand_on(number: int, frame: FrameType | None) -> None:
        os.kill(child, number)

    for number in _SIGNALS:
        signal.signal(number, hand_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    hindrance = _hindrance(place, begun)
    if hindrance is not None:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        if hindrance:
            console.complain(f"minigrad: rank {place.rank}: {hindrance}; all end")
        return 1
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code >= 0:
        return code
    name = signal.Signals(-code).name
    hint = ", as the system does when memory runs out" if -code == signal.SIGKILL else ""
    console.complain(f"minigrad: rank {place.rank} was killed by {name}{hint}; all {place.ranks} ranks end")
    return 128 - code


def _hindrance(place: Launch, begun: int) -> str | None:
    """Why MPI does not begin ("" if another rank reports it); None once it has, or if the child has ended."""
    start, speaker, missed = time.monotonic(), 0, 0
    while not select.select([begun], [], [], _LOOK)[0]:
        alive = _alive(place)
        missed = missed + 1 if len(alive) < place.here else 0
        if missed == 1:
            speaker = min(alive, default=0)  # before others end for the same reason
        elif missed > 1:
            return "another rank has ended before MPI began" if place.rank == speaker else ""
        if time.monotonic() - start > _LONGEST:
            return f"MPI has not begun in {_LONGEST:.0f} seconds"
    return None


def _alive(place: Launch) -> list[int]:
    """The ranks on this machine that have not ended, if MPICH's launcher lets us see them; otherwise all."""
    parent, alive = Path(f"/proc/{os.getppid()}"), []
    with suppress(OSError, ValueError):
        if (parent / "comm").read_text().startswith("hydra"):
            for process in (parent / f"task/{parent.name}/children").read_text().split():
                alive.append(_rank(Path(f"/proc/{process}")))
            return [rank for rank in alive if rank >= 0]
    return list(range(place.here))


def _rank(process: Path) -> int:
    """The number of a rank's process; −1 if it has ended."""
    with suppress(OSError, ValueError, StopIteration):
        variables = (process / "environ").read_bytes().split(b"\0")  # empty when it has ended
        return next(int(v.removeprefix(b"PMI_RANK=")) for v in variables if v.startswith(b"PMI_RANK="))
    return -1
