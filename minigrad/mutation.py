"""Records which arrays were changed in place, when, and by which line of code. Imports op.py alone.

One counter orders everything: each node gets a number when it is made, each change when it happens. A saved array has
been changed if the last change of its memory has a larger number than the node that reads it. Changing a view counts as
changing the array that owns the memory.
"""

import itertools
import sys
from dataclasses import dataclass
from pathlib import Path
from weakref import ref

import numpy as np

from minigrad.op import Array

serials = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Change:
    """A change in place: its number, the array that owns the memory, what the user calls it, and the user's line."""

    serial: int
    owner: "ref[Array]"
    name: str
    line: str


class Changes:
    """The latest change of each array still alive, by the id of the array that owns the memory."""

    def __init__(self) -> None:
        self.latest = 0
        self._by_owner: dict[int, Change] = {}

    def record(self, array: Array, name: str) -> None:
        """Notes that `array`, called `name` in error messages, is being changed now."""
        owner = owner_of(array)
        key = id(owner)
        self.latest = next(serials)
        gone = ref(owner, lambda _: self._by_owner.pop(key, None))
        self._by_owner[key] = Change(self.latest, gone, name, user_line())

    def since(self, array: Array, serial: int) -> Change | None:
        """The last change of `array`'s memory if it came after `serial`, else None."""
        owner = owner_of(array)
        change = self._by_owner.get(id(owner))
        if change is None or change.owner() is not owner or change.serial < serial:
            return None
        return change


def owner_of(array: Array) -> Array:
    """The array that owns the memory of a view."""
    while isinstance(array.base, np.ndarray | type(array)):
        array = array.base
    return array


_PACKAGE = str(Path(__file__).parent)


def user_line() -> str:
    """`file:line` of the nearest caller outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


changes = Changes()
