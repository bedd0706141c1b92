"""Folders that one process at a time writes in, and that are in their place when the disk has all of them.

Imports `minigrad.files`; what makes or fills whole folders uses it.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from minigrad.errors import UsageError
from minigrad.files import put, sync

_AT_ONCE = 16
"""The number of files synchronised with the disk at a time: one after another takes ten times as long."""


def put_folder(part: Path, folder: Path) -> None:
    """Renames a folder with all that it holds when it is on the disk: a power cut leaves all or nothing."""
    settle(part)
    put(part, folder)


def settle(folder: Path) -> None:
    """Returns when the disk has all that a folder holds."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(sync, folder.rglob("*")))


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """In it nobody else gets here with the same folder or file; UsageError where one has. The end of a process ends it.

    The folder or file itself is locked: nothing is left of it. Where that cannot be, as on Windows, nobody is kept out.
    """
    descriptor, owner = None, os.getpid()
    try:
        try:
            import fcntl

            descriptor = os.open(path, os.O_RDONLY)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"another process is at work on {path}: wait for it, or name another place") from None
        except (ImportError, OSError):
            pass
        yield
    finally:
        if descriptor is not None:
            release(descriptor, owner)


def release(descriptor: int, owner: int) -> None:
    """Closes a locked file. Its owner unlocks it first: a forked child that lives on would keep the lock."""
    import fcntl

    if os.getpid() == owner:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """In it an OSError that names no file, as those of writing do not, names this one."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
