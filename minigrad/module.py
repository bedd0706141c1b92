"""Parameter, Buffer and Module: a tree of named parameters, its state, and the scope in which its nodes are made."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from minigrad.context import current, scope
from minigrad.device import beside, moved
from minigrad.errors import CheckpointError, UsageError
from minigrad.op import Array
from minigrad.tensor import Tensor


class Parameter(Tensor):
    """A leaf that requires a gradient and is found by the Module it is an attribute of."""

    __slots__ = ()

    def __init__(self, data: Any, name: str | None = None) -> None:
        super().__init__(np.array(data), requires_grad=True, name=name)


class Buffer(Tensor):
    """A leaf that is part of a Module's state and has no gradient, such as running statistics."""

    __slots__ = ()

    def __init__(self, data: Any, name: str | None = None) -> None:
        super().__init__(np.array(data), name=name)


class Module:
    """A tree: attributes that are Parameters, Buffers, Modules, or lists, tuples and dicts of these, are children.

    Calling a module runs `forward` in a scope of the module's name; pictures group nodes by it, and errors name it.
    """

    training: bool = True

    def signature(self) -> tuple[Any, ...]:
        """What a traced program depends on, beside values: the training flag, and the identities of all children."""
        return self.training, *(id(child) for name, value in vars(self).items() for _, child in children(name, value))

    @property
    def scope_name(self) -> str:
        """The name of the attribute that holds this module, or, at the root, the class name in lower case."""
        return str(self.__dict__.get("_scope_name", type(self).__name__.lower()))

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__}.forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls `forward` in the module's scope."""
        noted = current.get().noted
        if noted is not None:
            noted.modules[id(self)] = self
        with scope(self.scope_name):
            return self.forward(*args, **kwargs)

    def __repr__(self) -> str:
        leaves = [f"  {path} {leaf.shape} {leaf.dtype}" for path, leaf in self._named()]
        return "\n".join([type(self).__name__, *leaves])

    def __setattr__(self, name: str, value: Any) -> None:
        kind = type(vars(self).get(name))
        if issubclass(kind, Parameter | Buffer) and not isinstance(value, kind | None):
            raise UsageError(
                f"{self.scope_name}.{name} is a {kind.__name__.lower()}, and would be one no more: assign a "
                f"{kind.__name__} or None, or change its values inside mg.no_grad()"
            )
        object.__setattr__(self, name, value)
        for path, child in children(name, value):
            if isinstance(child, Module):
                child.__dict__["_scope_name"] = path
        self.parameters()  # names them

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Paths (`cell.Wx`) and parameters in the order of definition; a shared parameter comes once.

        Also names each parameter by its path from the root of the tree: `captioner.cell.Wx`.
        """
        return ((path, leaf) for path, leaf in self._named() if isinstance(leaf, Parameter))

    def _named(self) -> Iterator[tuple[str, Parameter | Buffer]]:
        """Paths and leaves (parameters and buffers), each leaf once; gives them their names."""
        seen: set[int] = set()
        is_root = "_scope_name" not in vars(self)
        for path, leaf in self._walk():
            if id(leaf) not in seen:
                seen.add(id(leaf))
                if is_root or leaf.name is None:
                    leaf.name = f"{self.scope_name}.{path}"
                yield path, leaf

    def _walk(self) -> Iterator[tuple[str, Parameter | Buffer]]:
        for name, value in vars(self).items():
            for path, child in children(name, value):
                if isinstance(child, Module):
                    vars(child).setdefault("_scope_name", path)  # appended to a list, it has none yet
                    yield from ((f"{path}.{inner}", leaf) for inner, leaf in child._walk())
                else:
                    yield path, child

    def modules(self) -> Iterator["Module"]:
        """This module and all modules below it."""
        yield self
        for name, value in vars(self).items():
            for _, child in children(name, value):
                if isinstance(child, Module):
                    yield from child.modules()

    def parameters(self) -> list[Parameter]:
        """All parameters of the tree, each once."""
        return [parameter for _, parameter in self.named_parameters()]

    def to(self, device: str) -> "Module":
        """Moves all parameters and buffers to a device and clears gradients; to be done before making an optimiser."""
        for _, leaf in self._named():
            leaf.data, leaf.grad = moved(leaf.data, device), None
        return self

    def zero_grad(self) -> None:
        """Clears all gradients."""
        for parameter in self.parameters():
            parameter.grad = None

    def train(self, training: bool = True) -> "Module":
        """Sets the `training` flag of the whole tree."""
        for module in self.modules():
            object.__setattr__(module, "training", training)
        return self

    def eval(self) -> "Module":
        """Clears the `training` flag of the whole tree."""
        return self.train(False)

    def state_dict(self) -> dict[str, Array]:
        """Arrays of all parameters and buffers by path. They share memory with the module: copy what you keep."""
        return {path: leaf.numpy() for path, leaf in self._named()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> list[str]:
        """Copies arrays into the parameters and buffers of the same paths, keeping their dtypes.

        Returns the differences, one line each. With any, raises CheckpointError with all of them and loads nothing,
        unless `strict=False`, which loads what fits. Complex numbers fit no real parameter.
        """
        own = dict(self._named())
        problems = differences(own, state)
        if problems and strict:
            table = "\n".join(f"  {line}" for line in problems.values())
            error = CheckpointError(f"the state does not fit {type(self).__name__}:\n{table}")
            error.add_note("strict=False loads the rest")
            raise error
        for path, leaf in own.items():
            if path in state and path not in problems:
                leaf.changing()[...] = beside(np.asarray(state[path]), leaf)
        return list(problems.values())


def children(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The Parameters, Buffers and Modules in an attribute's value, with their paths."""
    if isinstance(value, Parameter | Buffer | Module):
        yield name, value
    elif isinstance(value, list | tuple | dict):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from children(f"{name}.{key}", item)


def differences(own: Mapping[str, Tensor], state: Mapping[str, Any]) -> dict[str, str]:
    """One line, by path, for each that is missing, unexpected, of another shape, or complex where `own` is real."""
    lines = {path: f"missing     {path} {leaf.shape}" for path, leaf in own.items() if path not in state}
    lines |= {path: f"unexpected  {path} {np.shape(array)}" for path, array in state.items() if path not in own}
    both = [(path, leaf, np.asarray(state[path])) for path, leaf in own.items() if path in state]
    halved = [(p, x.dtype, y.dtype) for p, x, y in both if y.dtype.kind == "c" and x.dtype.kind != "c"]
    lines |= {p: f"mis-typed   {p}: {here} here, {there} there" for p, here, there in halved}
    return lines | {p: f"mis-shaped  {p}: {x.shape} here, {y.shape} there" for p, x, y in both if x.shape != y.shape}
