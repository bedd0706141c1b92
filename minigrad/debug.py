"""debug(): changes made behind the engine's back, and the first value that is not finite. Imports the engine's core.

Both cost time, a checksum of every saved array and a second look at every value, so they are asked for by a block.
"""

import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any
from weakref import ref

import numpy as np

from minigrad.autodiff import where
from minigrad.context import observing
from minigrad.errors import GradientError, NotFiniteError
from minigrad.explain import described
from minigrad.mutation import user_line
from minigrad.op import Array, Op


@contextmanager
def debug(finite: bool = True, folder: str | Path | None = None) -> Iterator[None]:
    """Inside the block, two faults become errors at the place where they happen.

    GradientError: an array that a backward pass needs was changed through NumPy, which no version counts.
    NotFiniteError, unless `finite=False`: an operation, or its gradient, made NaN or infinity of finite numbers; with
    a `folder` it leaves a file there that `minigrad.check.replay` runs again.
    """
    with observing(Watch(finite, None if folder is None else Path(folder))):
        yield


class Watch:
    """The observer: fingerprints of what each node's rule reads, taken when the node is made."""

    def __init__(self, finite: bool, folder: Path | None) -> None:
        self.finite, self.folder = finite, folder
        self._taken: dict[int, tuple[list[int], str, Any]] = {}  # by serial: fingerprints, line, what forgets them

    def made(self, y: Any, op: Op, operands: tuple[Any, ...]) -> None:
        """Looks at a new value and takes the fingerprints."""
        if y.value is None:
            return
        if self.finite:
            self.refuse(op, y.scope, operands, {"value": y.data})
        if y.op is not None:
            serial = y.serial
            forget = ref(y, lambda _: self._taken.pop(serial, None))
            self._taken[serial] = ([fingerprint(x.data) for x in saved(y)], user_line(), forget)

    def pulling(self, node: Any, g: Any) -> None:
        """Compares the fingerprints, and looks at the gradients the rule gives."""
        if node.value is None:
            return
        taken, line, _ = self._taken.get(node.serial, ([], "", None))
        for x, before in zip(saved(node), taken, strict=False):
            if fingerprint(x.data) != before:
                raise GradientError(
                    f"{described(x)} was changed through NumPy after {node.op!r}{where(node.scope)} read it at {line}, "
                    "and the backward pass needs its old value; change it after backward(), or work on a copy"
                )
        if self.finite:
            g = np.asarray(getattr(g, "data", g))
            given = node.op.vjp(g, node.data, *(x.data for x in node.inputs))
            gradients = {f"gradient to operand {i}": gx() if callable(gx) else gx for i, gx in enumerate(given)}
            self.refuse(node.op, node.scope, node.inputs, gradients, g)

    def refuse(self, op: Op, scope: Any, operands: Sequence[Any], made: dict[str, Any], g: Array | None = None) -> None:
        """NotFiniteError for the first of `made` that is not finite, if everything it was made from is."""
        bad = next((what for what, value in made.items() if value is not None and not finite(value)), None)
        if bad is None or not all(finite(x.data) for x in operands) or not (g is None or finite(g)):
            return
        message = not_finite(op, scope, operands, bad, np.asarray(made[bad]))
        if self.folder is not None:
            file = self.folder / f"not_finite_{type(op).__name__}.npz"
            save_operation(file, op, [x.data for x in operands], g)
            message += f"; minigrad.check.replay({str(file)!r}) runs it again"
        raise NotFiniteError(message)


def saved(node: Any) -> list[Any]:
    """The nodes whose values the rule reads."""
    return [*(node.inputs if "x" in node.op.reads else ()), *([node] if "y" in node.op.reads else ())]


def fingerprint(array: Array) -> int:
    """A checksum of the bytes."""
    return zlib.crc32(array.tobytes())


def finite(array: Any) -> bool:
    """Whether every element is a finite number."""
    return bool(np.isfinite(array).all())


def not_finite(op: Op, scope: Any, operands: Sequence[Any], what: str, value: Array) -> str:
    """Which Op, where, how many, and the operands' elements at the first place."""
    bad = ~np.isfinite(value)
    place = tuple(int(i) for i in np.argwhere(bad)[0])
    same = [f"{x.data[place]:.6g}" for x in operands if x.shape == value.shape and x.dtype.kind == "f"]
    at = f", where the operand is {', '.join(same)}" if same else ""
    named = ", ".join(described(x) for x in operands)
    return (
        f"{op!r}{where(scope)} made the first {what} that is not finite: {bad.sum()} of {bad.size} elements, "
        f"the first {value[place]} at {place}{at}; operands: {named}; at {user_line()}"
    )


def save_operation(path: Path, op: Op, arrays: Sequence[Array], g: Array | None = None) -> None:
    """One application of one Op as a file: the Op as JSON, its operands, and the cotangent if there is one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    attributes = {field.name: getattr(op, field.name) for field in fields(op)}
    label = json.dumps({"op": type(op).__qualname__, "module": type(op).__module__, "attributes": attributes})
    given: dict[str, Any] = {f"x{i}": x for i, x in enumerate(arrays)} | ({} if g is None else {"g": g})
    np.savez(path, label=np.array(label), **given)
