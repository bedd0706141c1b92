"""A command as mpiexec starts it: once in each of several ranks. Used by `minigrad.cli` alone.

Each rank is two processes: one that works, and one that waits for it, so that a rank which is killed is told by its
number; mpiexec then ends the others. What all ranks find wrong is told once, by the first.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

from minigrad.cli import console
from models.launch import Launch

SHARING = ("train", "doctor")
"""The commands whose work ranks share."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
PATIENCE = 1.0
"""Seconds that the other ranks leave to the first one to say what is wrong before MPI is there."""


def watched(place: Launch, work: Callable[[], int]) -> int:
    """Does the work in a process of its own, and tells when that is killed; the exit code of both."""
    if not hasattr(os, "fork") or "mpi4py.MPI" in sys.modules:  # MPI that has begun cannot be shared
        return work()
    here, there = os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # none is lost between the two
    child = os.fork()
    if child == 0:
        os.close(there)
        os.setpgid(0, 0)
        threading.Thread(target=_end_with, args=(here,), daemon=True).start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        return work()
    os.close(here)
    return _waited(place, child)


def _end_with(pipe: int) -> None:
    """Ends this process when the one that waits for it has ended."""
    os.read(pipe, 1)
    os._exit(128 + signal.SIGKILL)


def _waited(place: Launch, child: int) -> int:
    """Waits for a process, to which signals are handed on; its exit code."""

    def hand_on(number: int, frame: FrameType | None) -> None:
        os.kill(child, number)

    for number in _SIGNALS:
        signal.signal(number, hand_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code >= 0:
        return code
    name = signal.Signals(-code).name
    hint = ", as the system does when memory runs out" if -code == signal.SIGKILL else ""
    console.complain(f"minigrad: rank {place.rank} was killed by {name}{hint}; all {place.ranks} ranks end")
    return 128 - code
