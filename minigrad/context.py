"""What surrounds an operation when it is applied: whether it is recorded or traced, in which module and time step.

This is one context-local value, read once per operation; each thread and each asynchronous task has its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from minigrad.errors import TraceError


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a node was made: module path (`captioner.cell`), time step, and whether by a backward pass."""

    path: str = ""
    step: int | None = None
    backward: bool = False

    def __str__(self) -> str:
        step = "" if self.step is None else f"t={self.step}"
        return " ".join(part for part in (self.path, step, "backward" if self.backward else "") if part)

    @property
    def place(self) -> str:
        """` in captioner.cell t=3`, as part of a message; empty outside of all scopes."""
        return f" in {self}" if str(self) else ""


class Observer(Protocol):
    """An object that is told of every operation inside a block, as debuggers and measurements need."""

    def made(self, y: Any, op: Any, operands: tuple[Any, ...]) -> None:
        """`op` was applied to `operands` and gave the Tensor y, recorded or not."""

    def pulling(self, node: Any, g: Any) -> None:
        """A backward pass is about to use a node's rule on the cotangent g."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What compiling must know of a traced program beside its graph.

    `assigned` maps ids of tensors that the program changes in place to the tensor and its new value; `modules` maps ids
    of the modules whose parts or flags it used to the modules. Tensors with a serial number below `born` existed before
    the trace.
    """

    born: int
    assigned: dict[int, tuple[Any, Any]] = field(default_factory=dict)
    modules: dict[int, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Context:
    """Whether operations are recorded for a backward pass, whether they are only traced, their scope, and who observes.

    `noted` is set while a program is traced for compilation.
    """

    recording: bool = True
    tracing: bool = False
    scope: Scope = Scope()
    observers: tuple[Observer, ...] = ()
    noted: Noted | None = None

    def refuse_change(self, tensor: Any) -> None:
        """TraceError if a tensor from before the trace is changed: that would happen once, not at every later call."""
        if self.noted is not None and tensor.serial < self.noted.born:
            raise TraceError(
                f"{tensor.name or 'a tensor'} would be changed in place once, and not in later calls of the compiled "
                "function: return the new value and assign it outside, or call optimizer.step(compiled.map) outside"
            )


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
def tracing(noted: Noted | None = None) -> Iterator[None]:
    """Operations inside the block are recorded on symbols (shapes and dtypes) instead of being computed."""
    with using(replace(current.get(), recording=True, tracing=True, noted=noted)):
        yield


@contextmanager
def observing(observer: Observer) -> Iterator[None]:
    """Tells `observer`, along with those already observing, of every operation inside the block."""
    context = current.get()
    with using(replace(context, observers=(*context.observers, observer))):
        yield


@contextmanager
def scope(name: str = "", step: int | None = None) -> Iterator[None]:
    """Nodes made inside the block belong to module `name`, appended to the path so far, and to time step `step`.

    An exception that does not already say where it happened gets a note with this scope.
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
