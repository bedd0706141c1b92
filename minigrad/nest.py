"""Nests: what functions take and return, values in lists, tuples, dicts and dataclasses. Imports nothing of ours."""

import copy
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any


def parts(x: Any) -> tuple[Any, list[Any]] | None:
    """The structure of one level of a nest, equal for equal structures, and its parts; None if x is a single value."""
    if isinstance(x, list | tuple):
        return type(x), list(x)
    if isinstance(x, dict):
        return (type(x), *x), list(x.values())
    if is_dataclass(x) and not callable(x):  # neither the class itself nor a network
        return type(x), [getattr(x, field.name) for field in fields(x)]
    return None


def leaves(x: Any) -> list[Any]:
    """The single values in a nest, in order."""
    opened = parts(x)
    return [x] if opened is None else [leaf for part in opened[1] for leaf in leaves(part)]


def filled(x: Any, new: Iterator[Any]) -> Any:
    """A nest of the same structure, with its single values taken from `new`."""
    opened = parts(x)
    if opened is None:
        return next(new)
    inside = [filled(part, new) for part in opened[1]]
    if isinstance(x, dict):
        return dict(zip(x, inside, strict=True))
    if isinstance(x, list | tuple):
        return x._make(inside) if hasattr(x, "_make") else inside if isinstance(x, list) else tuple(inside)
    changed = copy.copy(x)
    for field, part in zip(fields(x), inside, strict=True):
        object.__setattr__(changed, field.name, part)  # a frozen one too
    return changed
