"""Errors that name the Op, its operands, their shapes, the module path, the time step and the user's line."""

from collections.abc import Sequence
from typing import Any

from minigrad.context import Scope, current
from minigrad.errors import DTypeError, IndexRangeError, MinigradError, ShapeError, TraceError
from minigrad.mutation import user_line
from minigrad.op import Op
from minigrad.symbol import Symbol


def explained(error: Exception, op: Op, operands: Sequence[Any], scope: Scope) -> MinigradError:
    """The error to raise for what NumPy or an Op raised when `op` was applied to `operands` (Tensors)."""
    if not current.get().tracing and any(isinstance(x.data, Symbol) for x in operands):
        return TraceError(f"{op!r} met a symbol of another thread, or of a trace that is over: return it instead")
    return worded(error, op, operands, scope)


def worded(error: Exception, op: Op, operands: Sequence[Any], scope: Scope) -> MinigradError:
    """The error of ours that names the Op, its scope, its operands and the user's line."""
    if isinstance(error, MinigradError):
        return error
    error = clearest(error, op, operands)
    kind = next((k for k in (IndexRangeError, DTypeError) if isinstance(error, k.__mro__[2])), ShapeError)
    named = ", ".join(described(x) for x in operands)
    return kind(f"{op!r}{scope.place}: {error}; operands: {named}; at {user_line()}")


def clearest(error: Exception, op: Op, operands: Sequence[Any]) -> Exception:
    """The error of the Op's own shape rule, which is clearer than NumPy's, if that fails too; else the error given."""
    try:
        op.shape(*(x.shape for x in operands))
    except (ValueError, IndexError) as clearer:
        return clearer
    return error


def described(x: Any) -> str:
    """A tensor by its name, else by the Op that made it, with its shape and dtype."""
    what = repr(x.name) if x.name else repr(x.op) if x.op is not None else "a tensor"
    return f"{what} {x.shape} {x.dtype}"
