"""Gradients as functions: grad, value_and_grad, jvp, hvp. Imports Tensor and the reverse walk."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from minigrad.autodiff import ancestors, disconnected, leading_to, pull_back_arrays, pull_back_nodes
from minigrad.context import current, using
from minigrad.device import beside
from minigrad.errors import DTypeError, GradientError, UsageError
from minigrad.tensor import Tensor, cotangent, own

Tensors = Sequence[Tensor]


def grad(
    outputs: Tensor | Tensors,
    inputs: Tensor | Tensors,
    grad_outputs: Any = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """Gradients of the outputs (their sum, weighted by `grad_outputs`) by each input, in order.

    With `create_graph` the gradients are nodes that can be differentiated again. An input that the outputs do not
    depend on is a GradientError, or gives None with `allow_unused`. Inputs may be inner nodes of the graph.
    """
    ys, xs = tensors(outputs), tensors(inputs)
    weights = [None] * len(ys) if grad_outputs is None else one_for_each("grad_outputs", grad_outputs, ys)
    path = leading_to(xs, ancestors([y for y in ys if y.requires_grad], differentiable_only=True))
    found = pulled(path, ys, weights, xs, create_graph or current.get().tracing)
    if not allow_unused:
        refuse_unused(ys, xs, found)
    return tuple(found.get(id(x)) for x in xs)


def pulled(path: list[Any], ys: list[Any], weights: list[Any], xs: list[Any], build: bool) -> dict[int, Any]:
    """The gradients found, by id of the input; with `build` they are nodes that can be differentiated again."""
    on_path = {id(node) for node in path}
    starts = [(y, cotangent(y, w)) for y, w in zip(ys, weights, strict=True) if id(y) in on_path]
    keep = {id(x) for x in xs}
    if build:
        with using(replace(current.get(), recording=True)):
            return pull_back_nodes(path, summed(starts), keep)
    arrays = {key: g.data for key, g in summed(starts).items()}
    return own(pull_back_arrays(path, arrays, keep), *(g for _, g in starts))


def summed(starts: list[tuple[Tensor, Tensor]]) -> dict[int, Tensor]:
    """The gradients to start from, by id of the output; an output that is named twice counts twice."""
    total: dict[int, Tensor] = {}
    for y, g in starts:
        total[id(y)] = total[id(y)] + g if id(y) in total else g
    return total


def refuse_unused(ys: list[Any], xs: list[Any], found: dict[int, Any]) -> None:
    """GradientError that names the first input without a gradient, and the reason."""
    for i, x in enumerate(xs):
        if id(x) in found and x.requires_grad:
            continue
        what = f"input {i} ({x.name})" if x.name else f"input {i} of shape {x.shape}"
        if not x.requires_grad:
            raise GradientError(f"{what} does not require a gradient; make it with requires_grad=True")
        if not any(y.requires_grad for y in ys):
            raise GradientError(disconnected(ys[0]))
        raise GradientError(f"the outputs do not depend on {what}; pass allow_unused=True to get None for it")


def listed(x: Any) -> list[Any]:
    """A list or tuple as a list; a single thing as a list of one."""
    return list(x) if isinstance(x, list | tuple) else [x]


def tensors(x: Any) -> list[Any]:
    """A Tensor or a sequence of them as a list; DTypeError if something else is among them."""
    for t in listed(x):
        if not isinstance(t, Tensor):
            raise DTypeError(f"gradients are taken of Tensors and with respect to Tensors, not of a {type(t).__name__}")
    return listed(x)


def one_for_each(name: str, given: Any, xs: list[Any]) -> list[Any]:
    """`given` as a list; UsageError unless it has one entry for each of the tensors xs."""
    if len(listed(given)) != len(xs):
        raise UsageError(f"{name} should have one entry for each of {len(xs)} tensors, and has {len(listed(given))}")
    return listed(given)


def zeros_like(x: Tensor) -> Tensor:
    """A leaf of zeros of x's shape and dtype: the gradient of something that does not depend on x."""
    return Tensor(beside(np.zeros(x.shape, x.dtype), x))


def value_and_grad(f: Callable[..., Tensor], argnums: int | tuple[int, ...] = 0) -> Callable[..., tuple[Tensor, Any]]:
    """A function that returns f(*args) and its gradient by the argument(s) numbered `argnums`.

    One number gives one gradient, a tuple gives a tuple. Inside a trace, or when an argument already requires a
    gradient, the gradients can be differentiated again, so these functions nest.
    """
    numbers = argnums if isinstance(argnums, tuple) else (argnums,)

    def value_and_gradient(*args: Any, **kwargs: Any) -> tuple[Tensor, Any]:
        if not all(-len(args) <= i < len(args) for i in numbers):
            raise UsageError(f"argnums is {argnums}, and the call has {len(args)} positional arguments")
        nested = current.get().tracing or any(isinstance(args[i], Tensor) and args[i].requires_grad for i in numbers)
        operands = list(args)
        for i in numbers:
            operands[i] = differentiable(args[i])
        value = f(*operands, **kwargs)
        gradients = grad(value, [operands[i] for i in numbers], create_graph=nested)
        return value, gradients if isinstance(argnums, tuple) else gradients[0]

    return value_and_gradient


def differentiable(x: Any) -> Tensor:
    """x if it requires a gradient, else a new leaf with its value that does; integers become floats."""
    if isinstance(x, Tensor) and (x.requires_grad or current.get().tracing):
        return x
    array = x.numpy() if isinstance(x, Tensor) else np.asarray(x)
    return Tensor(array if array.dtype.kind in "fc" else array.astype(float), requires_grad=True)


def jvp(outputs: Tensor | Tensors, inputs: Tensor | Tensors, tangents: Any, create_graph: bool = False) -> Any:
    """Jacobian-vector products: how fast each output changes when each input moves along its tangent.

    Done by two reverse passes: gx is linear in g, so the derivative of ⟨gx, tangent⟩ by g is the tangent of y.
    """
    ys, xs = tensors(outputs), tensors(inputs)
    vs = one_for_each("tangents", tangents, xs)
    dummies = [zeros_like(y).requires_grad_() for y in ys]
    gradients = grad(ys, xs, dummies, create_graph=True, allow_unused=True)
    used = [(gx, v) for gx, v in zip(gradients, vs, strict=True) if gx is not None and gx.requires_grad]
    if not used:
        return tuple(map(zeros_like, ys))
    moved = grad([gx for gx, _ in used], dummies, [v for _, v in used], create_graph, allow_unused=True)
    return tuple(zeros_like(y) if dy is None else dy for y, dy in zip(ys, moved, strict=True))


def hvp(loss: Tensor, inputs: Tensor | Tensors, vectors: Any, create_graph: bool = False) -> tuple[Tensor, ...]:
    """Hessian-vector products of a scalar loss: the gradient of ⟨gradient, vectors⟩."""
    xs = tensors(inputs)
    gradients: Any = grad(loss, xs, create_graph=True)
    products = grad(gradients, xs, one_for_each("vectors", vectors, xs), create_graph, allow_unused=True)
    return tuple(zeros_like(x) if hx is None else hx for x, hx in zip(xs, products, strict=True))
