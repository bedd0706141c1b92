"""What surrounds an operation when it is applied: is it recorded, is it traced, in which module and time step.

One context-local value, read once per operation; threads and tasks each have their own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a node was made: module path (`captioner.cell`), time step, and whether by a backward pass."""

    path: str = ""
    step: int | None = None
    backward: bool = False

    def __str__(self) -> str:
        step = "" if self.step is None else f"t={self.step}"
        return " ".join(part for part in (self.path, step, "backward" if self.backward else "") if part)


class Observer(Protocol):
    """Who is told of every operation inside a block: debuggers and measurements."""

    def made(self, y: Any, op: Any, operands: tuple[Any, ...]) -> None:
        """`op` was applied to `operands` and gave the Tensor y, recorded or not."""

    def pulling(self, node: Any, g: Any) -> None:
        """A backward pass is about to use a node's rule on the cotangent g."""


@dataclass(frozen=True, slots=True)
class Context:
    """Whether operations are recorded for a backward pass, whether they are symbols, their scope, and who watches.

    `assigned` holds what the program being traced changes in place, with its new value, by id; None where nobody would.
    """

    recording: bool = True
    tracing: bool = False
    scope: Scope = Scope()
    observers: tuple[Observer, ...] = ()
    assigned: dict[int, tuple[Any, Any]] | None = None


current: ContextVar[Context] = ContextVar("minigrad", default=Context())


@contextmanager
def using(context: Context) -> Iterator[None]:
    """Makes `context` the current one inside the block."""
    token = current.set(context)
    try:
        yield
    finally:
        current.reset(token)


@contextmanager
def no_grad() -> Iterator[None]:
    """Operations inside the block are not recorded: nothing can be differentiated, nothing is kept."""
    with using(replace(current.get(), recording=False)):
        yield


@contextmanager
def tracing(assigned: dict[int, tuple[Any, Any]] | None = None) -> Iterator[None]:
    """Operations inside the block are recorded as symbols and not computed."""
    with using(replace(current.get(), recording=True, tracing=True, assigned=assigned)):
        yield


@contextmanager
def observing(observer: Observer) -> Iterator[None]:
    """Tells `observer`, beside those who watch already, of every operation inside the block."""
    context = current.get()
    with using(replace(context, observers=(*context.observers, observer))):
        yield


@contextmanager
def scope(name: str = "", step: int | None = None) -> Iterator[None]:
    """Nodes made inside the block belong to module `name` (joined to the path so far) and time step `step`.

    So do errors: whose message does not say where, gets a note that does.
    """
    context = current.get()
    outer = context.scope
    path = f"{outer.path}.{name}" if outer.path and name else outer.path or name
    inner = Scope(path, outer.step if step is None else step, outer.backward)
    with using(replace(context, scope=inner)):
        try:
            yield
        except Exception as error:
            if not hasattr(error, "__notes__") and f"in {path or inner}" not in str(error):
                error.add_note(f"in {inner}")
            raise
