"""Reads pickles of plain values without running anything: an interpreter of the few opcodes they need.

Python's own unpickler imports and calls whatever a file names. Here a name is looked up in a table given by the caller,
and refused if it is not in it. `models.weights.pytorch` imports this.
"""

import pickletools
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from minigrad.errors import CheckpointError

MOST_OPCODES = 2**18
"""The opcodes of a state of 10,000 tensors, which takes a quarter of a second to read; more are refused."""

_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_ARGUMENTS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING"),
    *("SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES"),
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


@dataclass(frozen=True)
class Name:
    """What a pickle refers to by module and name, such as `collections.OrderedDict`."""

    text: str


@dataclass(frozen=True)
class Vocabulary:
    """What a pickle may name: constant values, functions to call, and a function that resolves persistent ids."""

    values: Mapping[str, Any] = field(default_factory=dict)
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    persistent: Callable[[Any], Any] | None = None


def unpickled(stream: IO[bytes], vocabulary: Vocabulary) -> Any:
    """The value of the pickle at the stream's position; the stream is left right after it.

    Raises CheckpointError for a name outside the vocabulary or an opcode that plain values do not need, and ValueError,
    TypeError or LookupError for a damaged pickle.
    """
    machine = _Machine(vocabulary)
    with warnings.catch_warnings(action="ignore"):  # of odd texts
        for number, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if number == MOST_OPCODES:
                raise ValueError(f"a pickle of over {MOST_OPCODES:,} opcodes")
            machine.do(opcode.name, argument)
    return machine.pop()


class _Machine:
    """The interpreter's state: the stack, the marks on it and the memo."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def do(self, opcode: str, argument: Any) -> None:
        """Executes one opcode."""
        if opcode in _ARGUMENTS:
            self.push(argument)
        elif opcode in _CONSTANTS:
            self.push(_CONSTANTS[opcode])
        elif opcode in _TUPLES:
            self.push(tuple(reversed([self.pop() for _ in range(_TUPLES[opcode])])))
        elif opcode in _ACTIONS:
            _ACTIONS[opcode](self, argument)
        else:
            raise CheckpointError(f"asks for the opcode {opcode}, which plain values do not need: refused")

    def push(self, value: Any) -> None:
        """Puts a value on the stack."""
        self._stack.append(value)

    def pop(self) -> Any:
        """Takes the top value off the stack. Raises IndexError if it is empty."""
        return self._stack.pop()

    def _marked(self) -> list[Any]:
        """Takes off and returns what is above the last mark."""
        above, self._stack = self._stack, self._below.pop()
        return above

    def _mark(self, _: Any) -> None:
        self._below.append(self._stack)
        self._stack = []

    def _name(self, argument: str) -> None:
        self._named(argument.replace(" ", ".", 1))

    def _stacked_name(self, _: Any) -> None:
        name, module = self.pop(), self.pop()
        self._named(f"{module}.{name}")

    def _named(self, text: str) -> None:
        values, functions = self._vocabulary.values, self._vocabulary.functions
        if text not in values and text not in functions:
            raise CheckpointError(
                f"asks for {text}: refused, since weights need tensors and plain containers alone, as PyTorch's "
                "torch.save(model.state_dict(), …) writes them"
            )
        self.push(values[text] if text in values else Name(text))

    def _call(self, _: Any) -> None:
        arguments, name = self.pop(), self.pop()
        if not isinstance(name, Name) or not isinstance(arguments, tuple):
            raise TypeError(f"it calls a {type(name).__name__} with a {type(arguments).__name__}")
        self.push(self._vocabulary.functions[name.text](*arguments))

    def _persistent(self, _: Any) -> None:
        if self._vocabulary.persistent is None:
            raise TypeError("a persistent id, where there is none")
        self.push(self._vocabulary.persistent(self.pop()))

    def _attributes(self, _: Any) -> None:
        """Drops an object's attributes, such as the versions of a state's modules, which are not needed."""
        self.pop()
        if not isinstance(self._stack[-1], dict):
            raise TypeError(f"it gives attributes to a {type(self._stack[-1]).__name__}")

    def _append(self, _: Any) -> None:
        self._extend([self.pop()])

    def _appends(self, _: Any) -> None:
        self._extend(self._marked())

    def _extend(self, items: list[Any]) -> None:
        if not isinstance(self._stack[-1], list):
            raise TypeError(f"it appends to a {type(self._stack[-1]).__name__}")
        self._stack[-1].extend(items)

    def _set_item(self, _: Any) -> None:
        value, key = self.pop(), self.pop()
        fill(self._stack[-1], [key, value])

    def _set_items(self, _: Any) -> None:
        items = self._marked()
        fill(self._stack[-1], items)

    def _dictionary(self, _: Any) -> None:
        self.push(fill({}, self._marked()))

    def _remember(self, number: int) -> None:
        self._memo[number] = self._stack[-1]


def fill(target: Any, items: list[Any]) -> Any:
    """Adds alternating keys and values to a dictionary, which must not have these keys yet; returns it."""
    if not isinstance(target, dict):
        raise TypeError(f"it sets items of a {type(target).__name__}")
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(key, str | int):
            raise TypeError(f"a key that is a {type(key).__name__}")
        if key in target:
            raise ValueError(f"{key!r} comes twice")
        target[key] = value
    return target


Action = Callable[[_Machine, Any], None]

_ACTIONS: dict[str, Action] = {
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "LIST": lambda machine, _: machine.push(machine._marked()),
    "TUPLE": lambda machine, _: machine.push(tuple(machine._marked())),
    "DICT": _Machine._dictionary,
    "MARK": _Machine._mark,
    "POP": lambda machine, _: machine.pop(),
    "APPEND": _Machine._append,
    "APPENDS": _Machine._appends,
    "SETITEM": _Machine._set_item,
    "SETITEMS": _Machine._set_items,
    "GLOBAL": _Machine._name,
    "STACK_GLOBAL": _Machine._stacked_name,
    "REDUCE": _Machine._call,
    "BUILD": _Machine._attributes,
    "BINPERSID": _Machine._persistent,
    "MEMOIZE": lambda machine, _: machine._remember(len(machine._memo)),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Machine._remember),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda machine, n: machine.push(machine._memo[n])),
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), lambda machine, _: None),
}
"""The opcodes that do more than put a value on the stack."""
