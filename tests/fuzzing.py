"""Damaged files by lot, the same for the same seed; and limits under which a parser has to refuse or read them."""

import io
import json
import resource
import signal
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np

ROOM = 256 * 2**20
"""Bytes that a parser may allocate beyond what there is."""
SECONDS = 20
"""After which it hangs: far more than any takes, since others may use the processor."""
_NUMBERS = (0, 1, 2, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1)
_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 2**31, 2**63, 10**40, -0.5, 1e308, float("nan"), float("inf")),
    *("", "x", "x" * 5_000, "\0", "\ud800", "../..", "<NULL>", "1", [], [[]], [1], {}, {"": 0}, [None] * 9, {"a": []}),
)


@contextmanager
def at_once(room: int) -> Iterator[None]:
    """A context that must take less than 0.1 s of the processor, and allocate less than `room` bytes."""
    tracemalloc.start()
    begun = time.process_time()
    try:
        yield
        elapsed, peak = time.process_time() - begun, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert elapsed < 0.1 and peak < room


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """The content after one to four changes."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        if changed:
            _CHANGES[rng.integers(len(_CHANGES))](changed, int(rng.integers(len(changed))), rng)
    return bytes(changed)


def _flip(content: bytearray, at: int, rng: np.random.Generator) -> None:
    content[at] ^= 1 << int(rng.integers(8))


def _number(content: bytearray, at: int, rng: np.random.Generator) -> None:
    size = int(rng.choice([1, 2, 4, 8]))
    number = _NUMBERS[rng.integers(len(_NUMBERS))] % 2 ** (8 * size)
    content[at : at + size] = number.to_bytes(size, "little" if rng.random() < 0.5 else "big")


def _insert(content: bytearray, at: int, rng: np.random.Generator) -> None:
    content[at:at] = rng.bytes(int(rng.integers(1, 9)))


def _remove(content: bytearray, at: int, rng: np.random.Generator) -> None:
    del content[at : at + int(rng.integers(1, 33))]


def _repeat(content: bytearray, at: int, rng: np.random.Generator) -> None:
    content[at:at] = content[at : at + int(rng.integers(1, 65))]


def _cut(content: bytearray, at: int, rng: np.random.Generator) -> None:
    del content[at:]


def _digits(content: bytearray, at: int, rng: np.random.Generator) -> None:
    place = next((n for n in range(at, len(content)) if chr(content[n]).isdigit()), at)
    content[place : place + 1] = str(_NUMBERS[rng.integers(len(_NUMBERS))] * int(rng.choice([1, -1]))).encode()


_CHANGES = (_flip, _flip, _number, _number, _insert, _remove, _repeat, _cut, _digits)


def damaged_archive(content: bytes, rng: np.random.Generator) -> bytes:
    """A zip archive whose entries are damaged, or whose names are exchanged; its own checksums are right again."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    name = list(entries)[rng.integers(len(entries))]
    entries[name] = damaged(entries[name], rng)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for entry, inside in entries.items():
            archive.writestr(entry, inside)
    return buffer.getvalue()


def damaged_json(content: bytes, rng: np.random.Generator) -> bytes:
    """JSON in which a value anywhere is another, gone, or twice there."""
    root = [json.loads(content)]
    for _ in range(rng.integers(1, 3)):
        places = list(_places(root))
        parent, key = places[rng.integers(len(places))]
        what = rng.random()
        if what < 0.15 and parent is not root:
            del parent[key]
        elif what < 0.25 and isinstance(parent, list):
            parent.append(deepcopy(parent[key]))
        else:
            parent[key] = deepcopy(_VALUES[rng.integers(len(_VALUES))])
    return json.dumps(root[0]).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every member of every container, by container and key."""
    keys: Any = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in list(keys):
        yield value, key
        yield from _places(value[key])


@contextmanager
def limited() -> Iterator[None]:
    """Little room for what is allocated inside, and little time: MemoryError and TimeoutError tell of more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, hard))
    before = signal.signal(signal.SIGALRM, _hangs)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _hangs(number: int, frame: object) -> None:
    raise TimeoutError(f"not done after {SECONDS} s")


Damage = Callable[[bytes, np.random.Generator], bytes]
