"""The reverse walk: gradients from the rules of the Ops. Knows a node's op, inputs and value, not the class Tensor.

On arrays it is the fast first-order pass; on nodes it builds a graph, so that a gradient can be differentiated again.
All walks are iterative: nodes are numbered as they are made, so sorting by number is a topological order.
"""

from collections.abc import Iterable
from dataclasses import replace
from operator import attrgetter
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np

from minigrad.context import Scope, current, using
from minigrad.errors import GradientError
from minigrad.mutation import changes
from minigrad.op import Array, Gradient, Op, Value, apply
from minigrad.ops.linalg import Product, ProductSum
from minigrad.ops.shape import SumTo
from minigrad.symbol import Symbol


class Node(Protocol):
    """What the walks below need to know of a Tensor."""

    op: Op | None
    inputs: tuple[Any, ...]
    data: Any
    requires_grad: bool
    serial: int
    scope: Scope
    name: str | None


AnyNode = TypeVar("AnyNode", bound=Node)
Gradients: TypeAlias = dict[int, Value]
by_serial = attrgetter("serial")


def ancestors(
    outputs: Iterable[AnyNode], differentiable_only: bool = False, inputs: Iterable[AnyNode] = ()
) -> list[AnyNode]:
    """All nodes that the outputs depend on, outputs included, in the order in which they were made.

    The search stops at `inputs`, which are part of the result even if the outputs do not depend on them.
    """
    found = {id(node): node for node in inputs}
    waiting = [node for node in outputs if id(node) not in found]
    found |= {id(node): node for node in waiting}
    while waiting:
        for x in waiting.pop().inputs:
            if id(x) not in found and (x.requires_grad or not differentiable_only):
                found[id(x)] = x
                waiting.append(x)
    return sorted(found.values(), key=by_serial)


def leading_to(wanted: Iterable[Node], order: list[Node]) -> list[Node]:
    """Those nodes of a topological `order` that depend on a wanted node: the only ones a backward pass has to visit.

    A freed node is included, since its inputs are no longer known; the backward pass will then raise an error there.
    """
    reached = {id(node) for node in wanted}
    path = []
    for node in order:
        if id(node) in reached or any(id(x) in reached for x in node.inputs) or type(node.op) is Freed:
            reached.add(id(node))
            path.append(node)
    return path


FREED = (
    "this graph was freed by an earlier backward(retain_graph=False); compute the loss again, "
    "or leave retain_graph=True for all but the last backward"
)


class Freed(Op):
    """Replaces a node's Op once `backward(retain_graph=False)` has passed over the node."""

    def vjp(self, *args: Any, **kwargs: Any) -> tuple[Gradient, ...]:
        """Raises the error that a second backward pass gets."""
        raise GradientError(FREED)


def pull_back_arrays(path: list[AnyNode], gradients: Gradients, keep: set[int], release: bool = False) -> Gradients:
    """First-order gradients, as arrays, of the nodes whose ids are in `keep`.

    `path` holds the nodes to visit in topological order; `gradients` maps ids of outputs to the gradients to start
    from. Both are emptied on the way, so that arrays nobody else holds are freed early; with `release` the nodes forget
    their Ops and inputs too.
    """
    results: Gradients = {}
    owned: set[int] = set()  # gradients in arrays that this walk made and may add into
    products: dict[int, ProductSum] = {}
    on_path = {id(node) for node in path}
    observers = current.get().observers
    while path:
        node = path.pop()
        key = id(node)
        g = gradients.pop(key, None)
        if key in products:
            g = products.pop(key).added_to(g, node.data.dtype)
        if g is None:
            continue
        if key in keep:
            results[key] = g
        op, inputs = node.op, node.inputs
        if op is None:
            continue
        if changes.latest > node.serial:
            refuse_changed(node, op)
        for observer in observers:
            observer.pulling(node, g)
        if op.accumulate is not None:
            accumulate(op, inputs[0], g, gradients, owned)
        else:
            # written out here, without helpers: this loop is the whole overhead of a backward pass
            for x, gx in zip(inputs, op.vjp(g, node.data, *[x.data for x in inputs])):  # noqa: B905 (costs 0.2 µs)
                key = id(x)
                if gx is None or key not in on_path:
                    continue
                into = x.data
                if callable(gx):
                    if type(gx) is Product:
                        products.setdefault(key, ProductSum()).add(gx)
                        continue
                    gx = gx()
                if op.broadcasts and gx.shape != into.shape:
                    gx = SumTo(into.shape).forward(gx)
                if gx.dtype is not into.dtype:
                    gx = gx.astype(into.dtype)
                total = gradients.get(key)
                if total is None:
                    gradients[key] = gx
                elif key in owned:
                    total += gx
                    gradients[key] = total
                else:
                    gradients[key] = total + gx
                    owned.add(key)
        if release:
            node.op, node.inputs = Freed(), ()
    return results


