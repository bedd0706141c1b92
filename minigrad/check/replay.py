"""Keeps one application of one Op as a file, and runs it again from there. Imports the engine.

`python -m minigrad.check.replay FILE` prints the result. Nothing in the file is executed: it names an Op, which must be
one that is loaded.
"""

import io
import json
import struct
import sys
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.errors import DataError, DTypeError, MissingFileError, ShapeError
from minigrad.files import write_whole
from minigrad.op import Array, Op

_DAMAGE = (
    OSError, ValueError, TypeError, LookupError, AttributeError, EOFError, RuntimeError, MemoryError, SyntaxError,
    ArithmeticError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error, DTypeError, ShapeError,
)  # fmt: skip
"""What NumPy and Python raise on bytes that are not what they should be."""


@dataclass(frozen=True)
class Replay:
    """An Op, its operands, the value it computes, and, if a cotangent was kept, the gradients."""

    op: Op
    operands: tuple[Array, ...]
    value: Array
    gradients: tuple[Array | None, ...] = ()

    def __str__(self) -> str:
        parts = (
            [("operand", x) for x in self.operands]
            + [("value", self.value)]
            + [("gradient", g) for g in self.gradients]
        )
        return "\n".join([repr(self.op), *(f"{name} {summary(x)}" for name, x in parts)])


def save_operation(path: Path, op: Op, arrays: Sequence[Array], g: Array | None = None) -> None:
    """Writes one application of one Op: the Op as JSON, its operands, and the cotangent if there is one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    attributes = {field.name: getattr(op, field.name) for field in fields(op)}
    label = json.dumps({"op": type(op).__qualname__, "module": type(op).__module__, "attributes": attributes})
    given: dict[str, Any] = {f"x{i}": x for i, x in enumerate(arrays)} | ({} if g is None else {"g": g})
    buffer = io.BytesIO()
    np.savez(buffer, label=np.array(label), **given)
    write_whole(path, buffer.getvalue())


def replay(path: str | Path) -> Replay:
    """Runs the operation kept in a file; DataError if it is not such a file or its Op is unknown."""
    if not Path(path).is_file():
        raise MissingFileError(f"{path} does not exist; stop_at_not_finite(folder=…) leaves such files")
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = dict(file)
        label = json.loads(str(arrays.pop("label")))
        op = known_ops()[label["module"], label["op"]](**{k: tupled(v) for k, v in label["attributes"].items()})
        g = arrays.pop("g", None)
        return run_again(op, tuple(arrays[f"x{i}"] for i in range(len(arrays))), g)
    except _DAMAGE as error:
        raise DataError(f"{path} is not an operation kept by save_operation: {error}") from error


def run_again(op: Op, operands: tuple[Array, ...], g: Array | None) -> Replay:
    """The value an Op computes, and its gradients if there is a cotangent."""
    with np.errstate(all="ignore"):
        value = np.asarray(op.forward(*operands))
        gradients = () if g is None else op.vjp(g, value, *operands)
        return Replay(op, operands, value, tuple(gx() if callable(gx) else gx for gx in gradients))


def known_ops() -> dict[tuple[str, str], type[Op]]:
    """All Op classes that are loaded, by module and name."""
    return {(op.__module__, op.__qualname__): op for op in subclasses(Op)}


def subclasses(op: type[Op]) -> Iterator[type[Op]]:
    """All classes derived from `op`."""
    for below in op.__subclasses__():
        yield below
        yield from subclasses(below)


def tupled(value: Any) -> Any:
    """The value with JSON's lists replaced by tuples."""
    return tuple(tupled(part) for part in value) if isinstance(value, list) else value


def summary(x: Array | None) -> str:
    """Shape, dtype, how many elements are not finite, and the first few of those."""
    if x is None:
        return "none"
    bad = ~np.isfinite(x)
    text = f"{x.shape} {x.dtype}: {bad.sum()} of {x.size} not finite"
    return text + "".join(f", {x[tuple(i)]:.6g} at {tuple(map(int, i))}" for i in np.argwhere(bad)[:3])


if __name__ == "__main__":
    print(replay(sys.argv[1]))
