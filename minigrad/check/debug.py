"""`mg.debug()`: finds arrays that were changed without the engine's knowledge, by checksums. Imports the engine."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import ref

from minigrad.autodiff import read_by
from minigrad.context import observing
from minigrad.errors import GradientError
from minigrad.explain import described
from minigrad.mutation import user_line
from minigrad.op import Op


@contextmanager
def fingerprints() -> Iterator[None]:
    """Inside the block, a backward pass that needs an array changed through NumPy raises GradientError."""
    with observing(Fingerprints()):
        yield


class Fingerprints:
    """An observer that takes checksums, when a node is made, of the values that its backward pass will read."""

    def __init__(self) -> None:
        self._taken: dict[int, tuple[list[int], str, Any]] = {}  # by serial: checksums, line, what forgets them

    def made(self, y: Any, op: Op, operands: tuple[Any, ...]) -> None:
        """Takes the checksums."""
        if y.op is None or y.value is None:
            return
        serial = y.serial
        forget = ref(y, lambda _: self._taken.pop(serial, None))
        self._taken[serial] = ([zlib.crc32(x.data.tobytes()) for x in read_by(y, op)], user_line(), forget)

    def pulling(self, node: Any, g: Any) -> None:
        """Compares the checksums."""
        taken, line, _ = self._taken.get(node.serial, ((), "", None))
        for x, before in zip(read_by(node, node.op), taken, strict=False):
            if zlib.crc32(x.data.tobytes()) != before:
                raise GradientError(
                    f"{described(x)} was changed through NumPy after {node.op!r}{node.scope.place} read it at {line}, "
                    "and the backward pass needs its old value; change it after backward(), or work on a copy"
                )
