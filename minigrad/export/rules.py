"""What the walks over a graph share: finding an Op's rule, and reporting an Op without one.

Imports the engine alone.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from minigrad.errors import ExportError
from minigrad.op import Op
from minigrad.tensor import Tensor

Rule = TypeVar("Rule")


def rule_for(node: Tensor, table: Mapping[type[Op], Rule], cannot: Mapping[type[Op], str], who: str) -> Rule:
    """The rule for the Op that made a node; ExportError with the reason and the scope if there is none."""
    op: Any = type(node.op)
    if op in table:
        return table[op]
    raise ExportError(f"{who} cannot express {told(node)}: {cannot.get(op, 'it is not in the table')}")


def told(node: Tensor) -> str:
    """The Op that made a node, with scope, name, shape and dtype."""
    return f"{node.op!r}{node.scope.place}, which gives {node.name or 'a tensor'} {node.shape} {node.dtype}"