def accumulate(op: Op, x: Node, g: Array, gradients: Gradients, owned: set[int]) -> None:
    """Adds the gradient of an Op with `accumulate` in place: many slices of one array share one gradient array."""
    if not x.requires_grad:
        return
    key = id(x)
    total = gradients.get(key)
    if key not in owned:
        gradients[key] = total = np.zeros_like(x.data) if total is None else total.copy()
        owned.add(key)
    assert op.accumulate is not None
    op.accumulate(total, g, x.data)


def read_by(node: AnyNode, op: Op) -> list[AnyNode]:
    """The nodes whose values a node's rule reads in the backward pass: they are kept until then."""
    return [*(node.inputs if "x" in op.reads else ()), *([node] if "y" in op.reads else ())]


def refuse_changed(node: Node, op: Op) -> None:
    """GradientError when an array that this node's rule reads was changed in place after the node was made."""
    for saved in read_by(node, op):
        if (change := changes.since(saved.data, node.serial)) is not None:
            raise GradientError(
                f"{change.name} was changed in place at {change.line} after {op!r}{node.scope.place} read it, and the "
                "backward pass needs its old value; change it after backward(), or work on a copy"
            )


def pull_back_nodes(path: list[Node], gradients: Gradients, keep: set[int]) -> Gradients:
    """The same walk on nodes. It builds the graph of the gradients, each part in the scope of the node it is for."""
    results: Gradients = {}
    on_path = {id(node) for node in path}
    context = current.get()
    for node in reversed(path):
        key = id(node)
        g = gradients.pop(key, None)
        if g is None:
            continue
        if key in keep:
            results[key] = g
        if node.op is None:
            continue
        if changes.latest > node.serial and not isinstance(node.data, Symbol):  # a program reads leaves anew
            refuse_changed(node, node.op)
        for observer in context.observers:
            observer.pulling(node, g)
        with using(replace(context, scope=replace(node.scope, backward=True))):
            for x, gx in zip(node.inputs, node.op.vjp(g, node, *node.inputs), strict=True):
                if gx is not None and id(x) in on_path:
                    gx = fitted(gx() if callable(gx) else gx, x)
                    gradients[id(x)] = gradients[id(x)] + gx if id(x) in gradients else gx
    return results


def fitted(gx: Value, x: Node) -> Value:
    """The gradient gx summed back to the shape of its input x and cast to its dtype."""
    if gx.shape != x.data.shape:
        gx = apply(SumTo(x.data.shape), gx)
    return gx if gx.dtype == x.data.dtype else gx.astype(x.data.dtype)


def disconnected(y: Node) -> str:
    """The reason why no gradient can flow from y to any parameter, as the text of an error."""
    if not y.requires_grad:
        made = f"made by {y.op!r}" if y.op else "a leaf, or made under no_grad() or from tensors that need no gradient"
        return f"nothing to differentiate: the tensor is {made}; give a parameter requires_grad=True first"
    if any(type(node.op) is Freed for node in ancestors([y])):
        return FREED
    return "no parameter that requires a gradient leads to this tensor"
